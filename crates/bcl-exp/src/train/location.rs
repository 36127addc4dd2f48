//! The location parameter over a run: what alpha is in each epoch, from a value, a ramp, labels or the batches.

use super::running_sum::RunningSum;
use crate::config::{AlphaSource, LossSpec};
use anyhow::{Context, Result};
use bcl_core::location::{LinearSteps, PairAuc, SmoothRamp};
use bcl_core::{ClassPrior, Location};
use serde::{Deserialize, Serialize};
use tch::Tensor;

/// Unless the configuration says how often, the oracle AUC is measured this many times in a run, as the authors do (every
/// 20 of 400 epochs).
const ORACLE_MEASUREMENTS: u32 = 20;

/// Batches between two looks of the self-estimate: a look costs about as much as a plain loss.
const OBSERVE_EVERY: u64 = 4;

/// What has to be remembered between epochs; goes into the checkpoint.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct LocationState {
    alpha: Option<f64>,
    seen: u64,
    auc_sum: RunningSum,
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
            AlphaSource::OracleAuc => {
                let every = loss.alpha_every.unwrap_or((total / ORACLE_MEASUREMENTS).max(1));
                match self.alpha {
                    Some(alpha) if !epoch.is_multiple_of(every) => alpha,
                    _ => measure()?.clamp(0.5, 1.0),
                }
            }
            AlphaSource::SelfEstimated => self.self_estimate(loss)?,
        });
        Ok(self.alpha)
    }

    /// Alpha in use in the epoch that has begun.
    pub(super) fn alpha(&self) -> Option<f64> {
        self.alpha
    }

    /// The mean over the last epoch's looks; 0.5, which debiases nothing, before the first.
    fn self_estimate(&mut self, loss: &LossSpec) -> Result<f64> {
        if self.auc_count == 0 {
            return Ok(0.5);
        }
        let observed = self.auc_sum.value() / self.auc_count as f64;
        (self.seen, self.auc_sum, self.auc_count) = (0, RunningSum::default(), 0);
        let prior = ClassPrior::new(loss.tau_plus.unwrap_or(0.0))?;
        Ok(PairAuc::location(observed, prior).get())
    }

    /// Lets the self-estimate look at a batch of projections.
    pub(super) fn observe(&mut self, loss: &LossSpec, z1: &Tensor, z2: &Tensor) -> Result<()> {
        if loss.alpha_source != Some(AlphaSource::SelfEstimated) {
            return Ok(());
        }
        if self.seen.is_multiple_of(OBSERVE_EVERY) {
            self.auc_sum.add(&PairAuc::observe(z1, z2)?)?;
            self.auc_count += 1;
        }
        self.seen += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::LocationState;
    use crate::config::{LossRequest, LossSpec};
    use tch::Tensor;

    fn bcl(source: &str, every: Option<u32>) -> LossSpec {
        let request = LossRequest {
            estimator: "BCL".into(),
            alpha: Some(0.9),
            beta: Some(0.9),
            alpha_source: Some(source.into()),
            alpha_every: every,
            ..LossRequest::default()
        };
        request.resolve(0.1).unwrap()
    }

    /// Alpha in each epoch, and the epochs in which the oracle was asked; each answer is a little larger. The state is
    /// saved and restored between epochs.
    fn course(loss: &LossSpec, total: u32) -> (Vec<f64>, Vec<u32>) {
        let (mut state, mut asked) = (LocationState::default(), Vec::new());
        let alphas = (0..total).map(|epoch| {
            let measure = || {
                asked.push(epoch);
                Ok(0.6 + 0.001 * asked.len() as f64)
            };
            let alpha = state.begin_epoch(loss, epoch, total, measure).unwrap().unwrap();
            state = serde_json::from_str(&serde_json::to_string(&state).unwrap()).unwrap();
            assert_eq!(state.alpha(), Some(alpha));
            alpha
        });
        (alphas.collect(), asked)
    }

    #[test]
    fn the_linear_ramp_takes_the_authors_twenty_values() {
        let (alphas, asked) = course(&bcl("linear", None), 400);
        assert!(asked.is_empty());
        for (epoch, alpha) in alphas.iter().enumerate() {
            // numpy.linspace(0.501, 0.9, 20), each for 20 epochs
            let expected = 0.501 + (0.9 - 0.501) / 19.0 * (epoch / 20) as f64;
            assert!((alpha - expected).abs() < 1e-12, "epoch {epoch}: {alpha}");
        }
    }

    #[test]
    fn the_oracle_is_asked_twenty_times_or_as_often_as_said() {
        let (alphas, asked) = course(&bcl("oracle-auc", None), 400);
        assert_eq!(asked, (0..20).map(|step| 20 * step).collect::<Vec<_>>());
        assert_eq!((alphas[0], alphas[19], alphas[20]), (0.601, 0.601, 0.602));
        assert_eq!(course(&bcl("oracle-auc", None), 7).1, [0, 1, 2, 3, 4, 5, 6]);
        assert_eq!(course(&bcl("oracle-auc", Some(3)), 7).1, [0, 3, 6]);
    }

    #[test]
    fn the_self_estimate_begins_at_one_half_and_follows_the_batches() {
        let loss = bcl("self-estimated", None);
        let mut state = LocationState::default();
        let begin = |state: &mut LocationState, epoch| {
            state.begin_epoch(&loss, epoch, 3, || anyhow::bail!("no labels are asked for")).unwrap()
        };
        assert_eq!(begin(&mut state, 0), Some(0.5));
        let z = Tensor::eye(8, (tch::Kind::Float, tch::Device::Cpu));
        state.observe(&loss, &z, &z).unwrap(); // each positive beats every negative
        assert_eq!(begin(&mut state, 1), Some(1.0));
        assert_eq!(begin(&mut state, 2), Some(0.5), "nothing was seen in that epoch");
    }
}
