//! The model of the scores in scalar f64: densities, distribution functions, importance weight, posterior.
//!
//! Everything is relative to the anchor's base score density φ with distribution function Φ; densities are
//! given as ratios to φ, so that they depend on Φ alone. Source: arXiv 2301.11673, Eq. 37-43 of the later
//! revision; the roots are written so that nothing cancels.
//!
//! This is what every tensor path is tested against.

use crate::error::{Error, Result};
use crate::params::{ClassPrior, Concentration, Location};

/// The score model for a location, a concentration and a class prior.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OrderStats {
    alpha: f64,
    beta: f64,
    tau_plus: f64,
}

impl OrderStats {
    /// A model.
    ///
    /// # Errors
    /// At alpha = beta = 1, where the target density is 0/0.
    pub fn new(alpha: Location, beta: Concentration, tau_plus: ClassPrior) -> Result<Self> {
        if alpha.get() == 1.0 && beta.get() == 1.0 {
            return Err(Error::UndefinedCorner);
        }
        Ok(Self { alpha: alpha.get(), beta: beta.get(), tau_plus: tau_plus.get() })
    }

    /// Coefficient of Φ² in F = b Φ + a Φ²; in [-1, 1].
    fn a(&self) -> f64 {
        (1.0 - 2.0 * self.alpha) * (1.0 - 2.0 * self.tau_plus)
    }

    /// Φ for an observed F = `cdf` in [0, 1]: the root of F = b Φ + a Φ² in [0, 1].
    #[must_use]
    pub fn phi(&self, cdf: f64) -> f64 {
        2.0 * cdf / (1.0 - self.a() + self.unlabeled(cdf))
    }

    /// 1 - Φ, without the cancellation near F = 1.
    fn one_minus_phi(&self, cdf: f64) -> f64 {
        let rest = 1.0 - cdf;
        if rest <= 0.0 { 0.0 } else { 2.0 * rest / (1.0 + self.a() + self.unlabeled(cdf)) }
    }

    /// F at Φ = `phi`: the distribution function of what a batch draws from.
    #[must_use]
    pub fn cdf(&self, phi: f64) -> f64 {
        let a = self.a();
        phi * (1.0 - a + a * phi)
    }

    /// φ_TN / φ at Φ = `phi`: true negatives.
    #[must_use]
    pub fn true_negative(&self, phi: f64) -> f64 {
        2.0 * (self.alpha * (1.0 - phi) + (1.0 - self.alpha) * phi)
    }

    /// φ_FN / φ at Φ = `phi`: false negatives, which score like positives.
    #[must_use]
    pub fn false_negative(&self, phi: f64) -> f64 {
        2.0 * ((1.0 - self.alpha) * (1.0 - phi) + self.alpha * phi)
    }

    /// φ_UN / φ at F = `cdf`: unlabeled samples. It equals r = √(b² + 4aF), here as a sum of terms of one sign.
    #[must_use]
    pub fn unlabeled(&self, cdf: f64) -> f64 {
        let a = self.a();
        let square = if a < 0.0 {
            (1.0 + a).powi(2) - 4.0 * a * (1.0 - cdf)
        } else {
            (1.0 - a).powi(2) + 4.0 * a * cdf
        };
        square.sqrt()
    }

    /// ψ / φ at Φ = `phi`: the target, hard true negatives.
    #[must_use]
    pub fn target(&self, phi: f64) -> f64 {
        let (easy, hard) = (self.alpha * (1.0 - self.beta), (1.0 - self.alpha) * self.beta);
        2.0 * (easy * (1.0 - phi) + hard * phi) / (easy + hard)
    }

    /// The importance weight ω = ψ / φ_UN of a negative at F = `cdf` in (0, 1].
    ///
    /// Its integral over F is 1 for every parameter: it is a ratio of densities.
    #[must_use]
    pub fn omega(&self, cdf: f64) -> f64 {
        let unlabeled = self.unlabeled(cdf);
        if unlabeled == 0.0 {
            return 1.0; // alpha = 1, tau+ = 0, F = 1: the limit, since psi = phi_TN = phi_UN there
        }
        let (easy, hard) = (self.alpha * (1.0 - self.beta), (1.0 - self.alpha) * self.beta);
        let target = 2.0 * (easy * self.one_minus_phi(cdf) + hard * self.phi(cdf)) / (easy + hard);
        target / unlabeled
    }

