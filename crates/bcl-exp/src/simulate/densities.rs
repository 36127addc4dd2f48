//! Score densities (the paper's Fig. 4) and weight curves.

use super::sampling::Uniform;
use anyhow::Result;
use bcl_core::{ClassPrior, Concentration, Location, OrderStats};
use serde::Serialize;

/// Where densities are evaluated: scores from -4 to 4.
const REACH: f64 = 4.0;
const BINS: usize = 80;

/// Samples behind each histogram.
const SAMPLES: usize = 200_000;

/// Densities at one score, the base density standard normal; histograms over the bin around it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DensityRow {
    /// Score.
    pub score: f64,
    /// Base density φ.
    pub phi: f64,
    /// True negatives.
    pub phi_tn: f64,
    /// False negatives.
    pub phi_fn: f64,
    /// Unlabeled samples.
    pub phi_un: f64,
    /// Target of BCL.
    pub psi: f64,
    /// Histogram of sampled true negatives, as a density.
    pub sampled_tn: f64,
    /// Histogram of sampled false negatives.
    pub sampled_fn: f64,
}

fn normal_cdf(score: f64) -> f64 {
    0.5 * libm::erfc(-score / std::f64::consts::SQRT_2)
}

/// Densities and histograms.
///
/// # Errors
/// When a parameter is out of range.
pub fn densities(alpha: f64, beta: f64, tau_plus: f64, seed: u64) -> Result<Vec<DensityRow>> {
    let model =
        OrderStats::new(Location::new(alpha)?, Concentration::new(beta)?, ClassPrior::new(tau_plus)?)?;
    let width = 2.0 * REACH / BINS as f64;
    let edges: Vec<f64> = (0..=BINS).map(|i| normal_cdf(-REACH + width * i as f64)).collect();
    // Φ is sampled directly; the bin of its score is where it falls between the edges' Φ.
    let histogram = |stream: u64, sample: &dyn Fn(f64) -> f64| {
        let mut uniform = Uniform::new(seed, 100, stream, 0);
        let mut counts = vec![0usize; BINS];
        for _ in 0..SAMPLES {
            let phi = sample(uniform.draw());
            let bin = edges.partition_point(|edge| *edge <= phi);
            if (1..=BINS).contains(&bin) {
                counts[bin - 1] += 1;
            }
        }
        counts.into_iter().map(|count| count as f64 / (SAMPLES as f64 * width)).collect::<Vec<f64>>()
    };
    let sampled_tn = histogram(0, &|u| model.sample_true_negative(u));
    let sampled_fn = histogram(1, &|u| model.sample_false_negative(u));
    let rows = (0..BINS).map(|bin| {
        let score = -REACH + width * (bin as f64 + 0.5);
        let cdf = normal_cdf(score);
        let phi = (-0.5 * score * score).exp() / std::f64::consts::TAU.sqrt();
        let (phi_tn, phi_fn) = (phi * model.true_negative(cdf), phi * model.false_negative(cdf));
        DensityRow {
            score,
            phi,
            phi_tn,
            phi_fn,
            phi_un: (1.0 - tau_plus) * phi_tn + tau_plus * phi_fn,
            psi: phi * model.target(cdf),
            sampled_tn: sampled_tn[bin],
            sampled_fn: sampled_fn[bin],
        }
    });
    Ok(rows.collect())
}

/// The weight of a negative at a quantile of its anchor's scores.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OmegaRow {
    /// Location.
    pub alpha: f64,
    /// Concentration.
    pub beta: f64,
    /// Class prior.
    pub tau_plus: f64,
    /// Share of the anchor's negatives that score at most as high.
    pub cdf: f64,
    /// Importance weight.
    pub omega: f64,
    /// Probability of being a true negative.
    pub posterior: f64,
}

/// ω over the quantiles for pairs of alpha and beta.
///
/// # Errors
/// When a parameter is out of range.
pub fn omega_curves(pairs: &[(f64, f64)], tau_plus: f64) -> Result<Vec<OmegaRow>> {
    let mut rows = Vec::new();
    for &(alpha, beta) in pairs {
        let model =
            OrderStats::new(Location::new(alpha)?, Concentration::new(beta)?, ClassPrior::new(tau_plus)?)?;
        rows.extend((1..=100).map(|percent| {
            let cdf = f64::from(percent) / 100.0;
            OmegaRow { alpha, beta, tau_plus, cdf, omega: model.omega(cdf), posterior: model.posterior(cdf) }
        }));
    }
    Ok(rows)
}
