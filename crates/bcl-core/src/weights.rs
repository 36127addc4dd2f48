//! The weight table: ω and p(TN|x) depend on a negative's rank alone, so N numbers serve a whole batch.

use crate::order_stats::OrderStats;
use tch::{Device, Kind, Tensor};

/// Stands for the logarithm of 0: low enough that no score reaches it, yet finite, so that a row whose every
/// weight is 0 (tied scores at beta = 0, say) has a gradient of 0 and not NaN.
pub const LOG_ZERO: f64 = -1e4;

/// Exact mathematics, or the numbers of the authors' code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Compat {
    /// The closed form.
    #[default]
    Exact,
    /// With the 1e-3 that the authors add to `a` and to the normalisation of ψ.
    Reference,
}

/// ω and posterior for the ranks 1..=N of a negative among the N of its anchor, in f64.
#[derive(Debug, Clone, PartialEq)]
pub struct WeightTable {
    omega: Vec<f64>,
    posterior: Vec<f64>,
}

impl WeightTable {
    /// The table for rows of `negatives` negatives.
    #[must_use]
    pub fn new(model: &OrderStats, negatives: usize, compat: Compat) -> Self {
        let cdf = |rank: usize| rank as f64 / negatives as f64;
        let omega = |rank| match compat {
            Compat::Exact => model.omega(cdf(rank)),
            Compat::Reference => model.omega_reference(cdf(rank)),
        };
        Self {
            omega: (1..=negatives).map(omega).collect(),
            posterior: (1..=negatives).map(|rank| model.posterior(cdf(rank))).collect(),
        }
    }

    /// Importance weights; entry r - 1 belongs to rank r, rank N to the highest score.
    #[must_use]
    pub fn omega(&self) -> &[f64] {
        &self.omega
    }

    /// Posterior probabilities of being a true negative, as [`WeightTable::omega`].
    #[must_use]
    pub fn posterior(&self) -> &[f64] {
        &self.posterior
    }

    /// The logarithm of ω as a tensor of N elements; [`LOG_ZERO`] where ω is 0.
    pub fn log_omega_tensor(&self, kind: Kind, device: Device) -> Tensor {
        let log: Vec<f64> = self.omega.iter().map(|omega| omega.ln().max(LOG_ZERO)).collect();
        Tensor::from_slice(&log).to_kind(kind).to_device(device)
    }

    /// The posterior as a tensor of N elements.
    pub fn posterior_tensor(&self, kind: Kind, device: Device) -> Tensor {
        Tensor::from_slice(&self.posterior).to_kind(kind).to_device(device)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::{ClassPrior, Concentration, Location};

    #[test]
    fn the_mean_of_the_table_tends_to_one() {
        let model = OrderStats::new(
            Location::new(0.9).unwrap(),
            Concentration::new(0.9).unwrap(),
            ClassPrior::new(0.1).unwrap(),
        )
        .unwrap();
        let off = |n: usize| {
            let table = WeightTable::new(&model, n, Compat::Exact);
            (table.omega().iter().sum::<f64>() / n as f64 - 1.0).abs()
        };
        assert!(off(10_000) < 1e-3 && off(10_000) < off(100) / 10.0);
    }
}
