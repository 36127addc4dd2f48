//! What can be wrong with a model or a checkpoint.

use std::path::PathBuf;

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// A problem with a model, an input or a checkpoint.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A name that is none of those known.
    #[error("{what}: expected {expected}, got {got:?}")]
    Name {
        /// What was being named.
        what: &'static str,
        /// The names known.
        expected: &'static str,
        /// The name given.
        got: String,
    },
    /// A number out of range.
    #[error("{name}: expected {expected}, got {got}")]
    Parameter {
        /// The parameter.
        name: &'static str,
        /// Its range.
        expected: &'static str,
        /// The value given.
        got: String,
    },
    /// A tensor of the wrong shape.
    #[error("{operation}: expected {expected}, got shape {got:?}")]
    Shape {
        /// What was asked for.
        operation: &'static str,
        /// The shape that fits.
        expected: String,
        /// The shape given.
        got: Vec<i64>,
    },
    /// Tensors of a checkpoint that do not fit the model.
    #[error("checkpoint does not fit: {0}")]
    Mismatch(String),
    /// A checkpoint that cannot be read or written.
    #[error("{}: {doing}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What was being done.
        doing: &'static str,
        /// Why it failed.
        source: std::io::Error,
    },
    /// A file that is no checkpoint, or a damaged one.
    #[error("{}: expected a whole safetensors file, got {got}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is there.
        got: String,
    },
    /// libtorch refused.
    #[error("libtorch: {0}")]
    Torch(#[from] tch::TchError),
}
