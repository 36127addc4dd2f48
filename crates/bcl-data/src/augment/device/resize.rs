//! Crop, flip and resize of a batch: two batched matrix products whose weights are those of the processor's resize.

use super::numbers::{Collected, Span, Uploaded};
use crate::augment::resize::{Cache, LOW_BITS, parts};
use crate::error::Result;
use tch::{Kind, Tensor};

/// 2^11: weights of 22 bits are two parts of 11, whose products with bytes f32 adds up exactly: the upper ones always, the
/// lower ones of up to 32 taps, which is a sixteenth of the size.
const PART: f64 = (1 << LOW_BITS) as f64;

/// What the positions of one direction are made of.
#[derive(Debug)]
pub(super) struct Weights {
    /// First input position, B x S.
    first: Span,
    /// Upper parts, then lower ones, of the weights that follow: B x 2 x S x taps.
    parts: Span,
    taps: i64,
}

impl Weights {
    /// For images of which `of` tells first position, length, and whether it is mirrored, in a line of `room`.
    pub(super) fn new(
        numbers: &mut Collected,
        cache: &mut Cache,
        of: impl Iterator<Item = (usize, usize, bool)> + Clone,
        size: usize,
        room: usize,
    ) -> Self {
        let mut most = 1;
        for (start, length, mirrored) in of.clone() {
            assert!(start + length <= room, "expected a crop inside {room}, got {start} and {length} more");
            most = most.max(cache.taps(size, [(length, mirrored); 2])[0].count);
        }
        let (mut first, mut all) = (Vec::new(), Vec::new());
        for (start, length, mirrored) in of {
            let [taps, _] = cache.taps(size, [(length, mirrored); 2]);
            first.extend(taps.first.iter().map(|&first| (start + first) as i64));
            for part in 0..2 {
                for weights in taps.weights.chunks_exact(taps.count) {
                    all.extend(weights.iter().map(|&weight| f32::from(parts(weight)[part])));
                    all.extend(std::iter::repeat_n(0.0, most - taps.count));
                }
            }
        }
        Self { first: numbers.add_ints(first), parts: numbers.add_floats(all), taps: most as i64 }
    }

    /// As matrices over lines of `room`: B x 2S x room, the upper parts before the lower ones.
    fn dense(&self, numbers: &Uploaded, size: i64, room: i64) -> Result<Tensor> {
        let parts = numbers.floats(self.parts, &[-1, 2 * size, self.taps])?;
        let first = numbers.ints(self.first, &[-1, size, 1])?;
        let device = parts.device();
        // Where an image has fewer taps than another, zeros may fall behind its line.
        let index =
            first.f_add(&Tensor::f_arange(self.taps, (Kind::Int64, device))?)?.f_clamp_max(room - 1)?;
        let index = Tensor::f_cat(&[&index, &index], 1)?; // B x 2S x taps
        let zeros = Tensor::f_zeros([index.size()[0], 2 * size, room], (Kind::Float, device))?;
        Ok(zeros.f_scatter_add(2, &index, &parts)?)
    }
}

/// Images B x 3 x H x W to B x 3 x S x S: columns first, then rows, each rounded to a whole number.
pub(super) fn resize(
    numbers: &Uploaded,
    images: &Tensor,
    (across, down): (&Weights, &Weights),
    size: i64,
) -> Result<Tensor> {
    let (count, height, width) = (images.size()[0], images.size()[2], images.size()[3]);
    let weights = across.dense(numbers, size, width)?.f_transpose(1, 2)?; // B x W x 2S
    let sums = images.f_view([count, 3 * height, width])?.f_bmm(&weights)?; // B x 3H x 2S
    let rows = rounded(&sums.f_narrow(2, 0, size)?, &sums.f_narrow(2, size, size)?)?; // B x 3H x S
    let rows = rows.f_view([count, 3, height, size])?.f_transpose(1, 2)?; // B x H x 3 x S
    let rows = rows.f_reshape([count, height, 3 * size])?;
    let sums = down.dense(numbers, size, height)?.f_bmm(&rows)?; // B x 2S x 3S
    let view = rounded(&sums.f_narrow(1, 0, size)?, &sums.f_narrow(1, size, size)?)?; // B x S x 3S
    Ok(view.f_view([count, size, 3, size])?.f_transpose(1, 2)?.f_contiguous()?)
}

/// (upper x 2^11 + lower) / 2^22, to the nearest whole number, halves up.
fn rounded(upper: &Tensor, lower: &Tensor) -> Result<Tensor> {
    let carried = lower.f_add_scalar(PART * PART / 2.0)?.f_mul_scalar(1.0 / PART)?.f_floor()?;
    Ok(upper.f_add(&carried)?.f_mul_scalar(1.0 / PART)?.f_floor()?)
}
