//! DCL, *Debiased* contrastive learning (not Decoupled): subtracts the expected share of false negatives.

use super::{ContrastiveLoss, NegativesTerm, debiased, log_sum};
use crate::error::Result;
use crate::params::{ClassPrior, Temperature};
use crate::views::Rows;
use tch::Tensor;

/// `Ng = max((sum_j x_j - tau+ N x+) / tau-, N exp(-1/t))`. Source: Chuang et al. 2020, Eq. 7 with M = 1.
#[derive(Debug, Clone, Copy, Default)]
pub struct Dcl {
    class_prior: ClassPrior,
    temperature: Temperature,
}

impl Dcl {
    /// tau+ as given, temperature 0.5 unless set.
    #[must_use]
    pub fn new(class_prior: ClassPrior) -> Self {
        Self { class_prior, temperature: Temperature::default() }
    }

    /// Sets the temperature.
    #[must_use]
    pub fn temperature(self, temperature: Temperature) -> Self {
        Self { temperature, ..self }
    }
}

impl ContrastiveLoss for Dcl {
    fn name(&self) -> &'static str {
        "DCL"
    }

    fn temperature(&self) -> Temperature {
        self.temperature
    }

    fn log_negatives(&self, rows: &Rows) -> Result<Tensor> {
        let sum = log_sum(&rows.negative.f_div_scalar(self.temperature.get())?)?;
        debiased(rows, &sum, self.class_prior.get(), self.temperature)
    }

    fn negatives_term(&self, _: usize) -> Option<NegativesTerm> {
        Some(NegativesTerm::Debiased { tau_plus: self.class_prior.get(), hardness: None })
    }

    fn boxed(&self) -> Box<dyn ContrastiveLoss> {
        Box::new(*self)
    }
}
