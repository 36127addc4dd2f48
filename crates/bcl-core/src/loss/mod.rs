//! Contrastive losses. They share one form and differ in the term of the negatives:
//!
//! ```text
//! L_i = -log( x+ / (x+ + Ng_i) ),   x = exp(score / t)
//! ```
//!
//! evaluated as `softplus(log Ng_i - s+ / t)`: nothing overflows at any temperature.

mod bcl;
mod config;
mod dcl;
mod hcl;
mod info_nce;
mod oracle;
mod table_cache;
mod term;

pub use bcl::{Bcl, Formulation};
pub use config::{Estimator, LossConfig};
pub use dcl::Dcl;
pub use hcl::Hcl;
pub use info_nce::InfoNce;
pub use oracle::Oracle;
pub use term::NegativesTerm;

use crate::error::Result;
use crate::evaluation;
use crate::params::Temperature;
use crate::views::{Batch, Rows};
use tch::Tensor;

/// How the losses of the anchors become one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reduction {
    /// Their mean: a scalar.
    #[default]
    Mean,
    /// Their sum: a scalar.
    Sum,
    /// Left apart: A values.
    None,
}

/// What an estimator did to the negatives: A x N each, in column order of the scores.
#[derive(Debug, Default)]
pub struct Weighting {
    /// Factor ω of x_j in the negatives' term; `None` where the term is no weighted sum or all factors are 1.
    pub weights: Option<Tensor>,
    /// p(TN | x_j), for estimators that have one.
    pub posterior: Option<Tensor>,
    /// Ranks, 1..=N, for estimators that use them.
    pub ranks: Option<Tensor>,
}

/// A loss with all that went into it.
#[derive(Debug)]
pub struct Detailed {
    /// Loss of each anchor: A, attached to the graph.
    pub per_anchor: Tensor,
    /// The scores.
    pub rows: Rows,
    /// Weights, posterior and ranks.
    pub weighting: Weighting,
}

/// A contrastive loss of embeddings.
pub trait ContrastiveLoss: Send + Sync + std::fmt::Debug {
    /// As in tables: `SimCLR`, `DCL`, `HCL`, `BCL`, `Oracle`.
    fn name(&self) -> &'static str;

    /// The temperature t.
    fn temperature(&self) -> Temperature;

    /// log Ng for each anchor: A values.
    ///
    /// # Errors
    /// When the rows lack what the estimator needs, or memory does not suffice.
    fn log_negatives(&self, rows: &Rows) -> Result<Tensor>;

    /// The same term in the form that the fused kernels evaluate, for `negatives` negatives an anchor; `None` where only
    /// tensors can, as for an estimator of your own.
    fn negatives_term(&self, negatives: usize) -> Option<NegativesTerm> {
        let _ = negatives;
        None
    }

    /// A copy: the graph keeps one for the backward pass.
    fn boxed(&self) -> Box<dyn ContrastiveLoss>;

    /// What the estimator does to the negatives of these rows.
    ///
    /// # Errors
    /// As for [`ContrastiveLoss::log_negatives`].
    fn weighting(&self, rows: &Rows) -> Result<Weighting> {
        let _ = rows;
        Ok(Weighting::default())
    }

    /// Mean loss of two views, B x D each: a scalar.
    ///
    /// # Errors
    /// When the views do not fit each other ([`Batch::two_views`]), or labels are needed.
    fn forward(&self, z1: &Tensor, z2: &Tensor) -> Result<Tensor> {
        self.forward_batch(&Batch::two_views(z1, z2)?, Reduction::Mean)
    }

    /// Loss of a batch in any form: a scalar, or A values with [`Reduction::None`]. How it is evaluated is the
    /// batch's [`Evaluation`](crate::Evaluation).
    ///
    /// # Errors
    /// When labels are needed and missing, memory does not suffice, or the evaluation asked for is not possible.
    fn forward_batch(&self, batch: &Batch, reduction: Reduction) -> Result<Tensor> {
        evaluation::forward(self, batch, reduction)
    }

    /// Loss of each anchor from its scores: A values.
    ///
    /// # Errors
    /// As for [`ContrastiveLoss::log_negatives`].
    fn per_anchor(&self, rows: &Rows) -> Result<Tensor> {
        // softplus(log Ng - s+ / t)
        let margin =
            self.log_negatives(rows)?.f_sub(&rows.positive.f_div_scalar(self.temperature().get())?)?;
        Ok(margin.f_zeros_like()?.f_logaddexp(&margin)?)
    }

    /// The losses of the anchors with scores, weights, posterior and ranks.
    ///
    /// # Errors
    /// As for [`ContrastiveLoss::forward_batch`].
    fn forward_detailed(&self, batch: &Batch) -> Result<Detailed> {
        let rows = batch.rows()?;
        let per_anchor = self.per_anchor(&rows)?;
        let weighting = self.weighting(&rows)?;
        Ok(Detailed { per_anchor, rows, weighting })
    }
}

/// log of the sum over negatives of exp(logits): A x N -> A.
fn log_sum(logits: &Tensor) -> Result<Tensor> {
    Ok(logits.f_logsumexp([1i64].as_slice(), false)?)
}

/// The correction that DCL and HCL share: log max((R - tau+ N x+) / tau-, N exp(-1/t)) from log R: A -> A.
fn debiased(rows: &Rows, log_sum: &Tensor, tau_plus: f64, t: Temperature) -> Result<Tensor> {
    let log_n = (rows.negative.size()[1] as f64).ln();
    let floor = log_n - 1.0 / t.get();
    let corrected = if tau_plus == 0.0 {
        log_sum.shallow_clone()
    } else {
        // log(R - c) = log R + log(1 - exp(log c - log R)); where c >= R the floor holds and no gradient flows.
        let log_c = rows.positive.f_div_scalar(t.get())?.f_add_scalar(tau_plus.ln() + log_n)?;
        let excess = log_c.f_sub(log_sum)?;
        let valid = excess.f_lt(0.0)?;
        let safe = excess.f_where_self(&valid, &excess.f_full_like(-1.0)?)?;
        let difference =
            log_sum.f_add(&safe.f_expm1()?.f_neg()?.f_log()?)?.f_sub_scalar((1.0 - tau_plus).ln())?;
        difference.f_where_self(&valid, &difference.f_full_like(floor)?)?
    };
    Ok(corrected.f_clamp_min(floor)?)
}
