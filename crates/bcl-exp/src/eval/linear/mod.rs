//! Linear probes: a linear layer on frozen features.
//!
//! [`cached()`] fits multinomial logistic regression to the features of plain images, to convergence; [`published()`]
//! follows the paper: augmented images, Adam, a fixed number of epochs.

mod cached;
mod lbfgs;
mod published;

pub use cached::{CachedProbe, PENALTY, cached, check_penalty};
pub use published::{EPOCHS, PublishedProbe, published};

use super::{Features, Outcome};
use anyhow::Result;
use tch::Tensor;

/// A linear layer that tells classes apart.
#[derive(Debug)]
pub struct LinearClassifier {
    /// C x F, for features as they come out of the encoder.
    pub weight: Tensor,
    /// C.
    pub bias: Tensor,
}

impl LinearClassifier {
    /// Scores N x C of features N x F.
    ///
    /// # Errors
    /// When widths differ.
    pub fn scores(&self, x: &Tensor) -> Result<Tensor> {
        let _guard = tch::no_grad_guard();
        Ok(x.f_linear(&self.weight, Some(&self.bias))?)
    }
}

/// Judges a classifier on a split.
///
/// # Errors
/// When widths differ.
pub fn judge(classifier: &LinearClassifier, test: &Features) -> Result<Outcome> {
    Outcome::new(&classifier.scores(&test.x)?, &test.labels)
}
