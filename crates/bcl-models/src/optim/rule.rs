//! What an optimizer's rule is, and the checks that all of them share.

use crate::error::{Error, Result};
use tch::Tensor;

/// A step to take.
pub(super) struct Step<'a> {
    /// Every parameter, flat.
    pub(super) weight: &'a Tensor,
    /// Its gradient.
    pub(super) gradient: &'a Tensor,
    /// The step size in use.
    pub(super) lr: f64,
    /// The step's number, from 1.
    pub(super) number: i64,
}

/// How gradients move weights.
pub(super) trait Rule: std::fmt::Debug + Send {
    /// Moves the weights, and what the rule remembers. Runs without a graph.
    fn step(&mut self, step: &Step<'_>) -> Result<()>;

    /// What the rule remembers, by name.
    fn state(&self) -> Vec<(&'static str, &Tensor)>;
}

pub(super) fn check(name: &'static str, expected: &'static str, fits: bool, got: f64) -> Result<()> {
    if fits { Ok(()) } else { Err(Error::Parameter { name, expected, got: got.to_string() }) }
}

/// Checks what every rule has.
pub(super) fn decays(lr: f64, weight_decay: f64) -> Result<()> {
    check("learning rate", "a finite number >= 0", lr.is_finite() && lr >= 0.0, lr)?;
    let fits = weight_decay.is_finite() && weight_decay >= 0.0;
    check("weight decay", "a finite number >= 0", fits, weight_decay)
}