    /// p(TN | x): the probability that a negative at F = `cdf` is a true one. Its integral over F is 1 - tau+.
    #[must_use]
    pub fn posterior(&self, cdf: f64) -> f64 {
        let unlabeled = self.unlabeled(cdf);
        if unlabeled == 0.0 {
            return 1.0; // as in `omega`: with tau+ = 0 every negative is true
        }
        let true_negative = 2.0 * (self.alpha * self.one_minus_phi(cdf) + (1.0 - self.alpha) * self.phi(cdf));
        ((1.0 - self.tau_plus) * true_negative / unlabeled).min(1.0)
    }

    /// ω with the guards of the authors' code: 1e-3 added to a and to the normalisation of ψ, φ_UN from the
    /// densities at the Φ that results.
    #[must_use]
    pub fn omega_reference(&self, cdf: f64) -> f64 {
        const GUARD: f64 = 1e-3;
        let a = self.a() + GUARD;
        let b = 1.0 - self.a();
        let phi = 2.0 * cdf / (b + (b * b + 4.0 * a * cdf).sqrt());
        let (easy, hard) = (self.alpha * (1.0 - self.beta), (1.0 - self.alpha) * self.beta);
        let target = 2.0 * (easy * (1.0 - phi) + hard * phi) / (easy + hard + GUARD);
        let unlabeled =
            (1.0 - self.tau_plus) * self.true_negative(phi) + self.tau_plus * self.false_negative(phi);
        target / unlabeled
    }

    /// Φ of a true negative at quantile `u` in [0, 1]: inverts the distribution function of φ_TN.
    #[must_use]
    pub fn sample_true_negative(&self, u: f64) -> f64 {
        quantile(self.alpha, u)
    }

    /// Φ of a false negative at quantile `u` in [0, 1].
    #[must_use]
    pub fn sample_false_negative(&self, u: f64) -> f64 {
        quantile(1.0 - self.alpha, u)
    }
}

