//! Convolution and batch normalisation over declared parameters.

use crate::error::Result;
use crate::init::Init;
use crate::parameters::{Declarations, Parameters, Slot};
use tch::{Device, Tensor};

/// torchvision's momentum and epsilon.
const MOMENTUM: f64 = 0.1;
const EPSILON: f64 = 1e-5;

/// Where batch normalisation takes its means and variances from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Statistics {
    /// The batch's, which the running ones follow: training.
    Batch,
    /// The batch's, the running ones stay: another look at a batch that is trained on.
    BatchOnly,
    /// The running ones: evaluation.
    Running,
}

/// A convolution without bias.
#[derive(Debug)]
pub(crate) struct Conv {
    weight: Slot,
    stride: i64,
    padding: i64,
    /// A 1x1 convolution of so few channels that it is done as a matrix product on a processor.
    narrow: bool,
}

/// libtorch 2.11's oneDNN writes past its memory in the backward pass of a channels-last 1x1 convolution from fewer input
/// channels than this, on processors with AVX2 and without AVX-512.
const ONE_DNN_LEAST: i64 = 8;

impl Conv {
    /// He initialisation by fan-out, as torchvision's ResNets.
    pub(crate) fn new(
        declare: &mut Declarations,
        name: &str,
        (input, output): (i64, i64),
        (kernel, stride, padding): (i64, i64, i64),
    ) -> Self {
        let std = (2.0 / (output * kernel * kernel) as f64).sqrt();
        let shape = [output, input, kernel, kernel];
        let weight = declare.parameter(format!("{name}.weight"), &shape, Init::Normal(std));
        Self { weight, stride, padding, narrow: kernel == 1 && padding == 0 && input < ONE_DNN_LEAST }
    }

    /// N x I x H x W -> N x O x H' x W', in the type of `x`.
    pub(crate) fn forward(&self, parameters: &Parameters, x: &Tensor) -> Result<Tensor> {
        let weight = parameters.parameter(self.weight).f_to_kind(x.kind())?;
        if self.narrow && x.device() == Device::Cpu {
            let every = |x: &Tensor, dim| x.f_slice(dim, None, None, self.stride);
            let pixels = every(&every(x, 2)?, 3)?.f_permute([0, 2, 3, 1])?; // N x H' x W' x I
            let weight = weight.f_flatten(1, -1)?; // O x I
            return Ok(pixels.f_matmul(&weight.f_tr()?)?.f_permute([0, 3, 1, 2])?);
        }
        Ok(x.f_conv2d(&weight, None::<Tensor>, [self.stride; 2], [self.padding; 2], [1; 2], 1)?)
    }
}

/// Batch normalisation over the channels of N x C x H x W or N x C; statistics in f32 whatever the input.
#[derive(Debug)]
pub(crate) struct BatchNorm {
    weight: Slot,
    bias: Slot,
    mean: Slot,
    variance: Slot,
}

impl BatchNorm {
    pub(crate) fn new(declare: &mut Declarations, name: &str, channels: i64) -> Self {
        Self {
            weight: declare.parameter(format!("{name}.weight"), &[channels], Init::Constant(1.0)),
            bias: declare.parameter(format!("{name}.bias"), &[channels], Init::Constant(0.0)),
            mean: declare.buffer(format!("{name}.running_mean"), &[channels], 0.0),
            variance: declare.buffer(format!("{name}.running_var"), &[channels], 1.0),
        }
    }

    pub(crate) fn forward(
        &self,
        parameters: &Parameters,
        x: &Tensor,
        statistics: Statistics,
    ) -> Result<Tensor> {
        let running = |slot| (statistics != Statistics::BatchOnly).then(|| parameters.buffer(slot));
        Ok(x.f_batch_norm(
            Some(parameters.parameter(self.weight)),
            Some(parameters.parameter(self.bias)),
            running(self.mean),
            running(self.variance),
            statistics != Statistics::Running,
            MOMENTUM,
            EPSILON,
            true,
        )?)
    }
}
