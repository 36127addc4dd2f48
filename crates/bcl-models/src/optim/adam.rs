//! Adam (Kingma and Ba 2015) and AdamW (Loshchilov and Hutter 2019) as `torch.optim` computes them.

use super::fused;
use super::rule::{Rule, Step, check, decays};
use crate::error::Result;
use tch::{Kind, Tensor};

/// Parameters of Adam and AdamW; the defaults are torch's, with the published weight decay.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamConfig {
    /// Step size.
    pub lr: f64,
    /// Weight decay: added to the gradient by Adam (coupled), taken off the weight by AdamW (decoupled).
    pub weight_decay: f64,
    /// Decay of the first moment.
    pub beta1: f64,
    /// Decay of the second moment.
    pub beta2: f64,
    /// Added to the root of the second moment.
    pub epsilon: f64,
}

impl Default for AdamConfig {
    fn default() -> Self {
        Self { lr: 1e-3, weight_decay: 1e-6, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 }
    }
}

/// Both: they differ in where the weight decay goes.
#[derive(Debug)]
pub(super) struct Adam {
    config: AdamConfig,
    decoupled: bool,
    first: Tensor,
    second: Tensor,
}

impl Adam {
    pub(super) fn new(config: AdamConfig, decoupled: bool, flat: &Tensor) -> Result<Self> {
        decays(config.lr, config.weight_decay)?;
        check("beta1", "a number in [0, 1)", (0.0..1.0).contains(&config.beta1), config.beta1)?;
        check("beta2", "a number in [0, 1)", (0.0..1.0).contains(&config.beta2), config.beta2)?;
        let epsilon = config.epsilon;
        check("epsilon", "a finite number > 0", epsilon.is_finite() && epsilon > 0.0, epsilon)?;
        Ok(Self { config, decoupled, first: flat.f_zeros_like()?, second: flat.f_zeros_like()? })
    }
}

impl Rule for Adam {
    fn step(&mut self, step: &Step<'_>) -> Result<()> {
        let AdamConfig { lr: _, weight_decay, beta1, beta2, epsilon } = self.config;
        let number = Tensor::f_full([0i64; 0], step.number, (Kind::Float, step.weight.device()))?;
        fused::adam(
            [step.weight, step.gradient, &self.first, &self.second, &number],
            [step.lr, beta1, beta2, weight_decay, epsilon],
            self.decoupled,
        )
    }

    fn state(&self) -> Vec<(&'static str, &Tensor)> {
        vec![("first_moment", &self.first), ("second_moment", &self.second)]
    }
}
