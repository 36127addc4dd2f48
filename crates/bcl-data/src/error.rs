//! What can be wrong with data: each error names the file, what was expected and what was found.

use std::path::PathBuf;

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A problem with a data set or with what is asked of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file that cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file that cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file that cannot be downloaded.
    #[error("cannot download {address}: {reason}")]
    Download {
        /// Where it should be.
        address: String,
        /// What went wrong, the last time if it was tried again.
        reason: String,
    },
    /// A file whose content is not what it should be.
    #[error("{}: expected {expected}, got {got}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What fits.
        expected: String,
        /// What is there.
        got: String,
    },
    /// Files of a data set that are not there.
    #[error("{name}: not found in {}: {}", dir.display(), missing.join(", "))]
    Missing {
        /// The data set.
        name: String,
        /// Where it was looked for.
        dir: PathBuf,
        /// The files.
        missing: Vec<String>,
    },
    /// A name that is no data set.
    #[error("data set: expected one of {known}, got {name:?}")]
    Unknown {
        /// The name given.
        name: String,
        /// The names known.
        known: String,
    },
    /// libtorch refused.
    #[error("libtorch: {0}")]
    Torch(#[from] tch::TchError),
    /// A parameter out of range.
    #[error("{name}: expected {expected}, got {got}")]
    Parameter {
        /// The parameter.
        name: &'static str,
        /// Its range.
        expected: String,
        /// The value given.
        got: String,
    },
    /// The loader's thread ended before its work was done.
    #[error("the data loader stopped: {0}")]
    Loader(String),
}

impl Error {
    /// That `path` cannot be written.
    pub(crate) fn write(path: impl Into<PathBuf>, source: std::io::Error) -> Self {
        Self::Write { path: path.into(), source }
    }
}

/// A parse error before it is known from which file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed {
    /// What fits.
    pub expected: String,
    /// What is there.
    pub got: String,
}

impl Malformed {
    /// An error with what fits and what is there.
    pub(crate) fn new(expected: impl Into<String>, got: impl Into<String>) -> Self {
        Self { expected: expected.into(), got: got.into() }
    }

    /// Names the file.
    #[must_use]
    pub fn at(self, path: impl Into<PathBuf>) -> Error {
        Error::Content { path: path.into(), expected: self.expected, got: self.got }
    }
}
