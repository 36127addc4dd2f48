//! One point of a sweep: scores of every anchor, the truth, and what each estimator makes of them.

use super::sampling::Uniform;
use super::setting::Setting;
use anyhow::Result;
use bcl_core::{Compat, WeightTable};

/// Estimates of the mean of x over true negatives.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Estimates {
    /// Mean over unlabeled samples.
    pub biased: f64,
    /// Debiased by the positives.
    pub dcl: f64,
    /// Weighted by ω, weights normalised to sum 1, as in the authors' script.
    pub bcl: f64,
    /// Weighted by ω as it is, as in the training loss.
    pub bcl_plain: f64,
}

impl Estimates {
    fn each(&mut self, other: &Self, combine: impl Fn(f64, f64) -> f64) {
        self.biased = combine(self.biased, other.biased);
        self.dcl = combine(self.dcl, other.dcl);
        self.bcl = combine(self.bcl, other.bcl);
        self.bcl_plain = combine(self.bcl_plain, other.bcl_plain);
    }
}

/// Averages over the anchors of one point.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Point {
    /// Mean of the truth: x averaged over an anchor's own true negatives.
    pub truth: f64,
    /// Means of the estimates.
    pub mean: Estimates,
    /// Mean squared differences from the anchor's own truth.
    pub mse: Estimates,
}

/// Draws and averages. A negative is a false one with probability tau+, independently; an anchor without a
/// true negative, whose truth is undefined, is drawn anew.
///
/// # Errors
/// When the setting is out of range.
pub fn run_point(
    setting: &Setting,
    (seed, experiment, point, repeat): (u64, u64, u64, u64),
) -> Result<Point> {
    let model = setting.model()?;
    let table = WeightTable::new(&model, setting.negatives, Compat::Exact);
    let mut uniform = Uniform::new(seed, experiment, point, repeat);
    let mut negatives: Vec<(f64, bool)> = vec![(0.0, false); setting.negatives];
    let mut total = Point::default();
    let n = setting.negatives as f64;
    for _ in 0..setting.anchors {
        loop {
            for negative in &mut negatives {
                let is_false = uniform.draw() < setting.tau_plus;
                let u = uniform.draw();
                let phi =
                    if is_false { model.sample_false_negative(u) } else { model.sample_true_negative(u) };
                *negative = (phi, is_false);
            }
            if negatives.iter().any(|(_, is_false)| !is_false) {
                break;
            }
        }
        // Sorted, a negative's rank is its place: scores are continuous, ties have probability 0.
        negatives.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        let (mut sum, mut weighted, mut weights, mut true_sum, mut true_count) = (0.0, 0.0, 0.0, 0.0, 0.0);
        for (&(phi, is_false), &omega) in negatives.iter().zip(table.omega()) {
            let x = setting.x(phi);
            sum += x;
            weighted += omega * x;
            weights += omega;
            if !is_false {
                true_sum += x;
                true_count += 1.0;
            }
        }
        let positive = (0..setting.positives)
            .map(|_| setting.x(model.sample_false_negative(uniform.draw())))
            .sum::<f64>()
            / setting.positives as f64;
        let biased = sum / n;
        let dcl = (biased - setting.tau_plus * positive) / (1.0 - setting.tau_plus);
        let estimates = Estimates {
            biased,
            dcl: dcl.max(setting.dcl_floor()),
            bcl: weighted / weights,
            bcl_plain: weighted / n,
        };
        let truth = true_sum / true_count;
        total.truth += truth;
        total.mean.each(&estimates, |sum, value| sum + value);
        total.mse.each(&estimates, |sum, value| sum + (value - truth).powi(2));
    }
    let anchors = setting.anchors as f64;
    let nothing = Estimates::default();
    total.truth /= anchors;
    total.mean.each(&nothing, |sum, _| sum / anchors);
    total.mse.each(&nothing, |sum, _| sum / anchors);
    Ok(total)
}
