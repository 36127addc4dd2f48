//! What can be wrong with an input: each error names the operation, what was expected and what it got.

/// Result, of this crate unless another error is named.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An input that a loss cannot work with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
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
    /// A tensor of the wrong type.
    #[error("{operation}: expected {expected}, got {got:?}")]
    Dtype {
        /// What was asked for.
        operation: &'static str,
        /// The types that fit.
        expected: String,
        /// The type given.
        got: tch::Kind,
    },
    /// Tensors on different devices.
    #[error("{operation}: expected all tensors on {expected:?}, got one on {got:?}")]
    Device {
        /// What was asked for.
        operation: &'static str,
        /// The device of the first tensor.
        expected: tch::Device,
        /// The device of the other.
        got: tch::Device,
    },
    /// A parameter out of range, or not a number.
    #[error("{name}: expected {expected}, got {got}")]
    Parameter {
        /// The parameter.
        name: &'static str,
        /// Its range.
        expected: &'static str,
        /// The value given.
        got: f64,
    },
    /// A combination of parameters that has no meaning.
    #[error("alpha = beta = 1: the target density is 0/0 there; take beta below 1 or alpha below 1")]
    UndefinedCorner,
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
    /// Labels are needed and were not given.
    #[error("{operation}: needs labels; give them with Batch::with_labels")]
    Labels {
        /// What was asked for.
        operation: &'static str,
    },
    /// An evaluation that this batch or estimator does not have.
    #[error("{evaluation} evaluation: expected {expected}, got {got}")]
    Evaluation {
        /// The evaluation asked for.
        evaluation: &'static str,
        /// What it needs.
        expected: &'static str,
        /// What there is.
        got: String,
    },
    /// Embeddings that a backward pass has to go over again are no longer those of the forward pass.
    #[error(
        "embeddings: expected them as in the forward pass, got changed ones; give the loss a clone of what is updated in place"
    )]
    Modified,
    /// A saved state that cannot be one.
    #[error("state of a {what}: expected {expected}, got {got}")]
    State {
        /// What was to be restored.
        what: &'static str,
        /// What its state is.
        expected: &'static str,
        /// What was given.
        got: String,
    },
    /// libtorch refused.
    #[error("libtorch: {0}")]
    Torch(#[from] tch::TchError),
}
