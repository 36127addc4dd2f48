//! Drawn parameters applied to a whole batch where its images lie, by tensor operations: what [`super::apply`] does to one
//! image on the processor, with the same result.
//!
//! Values are whole numbers in f32, so that sums and products below 2^24 are exact in any order, and every other operation
//! is one that IEEE 754 rounds, in the order of the processor's kernels. Nothing waits for the device: which images a change
//! is done to was drawn before, and goes there with the numbers in two copies.

mod blur;
mod color;
mod hue;
mod numbers;
mod plan;
mod resize;

use super::output::{self, Layout};
use crate::error::{Error, Result};
use crate::image_set::CHANNELS;
use numbers::{Numbers, Span};
pub use plan::Planner;
use plan::{Op, Round};
use resize::Weights;
use tch::{Kind, Tensor};

/// What happens to the images of a batch for one view. A [`Planner`] makes it.
#[derive(Debug)]
pub struct BatchPlan {
    size: i64,
    /// Images, their height and width.
    shape: [i64; 3],
    numbers: Numbers,
    across: Weights,
    down: Weights,
    rounds: Vec<Round>,
    /// Factor of each channel, then what is added.
    output: Span,
}

impl BatchPlan {
    /// Makes the view of each image, normalised.
    ///
    /// # Shapes
    /// `images`: B x 3 x H x W bytes, the plan's B, H and W, on any device. The view: B x 3 x S x S of `kind` in `layout`,
    /// on the same device.
    ///
    /// # Errors
    /// On images of another shape or type, or when memory does not suffice.
    pub fn apply(&self, images: &Tensor, layout: Layout, kind: Kind) -> Result<Tensor> {
        let [count, height, width] = self.shape;
        if images.size() != [count, CHANNELS as i64, height, width] || images.kind() != Kind::Uint8 {
            return Err(Error::Parameter {
                name: "images of a batch",
                expected: format!("{count} x 3 x {height} x {width} bytes"),
                got: format!("{:?} of {:?}", images.size(), images.kind()),
            });
        }
        let numbers = self.numbers.on(images.device())?;
        let images = images.f_to_kind(Kind::Float)?;
        let mut x = resize::resize(&numbers, &images, (&self.across, &self.down), self.size)?; // B x 3 x S x S
        for round in &self.rounds {
            let rows = numbers.ints(round.rows, &[-1])?;
            let part = x.f_index_select(0, &rows)?; // n x 3 x S x S
            let changed = match round.op {
                Op::Blur { kernel } => blur::gaussian(&numbers, &part, round, kernel as i64, self.size)?,
                op => color::change(op, &part, &numbers.floats(round.values, &[-1, 1, 1, 1])?)?,
            };
            let _ = x.f_index_copy_(0, &rows, &changed)?;
        }
        let output = numbers.floats(self.output, &[2, 1, 3, 1, 1])?;
        let x = x.f_mul(&output.f_select(0, 0)?)?.f_add(&output.f_select(0, 1)?)?.f_to_kind(kind)?;
        Ok(match layout {
            Layout::Planes => x,
            Layout::ChannelsLast => x.f_permute([0, 2, 3, 1])?.f_contiguous()?.f_permute([0, 3, 1, 2])?,
        })
    }
}
