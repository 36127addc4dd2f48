//! Gaussian blur of some images of a batch: a sum over the taps for all of them, in the order of `augment/blur.rs`.

use super::numbers::Uploaded;
use super::plan::Round;
use crate::error::Result;
use tch::Tensor;

/// Blurs images n x 3 x S x S, each by its own kernel.
pub(super) fn gaussian(
    numbers: &Uploaded,
    x: &Tensor,
    round: &Round,
    kernel: i64,
    size: i64,
) -> Result<Tensor> {
    let kernels = numbers.floats(round.values, &[-1, kernel])?;
    let places = numbers.ints(round.places, &[-1])?;
    let along = |x: &Tensor, dimension: i64| -> Result<Tensor> {
        let wide = x.f_index_select(dimension, &places)?;
        let mut sum = x.f_zeros_like()?;
        for tap in 0..kernel {
            let weight = kernels.f_narrow(1, tap, 1)?.f_view([-1, 1, 1, 1])?;
            // A product and a sum, each rounded: one fused operation would round differently.
            let _ = sum.f_add_(&wide.f_narrow(dimension, tap, size)?.f_mul(&weight)?)?;
        }
        Ok(sum)
    };
    // Rounded to the nearest, ties to even.
    Ok(along(&along(x, 3)?, 2)?.f_round()?.f_clamp(0.0, 255.0)?)
}
