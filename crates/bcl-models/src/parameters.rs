//! All parameters in one flat f32 buffer, all gradients in another, all statistics in a third; each layer sees its part.
//!
//! An optimizer and an average work on a whole buffer at once. Convolution weights lie channels-last in their part, which is
//! how the convolutions want them. Each part begins on a cache line, for cuDNN reads no weights that do not; what lies between
//! parts is 0 and stays so.

use crate::error::Result;
use crate::init::Init;
use tch::{Device, Kind, Tensor};

/// Elements of f32 to whose multiples parts are moved up: 64 bytes.
const LINE: i64 = 16;

/// Declares parameters, then makes them.
#[derive(Debug, Default)]
pub(crate) struct Declarations {
    parameters: Vec<(String, Vec<i64>, Init)>,
    buffers: Vec<(String, Vec<i64>, f32)>,
}

/// A declared parameter or buffer, by place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slot(usize);

impl Declarations {
    pub(crate) fn parameter(&mut self, name: String, shape: &[i64], init: Init) -> Slot {
        self.parameters.push((name, shape.to_vec(), init));
        Slot(self.parameters.len() - 1)
    }

    pub(crate) fn buffer(&mut self, name: String, shape: &[i64], value: f32) -> Slot {
        self.buffers.push((name, shape.to_vec(), value));
        Slot(self.buffers.len() - 1)
    }

    pub(crate) fn make(self, seed: u64, device: Device) -> Result<Parameters> {
        let (offsets, total) = places(self.parameters.iter().map(|(_, shape, _)| count(shape)));
        let flat = Tensor::f_zeros([total], (Kind::Float, device))?;
        let gradient = flat.f_zeros_like()?;
        let mut parameters = Vec::with_capacity(self.parameters.len());
        for ((name, shape, init), &offset) in self.parameters.into_iter().zip(&offsets) {
            let values =
                Tensor::from_slice(&init.values(seed, &name, count(&shape) as usize)).f_view(&shape[..])?;
            let leaf = part(&flat, offset, &shape)?;
            leaf.shallow_clone().f_copy_(&values)?;
            parameters.push((name, leaf.f_detach()?.f_set_requires_grad(true)?));
        }
        let (starts, total) = places(self.buffers.iter().map(|(_, shape, _)| count(shape)));
        let statistics = Tensor::f_zeros([total], (Kind::Float, device))?;
        let mut buffers = Vec::with_capacity(self.buffers.len());
        for ((name, shape, value), offset) in self.buffers.into_iter().zip(starts) {
            let buffer = part(&statistics, offset, &shape)?;
            let _ = buffer.shallow_clone().f_fill_(f64::from(value))?;
            buffers.push((name, buffer));
        }
        Ok(Parameters { flat, gradient, statistics, parameters, offsets, buffers })
    }
}

/// The parameters and buffers of a model.
#[derive(Debug)]
pub(crate) struct Parameters {
    /// Every parameter, one after another.
    pub(crate) flat: Tensor,
    /// Every gradient, likewise.
    pub(crate) gradient: Tensor,
    /// Every statistic that is not trained, likewise.
    pub(crate) statistics: Tensor,
    /// Leaves that share the storage of `flat`, by name.
    pub(crate) parameters: Vec<(String, Tensor)>,
    /// Where each begins in `flat`.
    pub(crate) offsets: Vec<i64>,
    /// Parts of `statistics`, by name.
    pub(crate) buffers: Vec<(String, Tensor)>,
}

impl Parameters {
    pub(crate) fn parameter(&self, slot: Slot) -> &Tensor {
        &self.parameters[slot.0].1
    }

    pub(crate) fn buffer(&self, slot: Slot) -> &Tensor {
        &self.buffers[slot.0].1
    }

    /// Moves the gradients that autograd made into the flat buffer, once: from then on backward passes
    /// accumulate there. A parameter that no loss has reached keeps a gradient of zero.
    pub(crate) fn adopt_gradients(&self) -> Result<()> {
        for ((_, leaf), &offset) in self.parameters.iter().zip(&self.offsets) {
            let place = part(&self.gradient, offset, &leaf.size())?;
            let mut gradient = leaf.grad();
            if gradient.defined() && gradient.data_ptr() != place.data_ptr() {
                place.shallow_clone().f_copy_(&gradient)?;
                gradient.set_data(&place);
            }
        }
        Ok(())
    }
}

fn count(shape: &[i64]) -> i64 {
    shape.iter().product()
}

/// Where parts of these lengths begin, and the length of all.
fn places(lengths: impl Iterator<Item = i64>) -> (Vec<i64>, i64) {
    let mut total = 0;
    let starts = lengths.map(|length| {
        let start = total;
        total = (start + length + LINE - 1) / LINE * LINE;
        start
    });
    (starts.collect(), total)
}

/// A part of a flat buffer in a shape; four dimensions (a convolution's weight) lie channels-last.
fn part(flat: &Tensor, offset: i64, shape: &[i64]) -> Result<Tensor> {
    let values = flat.f_narrow(0, offset, count(shape))?;
    Ok(match *shape {
        [out, input, height, width] => {
            values.f_view([out, height, width, input])?.f_permute([0, 3, 1, 2])? // O x I x H x W
        }
        _ => values.f_view(shape)?,
    })
}
