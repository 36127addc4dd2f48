//! Where the location parameter comes from when it is not fixed: a ramp over the epochs, labels
//! ([`crate::auc::macro_auc`]), or the batches themselves.

use crate::error::Result;
use crate::params::{ClassPrior, Location};
use crate::views::Batch;
use tch::{Kind, Tensor};

/// Where both ramps begin.
const RAMP_START: f64 = 0.501;

/// Values in the authors' ramp.
const RAMP_STEPS: u32 = 20;

/// The authors' ramp: 20 values evenly from 0.501 to alpha, each for a twentieth of the epochs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LinearSteps {
    end: Location,
}

/// The same ramp with a new value each epoch; the last epoch has alpha itself.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SmoothRamp {
    end: Location,
}

impl LinearSteps {
    /// A ramp that ends at `end`.
    #[must_use]
    pub fn new(end: Location) -> Self {
        Self { end }
    }

    /// The location in `epoch`, from 0, of `total`.
    #[must_use]
    pub fn at(&self, epoch: u32, total: u32) -> Location {
        let step = (u64::from(epoch) * u64::from(RAMP_STEPS) / u64::from(total.max(1)))
            .min(u64::from(RAMP_STEPS) - 1);
        ramp(self.end, step as f64 / f64::from(RAMP_STEPS - 1))
    }
}

impl SmoothRamp {
    /// A ramp that ends at `end`.
    #[must_use]
    pub fn new(end: Location) -> Self {
        Self { end }
    }

    /// The location in `epoch`, from 0, of `total`.
    #[must_use]
    pub fn at(&self, epoch: u32, total: u32) -> Location {
        let last = total.saturating_sub(1);
        ramp(self.end, if last == 0 { 1.0 } else { f64::from(epoch.min(last)) / f64::from(last) })
    }
}

fn ramp(end: Location, share: f64) -> Location {
    let value = RAMP_START + (end.get() - RAMP_START) * share;
    Location::new(value.clamp(0.5, 1.0)).unwrap_or(end)
}

/// The location estimated without labels, from augmentation pairs.
///
/// **Estimator.** In a batch, A = the share of negatives that score below the anchor's positive (ties half), averaged over
/// anchors. A random negative is a true one with probability tau-, which a positive beats with probability alpha,
/// and a false one with probability tau+, which scores like a positive and is beaten half the time:
/// E A = tau- alpha + tau+ / 2, so alpha = (A - tau+ / 2) / tau-, kept in [0.5, 1].
///
/// **Bias.** Upwards. alpha is meant for positives of the same class; two views of one image are more alike than two
/// images of a class, so A is larger than it should be. Late in training A is close to 1 and so is the estimate,
/// while the macro-AUC with labels is far lower.
#[derive(Debug, Clone, Copy)]
pub struct PairAuc;

impl PairAuc {
    /// A for one two-view batch, `z1` and `z2` B x D, rows of length 1: one f64 on their device, so that nothing waits.
    ///
    /// # Errors
    /// When the views do not fit each other.
    pub fn observe(z1: &Tensor, z2: &Tensor) -> Result<Tensor> {
        let _guard = tch::no_grad_guard();
        let rows = Batch::two_views(z1, z2)?.rows()?;
        let positive = rows.positive.f_unsqueeze(1)?; // 2B x 1
        let above = rows.negative.f_lt_tensor(&positive)?.f_mean(Kind::Double)?;
        let tied = rows.negative.f_eq_tensor(&positive)?.f_mean(Kind::Double)?;
        Ok(above.f_add(&tied.f_div_scalar(2.0)?)?)
    }

    /// The location for an observed mean of A.
    #[must_use]
    pub fn location(observed: f64, class_prior: ClassPrior) -> Location {
        let tau = class_prior.get();
        let alpha = (observed - tau / 2.0) / (1.0 - tau);
        // NaN, from an encoder that broke, says nothing.
        Location::new(alpha.clamp(0.5, 1.0)).unwrap_or(Location::LOWEST)
    }
}
