//! LARS (You et al. 2017) as the authors of SimCLR use it: each parameter steps in proportion to its own length.

use super::rule::{Rule, Step, check, decays};
use crate::error::Result;
use crate::parameters::Parameters;
use tch::Tensor;

/// Parameters of LARS; the defaults are SimCLR's. Biases and the scales and offsets of batch normalisation
/// are neither decayed nor adapted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LarsConfig {
    /// Step size before adaptation.
    pub lr: f64,
    /// L2 weight decay, added to the gradient before the trust ratio.
    pub weight_decay: f64,
    /// Share of the last step that goes on, in [0, 1).
    pub momentum: f64,
    /// Looks ahead along the momentum (Nesterov); needs some.
    pub nesterov: bool,
    /// The trust ratio is this times the weight's length to the gradient's.
    pub trust: f64,
}

impl Default for LarsConfig {
    fn default() -> Self {
        Self { lr: 1.0, weight_decay: 1e-6, momentum: 0.9, nesterov: false, trust: 1e-3 }
    }
}

#[derive(Debug)]
pub(super) struct Lars {
    config: LarsConfig,
    momentum: Tensor,
    /// Where each parameter lies in the flat buffer, its length, and whether it is adapted.
    parts: Vec<(i64, i64, bool)>,
}

impl Lars {
    pub(super) fn new(config: LarsConfig, parameters: &Parameters) -> Result<Self> {
        decays(config.lr, config.weight_decay)?;
        let momentum = config.momentum;
        check("momentum", "a number in [0, 1)", (0.0..1.0).contains(&momentum), momentum)?;
        check("momentum", "above 0 for nesterov", !config.nesterov || momentum > 0.0, momentum)?;
        check("trust", "a finite number > 0", config.trust.is_finite() && config.trust > 0.0, config.trust)?;
        let parts = parameters.parameters.iter().zip(&parameters.offsets).map(|((_, leaf), &start)| {
            (start, leaf.numel() as i64, leaf.dim() > 1) // vectors are biases, or belong to batch normalisation
        });
        let parts = parts.collect();
        Ok(Self { config, momentum: parameters.flat.f_zeros_like()?, parts })
    }
}

impl Rule for Lars {
    fn step(&mut self, step: &Step<'_>) -> Result<()> {
        let LarsConfig { lr: _, weight_decay, momentum, nesterov, trust } = self.config;
        for &(start, length, adapted) in &self.parts {
            let part = |tensor: &Tensor| tensor.f_narrow(0, start, length);
            let (mut weight, mut velocity) = (part(step.weight)?, part(&self.momentum)?);
            let gradient = part(step.gradient)?;
            let mut pull = if adapted {
                let pull = gradient.f_add(&weight.f_mul_scalar(weight_decay)?)?;
                let (long, steep) = (weight.f_norm()?, pull.f_norm()?);
                // 1 where either length is 0; the choice is the device's, nobody waits for it.
                let zero = long.f_mul(&steep)?.f_eq(0.0)?;
                let ratio = long.f_div(&steep)?.f_mul_scalar(trust)?.f_masked_fill(&zero, 1.0)?;
                pull.f_mul(&ratio.f_mul_scalar(step.lr)?)?
            } else {
                gradient.f_mul_scalar(step.lr)?
            };
            let _ = velocity.f_mul_scalar_(momentum)?.f_add_(&pull)?;
            if nesterov {
                let _ = pull.f_add_(&velocity.f_mul_scalar(momentum)?)?;
                let _ = weight.f_sub_(&pull)?;
            } else {
                let _ = weight.f_sub_(&velocity)?;
            }
        }
        Ok(())
    }

    fn state(&self) -> Vec<(&'static str, &Tensor)> {
        vec![("momentum", &self.momentum)]
    }
}
