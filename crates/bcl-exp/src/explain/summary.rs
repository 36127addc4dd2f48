//! The numbers behind `explain`.

use anyhow::{Result, ensure};
use bcl_core::{ClassPrior, Compat, Concentration, Location, OrderStats, WeightTable};
use serde::Serialize;

/// A setting and what its weight table looks like.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// Location.
    pub alpha: f64,
    /// Concentration.
    pub beta: f64,
    /// Class prior.
    pub tau_plus: f64,
    /// Negatives of an anchor.
    pub negatives: usize,
    /// Mean of the weights; tends to 1 as the negatives grow in number.
    pub mean_weight: f64,
    /// Smallest weight.
    pub min_weight: f64,
    /// Largest weight.
    pub max_weight: f64,
    /// Weight of the easiest negative, rank 1.
    pub easiest_weight: f64,
    /// Weight of the hardest negative, rank N.
    pub hardest_weight: f64,
    /// (sum w)² / sum w²: how many equally weighted negatives would vary as little.
    pub effective_sample_size: f64,
    /// Share of the weight on the hardest tenth of the negatives.
    pub hardest_tenth_share: f64,
    /// Share of the negatives, from the easiest, at which the weight first crosses 1; none if it never does.
    pub crosses_one_at: Option<f64>,
    /// p(TN) of the hardest negative.
    pub hardest_posterior: f64,
    /// Expected number of false negatives.
    pub expected_false_negatives: f64,
    /// Share of the weight that the model expects on false negatives; tau+ without weights.
    pub false_negative_weight_share: f64,
    /// Weights by rank.
    pub omega: Vec<f64>,
    /// p(TN) by rank.
    pub posterior: Vec<f64>,
}

impl Summary {
    /// Computes the table.
    ///
    /// # Errors
    /// When a parameter is out of range.
    pub fn new(alpha: f64, beta: f64, tau_plus: f64, negatives: usize) -> Result<Self> {
        ensure!(
            (1..=10_000_000).contains(&negatives),
            "negatives: expected 1 to 10,000,000, got {negatives}"
        );
        let model =
            OrderStats::new(Location::new(alpha)?, Concentration::new(beta)?, ClassPrior::new(tau_plus)?)?;
        let table = WeightTable::new(&model, negatives, Compat::Exact);
        let (omega, posterior) = (table.omega().to_vec(), table.posterior().to_vec());
        let n = negatives as f64;
        let sum: f64 = omega.iter().sum();
        let squares: f64 = omega.iter().map(|w| w * w).sum();
        let tenth = negatives.div_ceil(10);
        let above = |w: &f64| *w > 1.0 + 1e-9;
        let begins_above = above(&omega[0]);
        let crossing = omega.iter().position(|w| above(w) != begins_above && (w - 1.0).abs() > 1e-9);
        let on_false: f64 = omega.iter().zip(&posterior).map(|(w, p)| w * (1.0 - p)).sum();
        Ok(Self {
            alpha,
            beta,
            tau_plus,
            negatives,
            mean_weight: sum / n,
            min_weight: omega.iter().copied().fold(f64::INFINITY, f64::min),
            max_weight: omega.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            easiest_weight: omega[0],
            hardest_weight: omega[negatives - 1],
            effective_sample_size: if squares > 0.0 { sum * sum / squares } else { 0.0 },
            hardest_tenth_share: if sum > 0.0 {
                omega[negatives - tenth..].iter().sum::<f64>() / sum
            } else {
                0.0
            },
            crosses_one_at: crossing.map(|index| (index + 1) as f64 / n),
            hardest_posterior: posterior[negatives - 1],
            expected_false_negatives: tau_plus * n,
            false_negative_weight_share: if sum > 0.0 { on_false / sum } else { 0.0 },
            omega,
            posterior,
        })
    }

    /// What a user should know about this setting.
    #[must_use]
    pub fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        let close = |a: f64, b: f64| (a - b).abs() < 1e-12;
        let flat = self.max_weight - self.min_weight < 1e-9;
        if flat {
            remarks.push("All weights are 1: BCL is SimCLR here.".into());
        } else if close(self.alpha, 0.5) {
            remarks.push(format!(
                "alpha = 0.5 says that a positive scores above a negative no more often than not: this debiases nothing. \
                 beta = {} alone {} hard negatives, false ones among them.",
                self.beta,
                if self.beta > 0.5 { "mines" } else { "spares" }
            ));
        }
        if self.tau_plus == 0.0 && !flat {
            remarks.push("tau+ = 0 says that there are no false negatives: the weights only mine, or spare, hard ones.".into());
        }
        if self.tau_plus > 0.5 {
            remarks.push("tau+ above 0.5 says that most negatives are false; is that meant? Its natural value is 1 / classes.".into());
        }
        if close(self.beta, 0.5) && !flat {
            remarks.push(
                "beta = 0.5 debiases only: the target is the density of true negatives as they are.".into(),
            );
        }
        if close(self.beta, self.alpha) && !flat {
            remarks.push("beta = alpha: the target is the base density; hardness outweighs just what the location takes away.".into());
        }
        if close(self.beta, 1.0) {
            remarks.push("beta = 1: the target is 2 φ Φ whatever alpha below 1; weights grow towards the hardest negatives.".into());
        }
        if self.hardest_weight > 1.0 && self.hardest_posterior < 0.5 {
            remarks.push(format!(
                "The hardest negatives weigh {:.2} although the model takes them for false with probability {:.2}.",
                self.hardest_weight,
                1.0 - self.hardest_posterior
            ));
        }
        if self.effective_sample_size < 0.5 * self.negatives as f64 {
            remarks.push(format!(
                "Few negatives carry the loss: the effective sample size is {:.0} of {}.",
                self.effective_sample_size, self.negatives
            ));
        }
        remarks
    }
}
