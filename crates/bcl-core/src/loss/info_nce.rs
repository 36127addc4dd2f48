//! InfoNCE, the loss of SimCLR: every random sample counts as a true negative.

use super::{ContrastiveLoss, NegativesTerm, log_sum};
use crate::error::Result;
use crate::params::Temperature;
use crate::views::Rows;
use tch::Tensor;

/// `Ng = sum_j x_j`. Source: van den Oord et al. 2018; Chen et al. 2020 (NT-Xent).
#[derive(Debug, Clone, Copy, Default)]
pub struct InfoNce {
    temperature: Temperature,
}

impl InfoNce {
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

impl ContrastiveLoss for InfoNce {
    fn name(&self) -> &'static str {
        "SimCLR"
    }

    fn temperature(&self) -> Temperature {
        self.temperature
    }

    fn log_negatives(&self, rows: &Rows) -> Result<Tensor> {
        log_sum(&rows.negative.f_div_scalar(self.temperature.get())?)
    }

    fn negatives_term(&self, _: usize) -> Option<NegativesTerm> {
        Some(NegativesTerm::Sum)
    }

    fn boxed(&self) -> Box<dyn ContrastiveLoss> {
        Box::new(*self)
    }
}
