//! The location parameter over a run: what alpha is in each epoch, from a value, a ramp, labels or the batches.

use crate::config::{AlphaSource, LossSpec};
use anyhow::{Context, Result};
use bcl_core::location::{LinearSteps, PairAuc, SmoothRamp};
use bcl_core::{ClassPrior, Location};
use serde::{Deserialize, Serialize};
use tch::Tensor;

/// The oracle AUC is measured this many times in a run, as the authors do (every 20 of 400 epochs).
const ORACLE_MEASUREMENTS: u32 = 20;

/// Batches between two looks of the self-estimate: a look costs about as much as a plain loss.
const OBSERVE_EVERY: u64 = 4;

/// What has to be remembered between epochs; goes into the checkpoint.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct LocationState {
    alpha: Option<f64>,
    seen: u64,
    auc_sum: f64,
    auc_count: u64,
}

impl LocationState {
    /// Alpha for epoch `epoch` (from 0) of `total`; `measure` gives the oracle AUC when it is asked for.
    /// `None` for estimators without a location.
    pub(super) fn begin_epoch(
        &mut self,
        loss: &LossSpec,
        epoch: u32,
        total: u32,
        measure: impl FnOnce() -> Result<f64>,
    ) -> Result<Option<f64>> {
        let Some(source) = loss.alpha_source else {
            return Ok(None);
        };
        let target =
            || Location::new(loss.alpha.context("the location has no alpha")?).map_err(anyhow::Error::from);
        self.alpha = Some(match source {
            AlphaSource::Fixed => target()?.get(),
            AlphaSource::Linear => LinearSteps::new(target()?).at(epoch, total).get(),
            AlphaSource::Smooth => SmoothRamp::new(target()?).at(epoch, total).get(),
            AlphaSource::OracleAuc if epoch.is_multiple_of((total / ORACLE_MEASUREMENTS).max(1)) => {
                measure()?.clamp(0.5, 1.0)
            }
            AlphaSource::OracleAuc => self.alpha.unwrap_or(0.5),
            AlphaSource::SelfEstimated => self.self_estimate(loss)?,
        });
        Ok(self.alpha)
    }

    /// The mean over the last epoch's looks; 0.5, which debiases nothing, before the first.
    fn self_estimate(&mut self, loss: &LossSpec) -> Result<f64> {
        if self.auc_count == 0 {
            return Ok(0.5);
        }
        let observed = self.auc_sum / self.auc_count as f64;
        (self.seen, self.auc_sum, self.auc_count) = (0, 0.0, 0);
        let prior = ClassPrior::new(loss.tau_plus.unwrap_or(0.0))?;
        Ok(PairAuc::location(observed, prior).get())
    }

    /// Lets the self-estimate look at a batch of projections.
    pub(super) fn observe(&mut self, loss: &LossSpec, z1: &Tensor, z2: &Tensor) -> Result<()> {
        if loss.alpha_source != Some(AlphaSource::SelfEstimated) {
            return Ok(());
        }
        if self.seen.is_multiple_of(OBSERVE_EVERY) {
            self.auc_sum += PairAuc::observe(z1, z2)?;
            self.auc_count += 1;
        }
        self.seen += 1;
        Ok(())
    }
}
