//! The published projection head: Linear (no bias) - BN - ReLU - Linear.

use crate::error::Result;
use crate::init::Init;
use crate::layers::{BatchNorm, Statistics};
use crate::parameters::{Declarations, Parameters, Slot};
use tch::Tensor;

/// Features N x F -> projections N x D, f32.
#[derive(Debug)]
pub(crate) struct ProjectionHead {
    hidden: Slot,
    norm: BatchNorm,
    weight: Slot,
    bias: Slot,
}

impl ProjectionHead {
    /// Declares `{prefix}0`, `{prefix}1` and `{prefix}3`, the places in the authors' `nn.Sequential`.
    pub(crate) fn new(declare: &mut Declarations, prefix: &str, [input, hidden, output]: [i64; 3]) -> Self {
        // torch.nn.Linear: uniform in plus or minus 1 / sqrt(fan-in).
        let uniform = |fan_in: i64| Init::Uniform(1.0 / (fan_in as f64).sqrt());
        Self {
            hidden: declare.parameter(format!("{prefix}0.weight"), &[hidden, input], uniform(input)),
            norm: BatchNorm::new(declare, &format!("{prefix}1"), hidden),
            weight: declare.parameter(format!("{prefix}3.weight"), &[output, hidden], uniform(hidden)),
            bias: declare.parameter(format!("{prefix}3.bias"), &[output], uniform(hidden)),
        }
    }

    pub(crate) fn forward(
        &self,
        parameters: &Parameters,
        features: &Tensor,
        statistics: Statistics,
    ) -> Result<Tensor> {
        let hidden = features.f_linear(parameters.parameter(self.hidden), None::<Tensor>)?; // N x hidden
        let hidden = self.norm.forward(parameters, &hidden, statistics)?.f_relu_()?;
        Ok(hidden.f_linear(parameters.parameter(self.weight), Some(parameters.parameter(self.bias)))?) // N x D
    }
}
