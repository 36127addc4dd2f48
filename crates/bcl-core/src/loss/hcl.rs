//! HCL, contrastive learning with hard negatives: DCL with negatives tilted towards high scores.

use super::{ContrastiveLoss, NegativesTerm, Weighting, debiased, log_sum};
use crate::error::Result;
use crate::params::{ClassPrior, HclBeta, Temperature};
use crate::views::Rows;
use tch::{Kind, Tensor};

/// `Ng = max((sum_j y_j x_j / mean_j y_j - tau+ N x+) / tau-, N exp(-1/t))` with `y_j = x_j^beta`; gradient flows
/// through y. Source: Robinson et al. 2021, and their code.
#[derive(Debug, Clone, Copy, Default)]
pub struct Hcl {
    beta: HclBeta,
    class_prior: ClassPrior,
    temperature: Temperature,
}

impl Hcl {
    /// Exponent and tau+ as given, temperature 0.5 unless set.
    #[must_use]
    pub fn new(beta: HclBeta, class_prior: ClassPrior) -> Self {
        Self { beta, class_prior, temperature: Temperature::default() }
    }

    /// Sets the temperature.
    #[must_use]
    pub fn temperature(self, temperature: Temperature) -> Self {
        Self { temperature, ..self }
    }
}

impl ContrastiveLoss for Hcl {
    fn name(&self) -> &'static str {
        "HCL"
    }

    fn temperature(&self) -> Temperature {
        self.temperature
    }

    fn log_negatives(&self, rows: &Rows) -> Result<Tensor> {
        let beta = self.beta.get();
        let logits = rows.negative.f_div_scalar(self.temperature.get())?; // A x N
        let tilted = log_sum(&logits.f_mul_scalar(1.0 + beta)?)?; // log sum y x
        let mean = log_sum(&logits.f_mul_scalar(beta)?)?.f_sub_scalar((logits.size()[1] as f64).ln())?; // log mean y
        debiased(rows, &tilted.f_sub(&mean)?, self.class_prior.get(), self.temperature)
    }

    fn negatives_term(&self, _: usize) -> Option<NegativesTerm> {
        Some(NegativesTerm::Debiased { tau_plus: self.class_prior.get(), hardness: Some(self.beta.get()) })
    }

    fn boxed(&self) -> Box<dyn ContrastiveLoss> {
        Box::new(*self)
    }

    /// The tilt y / mean(y), before the correction for false negatives.
    fn weighting(&self, rows: &Rows) -> Result<Weighting> {
        let exponents = rows.negative.f_detach()?.f_mul_scalar(self.beta.get() / self.temperature.get())?;
        let weights = exponents.f_softmax(1, None::<Kind>)?.f_mul_scalar(exponents.size()[1] as f64)?;
        Ok(Weighting { weights: Some(weights), ..Weighting::default() })
    }
}
