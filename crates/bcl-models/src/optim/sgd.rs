//! Stochastic gradient descent with momentum as `torch.optim.SGD` computes it.

use super::fused;
use super::rule::{Rule, Step, check, decays};
use crate::error::Result;
use tch::Tensor;

/// Parameters of SGD.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SgdConfig {
    /// Step size.
    pub lr: f64,
    /// L2 weight decay, added to the gradient.
    pub weight_decay: f64,
    /// Share of the last step that goes on, in [0, 1).
    pub momentum: f64,
    /// Looks ahead along the momentum (Nesterov); needs some.
    pub nesterov: bool,
}

impl Default for SgdConfig {
    fn default() -> Self {
        Self { lr: 1e-2, weight_decay: 1e-6, momentum: 0.9, nesterov: false }
    }
}

#[derive(Debug)]
pub(super) struct Sgd {
    config: SgdConfig,
    momentum: Tensor,
}

impl Sgd {
    pub(super) fn new(config: SgdConfig, flat: &Tensor) -> Result<Self> {
        decays(config.lr, config.weight_decay)?;
        let momentum = config.momentum;
        check("momentum", "a number in [0, 1)", (0.0..1.0).contains(&momentum), momentum)?;
        check("momentum", "above 0 for nesterov", !config.nesterov || momentum > 0.0, momentum)?;
        Ok(Self { config, momentum: flat.f_zeros_like()? })
    }
}

impl Rule for Sgd {
    fn step(&mut self, step: &Step<'_>) -> Result<()> {
        let SgdConfig { lr: _, weight_decay, momentum, nesterov } = self.config;
        fused::sgd(
            [step.weight, step.gradient, &self.momentum],
            [weight_decay, momentum, step.lr],
            nesterov,
            step.number == 1,
        )
    }

    fn state(&self) -> Vec<(&'static str, &Tensor)> {
        vec![("momentum", &self.momentum)]
    }
}
