//! BCL, Bayesian contrastive learning: random negatives, each weighted by ω = target / sampling density.

use super::table_cache::TableCache;
use super::{ContrastiveLoss, NegativesTerm, Weighting, log_sum};
use crate::error::Result;
use crate::order_stats::OrderStats;
use crate::params::{ClassPrior, Concentration, Location, Temperature, Tilt};
use crate::rank::ranks;
use crate::views::Rows;
use crate::weights::{Compat, LOG_ZERO};
use tch::Tensor;

/// Which target density ψ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Formulation {
    /// The closed form in Φ: ψ ∝ φ [α (1 - β)(1 - Φ) + (1 - α) β Φ].
    #[default]
    Density,
    /// The paper's first version: ψ ∝ x^β φ_TN, a von Mises-Fisher-like tilt with β >= 0.
    VonMisesFisher,
}

/// `Ng = sum_j omega_j x_j`, with ω looked up by the rank of the score among the anchor's negatives (ties
/// "<="); no gradient flows through ω. Source: arXiv 2301.11673.
///
/// In the first formulation ω_j = x_j^β p_j / mean_k(x_k^β p_k) with p = p(TN | x).
#[derive(Debug, Clone)]
pub struct Bcl {
    alpha: Location,
    target: Target,
    class_prior: ClassPrior,
    temperature: Temperature,
    compat: Compat,
    model: OrderStats,
    tables: TableCache,
}

#[derive(Debug, Clone, Copy)]
enum Target {
    Density(Concentration),
    Tilted(Tilt),
}

impl Bcl {
    /// The closed form. tau+ is 0.1 and the temperature 0.5 unless set.
    ///
    /// # Errors
    /// At alpha = beta = 1.
    pub fn new(alpha: Location, beta: Concentration) -> Result<Self> {
        Self::with_target(alpha, Target::Density(beta))
    }

    /// The first, von Mises-Fisher-like formulation.
    ///
    /// # Errors
    /// None at present; the signature is that of [`Bcl::new`].
    pub fn von_mises_fisher(alpha: Location, tilt: Tilt) -> Result<Self> {
        Self::with_target(alpha, Target::Tilted(tilt))
    }

    fn with_target(alpha: Location, target: Target) -> Result<Self> {
        let class_prior = ClassPrior::default();
        let model = model(alpha, target, class_prior)?;
        let (temperature, compat) = (Temperature::default(), Compat::Exact);
        Ok(Self { alpha, target, class_prior, temperature, compat, model, tables: TableCache::default() })
    }

    /// Sets tau+.
    ///
    /// # Errors
    /// None that [`Bcl::new`] has not reported.
    pub fn class_prior(self, class_prior: ClassPrior) -> Result<Self> {
        let model = model(self.alpha, self.target, class_prior)?;
        Ok(Self { class_prior, model, tables: TableCache::default(), ..self })
    }

    /// Sets the temperature.
    #[must_use]
    pub fn temperature(self, temperature: Temperature) -> Self {
        Self { temperature, ..self }
    }

    /// Chooses the exact closed form or the authors' guards; the first formulation has no guards.
    #[must_use]
    pub fn compat(self, compat: Compat) -> Self {
        Self { compat, tables: TableCache::default(), ..self }
    }

    /// Sets another location, as training may do between epochs.
    ///
    /// # Errors
    /// At alpha = beta = 1.
    pub fn location(self, alpha: Location) -> Result<Self> {
        let model = model(alpha, self.target, self.class_prior)?;
        Ok(Self { alpha, model, tables: TableCache::default(), ..self })
    }

    /// log ω (A x N) with the ranks (A x N) and posterior (A x N) it comes from; detached.
    fn log_weights(&self, rows: &Rows) -> Result<(Tensor, Tensor, Tensor)> {
        let scores = rows.negative.f_detach()?;
        let ranks = ranks(&scores)?;
        let n = scores.size()[1];
        let (log_omega, posterior) =
            self.tables.get(&self.model, self.compat, (n, scores.kind(), scores.device()));
        let index = ranks.f_sub_scalar(1)?;
        let look_up = |table: &Tensor| -> Result<Tensor> { Ok(table.f_take(&index)?) };
        let posterior = look_up(&posterior)?;
        let log_weights = match self.target {
            Target::Density(_) => look_up(&log_omega)?,
            Target::Tilted(tilt) => {
                let log = scores
                    .f_mul_scalar(tilt.get() / self.temperature.get())?
                    .f_add(&posterior.f_log()?.f_clamp_min(LOG_ZERO)?)?;
                let log_mean = log.f_logsumexp([1i64].as_slice(), true)?.f_sub_scalar((n as f64).ln())?; // A x 1
                log.f_sub(&log_mean)?
            }
        };
        Ok((log_weights, ranks, posterior))
    }
}

fn model(alpha: Location, target: Target, class_prior: ClassPrior) -> Result<OrderStats> {
    // The tilted form uses the posterior alone, which does not depend on beta.
    let beta = match target {
        Target::Density(beta) => beta,
        Target::Tilted(_) => Concentration::new(0.5)?,
    };
    OrderStats::new(alpha, beta, class_prior)
}

impl ContrastiveLoss for Bcl {
    fn name(&self) -> &'static str {
        "BCL"
    }

    fn temperature(&self) -> Temperature {
        self.temperature
    }

    fn log_negatives(&self, rows: &Rows) -> Result<Tensor> {
        let (log_weights, _, _) = self.log_weights(rows)?;
        log_sum(&rows.negative.f_div_scalar(self.temperature.get())?.f_add(&log_weights)?)
    }

    fn negatives_term(&self, negatives: usize) -> Option<NegativesTerm> {
        let table = self.tables.slices(&self.model, self.compat, negatives);
        Some(match self.target {
            Target::Density(_) => NegativesTerm::ByRank { omega: table.omega },
            Target::Tilted(tilt) => NegativesTerm::Tilted { posterior: table.posterior, tilt: tilt.get() },
        })
    }

    fn boxed(&self) -> Box<dyn ContrastiveLoss> {
        Box::new(self.clone())
    }

    fn weighting(&self, rows: &Rows) -> Result<Weighting> {
        let (log_weights, ranks, posterior) = self.log_weights(rows)?;
        Ok(Weighting { weights: Some(log_weights.f_exp()?), posterior: Some(posterior), ranks: Some(ranks) })
    }
}
