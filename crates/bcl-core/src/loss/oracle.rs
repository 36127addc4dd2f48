//! Oracle: labels tell the false negatives; the loss that BCL estimates without them.

use super::{ContrastiveLoss, NegativesTerm, Weighting, log_sum};
use crate::error::{Error, Result};
use crate::params::Temperature;
use crate::views::Rows;
use tch::{Kind, Tensor};

/// `Ng = (N / N_TN) sum over true negatives of x_j`. An anchor without a true negative has loss 0.
#[derive(Debug, Clone, Copy, Default)]
pub struct Oracle {
    temperature: Temperature,
}

impl Oracle {
    /// Temperature 0.5 unless set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the temperature.
    #[must_use]
    pub fn temperature(self, temperature: Temperature) -> Self {
        Self { temperature }
    }
}

fn same_class(rows: &Rows) -> Result<&Tensor> {
    rows.same_class.as_ref().ok_or(Error::Labels { operation: "Oracle" })
}

impl ContrastiveLoss for Oracle {
    fn name(&self) -> &'static str {
        "Oracle"
    }

    fn temperature(&self) -> Temperature {
        self.temperature
    }

    fn log_negatives(&self, rows: &Rows) -> Result<Tensor> {
        let same = same_class(rows)?; // A x N
        let n = same.size()[1];
        let true_negatives =
            same.f_logical_not()?.f_sum_dim_intlist([1i64].as_slice(), false, Kind::Int64)?; // A
        let none = true_negatives.f_eq(0)?;
        // A row of -inf has no gradient; such rows keep all their negatives here and lose them below.
        let dropped = same.f_logical_and(&none.f_logical_not()?.f_unsqueeze(1)?)?;
        let logits = rows.negative.f_div_scalar(self.temperature.get())?;
        let sum = log_sum(&logits.f_masked_fill(&dropped, f64::NEG_INFINITY)?)?;
        let count = true_negatives.f_clamp_min(1)?.f_to_kind(logits.kind())?;
        let scaled = sum.f_sub(&count.f_log()?)?.f_add_scalar((n as f64).ln())?;
        Ok(scaled.f_masked_fill(&none, f64::NEG_INFINITY)?)
    }

    fn negatives_term(&self, _: usize) -> Option<NegativesTerm> {
        Some(NegativesTerm::TrueNegatives)
    }

    fn boxed(&self) -> Box<dyn ContrastiveLoss> {
        Box::new(*self)
    }

    fn weighting(&self, rows: &Rows) -> Result<Weighting> {
        let keep = same_class(rows)?.f_logical_not()?.f_to_kind(rows.negative.kind())?; // A x N
        let share = keep
            .f_mean_dim([1i64].as_slice(), true, None::<Kind>)?
            .f_clamp_min(f64::from(f32::MIN_POSITIVE))?;
        Ok(Weighting { weights: Some(keep.f_div(&share)?), posterior: Some(keep), ranks: None })
    }
}