/// The root in [0, 1] of (1 - 2s) Φ² + 2s Φ = u, for s in [0, 1].
fn quantile(s: f64, u: f64) -> f64 {
    let denominator = s + (s * s + (1.0 - 2.0 * s) * u).max(0.0).sqrt();
    if denominator == 0.0 { 0.0 } else { (u / denominator).min(1.0) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn model(alpha: f64, beta: f64, tau: f64) -> OrderStats {
        OrderStats::new(
            Location::new(alpha).unwrap(),
            Concentration::new(beta).unwrap(),
            ClassPrior::new(tau).unwrap(),
        )
        .unwrap()
    }

    /// Integral of f over [0, 1] by Gauss-Legendre on pieces that shrink towards the ends, where r may vanish.
    fn integrate(f: impl Fn(f64) -> f64) -> f64 {
        const NODES: [(f64, f64); 5] = [
            (0.0, 0.568_888_888_888_888_9),
            (0.538_469_310_105_683, 0.478_628_670_499_366_5),
            (-0.538_469_310_105_683, 0.478_628_670_499_366_5),
            (0.906_179_845_938_664, 0.236_926_885_056_189_1),
            (-0.906_179_845_938_664, 0.236_926_885_056_189_1),
        ];
        let piece = |low: f64, high: f64| {
            let half = (high - low) / 2.0;
            NODES.iter().map(|(x, w)| w * half * f(low + half * (1.0 + x))).sum::<f64>()
        };
        // The half [0, 0.5] in pieces that shrink towards 0, and its mirror image.
        (0..120)
            .map(|k| {
                let (high, low) =
                    (0.5 * 0.7f64.powi(k), if k == 119 { 0.0 } else { 0.5 * 0.7f64.powi(k + 1) });
                piece(low, high) + piece(1.0 - high, 1.0 - low)
            })
            .sum()
    }

    #[test]
    fn the_undefined_corner_is_refused() {
        let (one, prior) = (1.0, ClassPrior::default());
        let refused = OrderStats::new(Location::new(one).unwrap(), Concentration::new(one).unwrap(), prior);
        assert!(matches!(refused, Err(Error::UndefinedCorner)));
    }

    #[test]
    fn limits_at_the_edges_are_finite() {
        let edge = model(1.0, 0.5, 0.0);
        for cdf in [1e-9, 0.5, 1.0 - 1e-12, 1.0] {
            assert!((edge.omega(cdf) - 1.0).abs() < 1e-9, "{cdf}");
            assert!((edge.posterior(cdf) - 1.0).abs() < 1e-9);
        }
        assert_eq!(model(0.9, 0.0, 0.1).omega(1.0), 0.0);
    }

    fn parameters() -> impl Strategy<Value = (f64, f64, f64)> {
        (0.5..=1.0, 0.0..=1.0, 0.0..0.99f64)
            .prop_filter("the corner", |(alpha, beta, _)| alpha * (1.0 - beta) + (1.0 - alpha) * beta > 1e-3)
    }

    proptest! {
        #[test]
        fn phi_inverts_the_distribution_function((alpha, beta, tau) in parameters(), cdf in 0.0..=1.0f64) {
            let m = model(alpha, beta, tau);
            let phi = m.phi(cdf);
            prop_assert!((0.0..=1.0 + 1e-12).contains(&phi));
            prop_assert!((m.cdf(phi) - cdf).abs() < 1e-12);
            prop_assert!((m.one_minus_phi(cdf) - (1.0 - phi)).abs() < 1e-7);
        }

        #[test]
        fn phi_is_monotone_from_0_to_1((alpha, beta, tau) in parameters()) {
            let m = model(alpha, beta, tau);
            prop_assert_eq!(m.phi(0.0), 0.0);
            prop_assert!((m.phi(1.0) - 1.0).abs() < 1e-12);
            let values: Vec<f64> = (0..=100).map(|i| m.phi(f64::from(i) / 100.0)).collect();
            prop_assert!(values.windows(2).all(|pair| pair[0] < pair[1]));
        }

        #[test]
        fn r_is_the_mixture_density((alpha, beta, tau) in parameters(), cdf in 0.0..=1.0f64) {
            let m = model(alpha, beta, tau);
            let phi = m.phi(cdf);
            let mixture = (1.0 - tau) * m.true_negative(phi) + tau * m.false_negative(phi);
            prop_assert!((m.unlabeled(cdf) - mixture).abs() < 1e-7);
        }

        #[test]
        fn omega_integrates_to_one((alpha, beta, tau) in parameters()) {
            let m = model(alpha, beta, tau);
            prop_assert!((integrate(|cdf| m.omega(cdf)) - 1.0).abs() < 1e-6);
        }

        #[test]
        fn the_posterior_is_a_probability_of_mean_tau_minus((alpha, beta, tau) in parameters(), cdf in 0.0..=1.0f64) {
            let m = model(alpha, beta, tau);
            prop_assert!((0.0..=1.0).contains(&m.posterior(cdf)));
            prop_assert!((integrate(|cdf| m.posterior(cdf)) - (1.0 - tau)).abs() < 1e-6);
        }

        #[test]
        fn the_posterior_falls_with_the_score(alpha in 0.51..=1.0f64, tau in 0.01..0.99f64) {
            let m = model(alpha, 0.5, tau);
            let values: Vec<f64> = (0..=50).map(|i| m.posterior(f64::from(i) / 50.0)).collect();
            prop_assert!(values.windows(2).all(|pair| pair[0] > pair[1]), "{values:?}");
        }

        #[test]
        fn samples_invert_their_distribution_functions(alpha in 0.5..=1.0f64, u in 0.0..=1.0f64) {
            let m = model(alpha, 0.3, 0.1);
            let negative = m.sample_true_negative(u);
            prop_assert!(((1.0 - 2.0 * alpha) * negative.powi(2) + 2.0 * alpha * negative - u).abs() < 1e-12);
            let positive = m.sample_false_negative(u);
            prop_assert!(((2.0 * alpha - 1.0) * positive.powi(2) + 2.0 * (1.0 - alpha) * positive - u).abs() < 1e-12);
        }

        #[test]
        fn settings_that_weigh_nothing_give_one(alpha in 0.5..=1.0f64, tau in 0.0..0.99f64, cdf in 0.001..=1.0f64) {
            prop_assert!((model(0.5, 0.5, tau).omega(cdf) - 1.0).abs() < 1e-12);
            prop_assert!((model(alpha, 0.5, 0.0).omega(cdf) - 1.0).abs() < 1e-6);
            if alpha < 1.0 {
                prop_assert!((model(alpha, alpha, 0.5).omega(cdf) - 1.0).abs() < 1e-12);
            }
        }

        #[test]
        fn beta_one_forgets_alpha_in_the_target(alpha in 0.5..0.999f64, phi in 0.0..=1.0f64) {
            prop_assert!((model(alpha, 1.0, 0.1).target(phi) - 2.0 * phi).abs() < 1e-12);
            prop_assert!((model(alpha, 0.5, 0.1).target(phi) - model(alpha, 0.5, 0.1).true_negative(phi)).abs() < 1e-12);
            prop_assert!((model(alpha, alpha, 0.1).target(phi) - 1.0).abs() < 1e-12);
        }
    }
}
