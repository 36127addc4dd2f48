//! What is drawn: the authors' setting and its checks.

use anyhow::{Result, ensure};
use bcl_core::{ClassPrior, Concentration, Location, OrderStats, Temperature};

/// One numerical experiment. The default is the authors' `MSE.py`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Setting {
    /// Anchors.
    pub anchors: usize,
    /// Unlabeled negatives of each anchor.
    pub negatives: usize,
    /// Positives of each anchor, which DCL averages.
    pub positives: usize,
    /// Location.
    pub alpha: f64,
    /// Concentration.
    pub beta: f64,
    /// Class prior.
    pub tau_plus: f64,
    /// Temperature t: scores lie in plus or minus 1 / t², x = exp(score / t).
    pub temperature: f64,
}

impl Default for Setting {
    fn default() -> Self {
        Self {
            anchors: 100,
            negatives: 100,
            positives: 10,
            alpha: 0.9,
            beta: 0.5,
            tau_plus: 0.1,
            temperature: 0.5,
        }
    }
}

impl Setting {
    /// The score model, all parameters checked.
    ///
    /// # Errors
    /// When one is out of range.
    pub fn model(&self) -> Result<OrderStats> {
        ensure!(self.anchors >= 1, "anchors: expected at least 1, got 0");
        ensure!(self.negatives >= 1, "negatives: expected at least 1, got 0");
        ensure!(self.positives >= 1, "positives: expected at least 1, got 0");
        Temperature::new(self.temperature)?;
        let reach = self.exponent();
        ensure!(reach < 300.0, "temperature: expected one with 1 / t^3 < 300, got {}", self.temperature);
        let (alpha, beta) = (Location::new(self.alpha)?, Concentration::new(self.beta)?);
        Ok(OrderStats::new(alpha, beta, ClassPrior::new(self.tau_plus)?)?)
    }

    /// x runs from exp(-e) to exp(e) with this e = 1 / t³.
    #[must_use]
    pub fn exponent(&self) -> f64 {
        self.temperature.powi(-3)
    }

    /// x at Φ: scores are uniform under the base density, as the authors propose them.
    #[must_use]
    pub fn x(&self, phi: f64) -> f64 {
        (self.exponent() * (2.0 * phi - 1.0)).exp()
    }

    /// The smallest value DCL's estimate may take: exp(-1 / t²), as in the authors' script.
    #[must_use]
    pub fn dcl_floor(&self) -> f64 {
        (-self.temperature.powi(-2)).exp()
    }

    /// E x under a density 2 φ [u (1 - Φ) + v Φ] with u + v = 1, in closed form.
    #[must_use]
    pub fn expected(&self, u: f64, v: f64) -> f64 {
        let e = self.exponent();
        // Integrals of exp(e (2 p - 1)) and of p times that over [0, 1].
        let plain = e.sinh() / e;
        let first = e.exp() / (2.0 * e) - plain / (2.0 * e);
        2.0 * (u * (plain - first) + v * first)
    }

    /// E x over true negatives.
    #[must_use]
    pub fn expected_true(&self) -> f64 {
        self.expected(self.alpha, 1.0 - self.alpha)
    }

    /// E x over false negatives and positives.
    #[must_use]
    pub fn expected_false(&self) -> f64 {
        self.expected(1.0 - self.alpha, self.alpha)
    }

    /// E x over unlabeled samples: what the biased estimator finds.
    #[must_use]
    pub fn expected_unlabeled(&self) -> f64 {
        (1.0 - self.tau_plus) * self.expected_true() + self.tau_plus * self.expected_false()
    }

    /// E x under the target density ψ: what BCL finds with many negatives.
    #[must_use]
    pub fn expected_target(&self) -> f64 {
        let (easy, hard) = (self.alpha * (1.0 - self.beta), (1.0 - self.alpha) * self.beta);
        self.expected(easy / (easy + hard), hard / (easy + hard))
    }
}
