//! Colour changes as torchvision does them on Pillow images: on u8, rounded after each as Pillow does.
//!
//! Changes that follow one another are done in one pass, on blocks of pixels as f32 that hold whole numbers: a loop over the
//! block for each change, so that the processor works on several pixels while the next step of one waits for the last.
//! Only a contrast, which wants the mean of all pixels, begins another pass.

use super::hue::turn_hue;
use super::isa::{Isa, Kernel};
use super::jitter::{Jitter, JitterStep};
use super::lanes::{Lanes, WIDTH};
use super::pixels::Pixels;
use super::solarize::solarize;

/// One change of all pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Change {
    /// Towards or away from black.
    Brightness(f32),
    /// Towards or away from the mean grey.
    Contrast(f32),
    /// Towards or away from the pixel's grey.
    Saturation(f32),
    /// A turn by so many of 256 steps.
    Hue(u8),
    /// The pixel's grey.
    Grey,
    /// Inverted from the threshold upwards.
    Solarize(u8),
}

/// The drawn changes in their order, without those that change nothing.
pub(super) fn changes(drawn: &Jitter) -> impl Iterator<Item = Change> {
    let unless_one = |factor: f64, change: fn(f32) -> Change| (factor != 1.0).then(|| change(factor as f32));
    drawn.order.into_iter().filter_map(move |step| match step {
        JitterStep::Brightness => unless_one(drawn.brightness, Change::Brightness),
        JitterStep::Contrast => unless_one(drawn.contrast, Change::Contrast),
        JitterStep::Saturation => unless_one(drawn.saturation, Change::Saturation),
        // Even a turn by nothing goes through HSV in bytes; torchvision leaves the step out where its range is 0. It adds a
        // whole number of the 255 steps to a byte, which wraps at 256.
        JitterStep::Hue => (drawn.hue != 0.0).then_some(Change::Hue((drawn.hue * 255.0) as i32 as u8)),
    })
}

/// Does the changes in their order.
pub(super) fn change(isa: Isa, pixels: &mut Pixels, mut changes: &[Change]) {
    let (mut mean, mut known) = (0.0, 0); // whether the first of the changes is a contrast whose mean is known
    loop {
        let contrast = changes[known..].iter().position(|change| matches!(change, Change::Contrast(_)));
        let (now, later) = changes.split_at(contrast.map_or(changes.len(), |at| known + at));
        if changes.is_empty() {
            return;
        }
        mean = isa.run(Pass { pixels, changes: now, mean, average: contrast.is_some() });
        if contrast.is_none() {
            return;
        }
        (changes, known) = (later, 1);
    }
}

/// Changes that need nothing but the pixel.
struct Pass<'a> {
    pixels: &'a mut Pixels,
    changes: &'a [Change],
    /// Mean grey of the pixels as they come in, for a contrast.
    mean: f32,
    /// Whether the mean grey of what comes out is wanted.
    average: bool,
}

/// Vectors of pixels in a block.
const GROUPS: usize = 16;

/// Eight pixels, a channel at a time.
pub(super) type Eight = [[f32; WIDTH]; 3];

impl Kernel for Pass<'_> {
    /// The mean grey, rounded to a level as Pillow does; 0 where it is not wanted.
    type Output = f32;

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) -> f32 {
        let count = self.pixels.size() * self.pixels.size();
        let padded = count.next_multiple_of(WIDTH);
        let mut planes = self.pixels.planes_mut().map(|plane| &mut plane[..padded]);
        let mut total = 0u64;
        let mut block = [[[0.0; WIDTH]; 3]; GROUPS];
        for first in (0..padded).step_by(GROUPS * WIDTH) {
            let groups = GROUPS.min((padded - first) / WIDTH);
            let block = &mut block[..groups];
            for (i, pixels) in block.iter_mut().enumerate() {
                for (values, plane) in pixels.iter_mut().zip(&planes) {
                    if let Some(bytes) = plane[first + i * WIDTH..].first_chunk() {
                        lanes.store(lanes.widen(bytes), values);
                    }
                }
            }
            for &change in self.changes {
                changed(lanes, block, change, self.mean);
            }
            for (i, pixels) in block.iter().enumerate() {
                for (values, plane) in pixels.iter().zip(&mut planes) {
                    if let Some(bytes) = plane[first + i * WIDTH..].first_chunk_mut() {
                        lanes.narrow(lanes.load(values), bytes);
                    }
                }
            }
            if self.average {
                let mut sum = lanes.splat(0.0);
                for pixels in block.iter() {
                    sum = lanes.add(sum, grey(lanes, pixels));
                }
                let mut sums = [0.0; WIDTH];
                lanes.store(sum, &mut sums);
                total += sums.iter().map(|&sum| sum as u64).sum::<u64>();
            }
        }
        if !self.average {
            return 0.0;
        }
        // What lies behind the last pixel has been summed too.
        let [red, green, blue] = planes;
        let beyond = (count..padded).map(|i| u64::from(luma(red[i], green[i], blue[i]))).sum::<u64>();
        ((total - beyond) as f64 / count as f64 + 0.5).floor() as f32
    }
}

/// One change of a block.
#[inline(always)]
fn changed<L: Lanes>(lanes: L, block: &mut [Eight], change: Change, mean: f32) {
    match change {
        Change::Brightness(factor) => {
            let black = lanes.splat(0.0);
            for pixels in block {
                blend(lanes, pixels, black, factor);
            }
        }
        Change::Contrast(factor) => {
            let mean = lanes.splat(mean);
            for pixels in block {
                blend(lanes, pixels, mean, factor);
            }
        }
        Change::Saturation(factor) => {
            for pixels in block {
                let grey = grey(lanes, pixels);
                blend(lanes, pixels, grey, factor);
            }
        }
        Change::Hue(turn) => turn_hue(lanes, block, turn),
        Change::Solarize(threshold) => solarize(lanes, block, threshold),
        Change::Grey => {
            for pixels in block {
                let grey = grey(lanes, pixels);
                for values in pixels {
                    lanes.store(grey, values);
                }
            }
        }
    }
}

/// Pillow's blend (`Blend.c`): (1 - `factor`) x `other` + `factor` x the value, without its fraction, kept in range.
#[inline(always)]
fn blend<L: Lanes>(lanes: L, pixels: &mut Eight, other: L::V, factor: f32) {
    let (factor, least, most) = (lanes.splat(factor), lanes.splat(0.0), lanes.splat(255.0));
    for values in pixels {
        let mixed = lanes.add(other, lanes.mul(factor, lanes.sub(lanes.load(values), other)));
        lanes.store(lanes.whole(lanes.min(lanes.max(mixed, least), most)), values);
    }
}

/// [`luma`] of eight pixels: all sums are below 2^24 and so exact.
#[inline(always)]
fn grey<L: Lanes>(lanes: L, [red, green, blue]: &Eight) -> L::V {
    let sum = lanes.add_product(lanes.load(blue), lanes.splat(7471.0), lanes.splat(32768.0));
    let sum = lanes.add_product(lanes.load(green), lanes.splat(38470.0), sum);
    let sum = lanes.add_product(lanes.load(red), lanes.splat(19595.0), sum);
    lanes.whole(lanes.mul(sum, lanes.splat(1.0 / 65536.0)))
}

/// Pillow's grey (`Convert.c`): ITU-R 601 in 16-bit fractions, rounded.
fn luma(r: u8, g: u8, b: u8) -> u8 {
    ((u32::from(r) * 19595 + u32::from(g) * 38470 + u32::from(b) * 7471 + 0x8000) >> 16) as u8
}

#[cfg(test)]
mod tests {
    use super::super::naive::{self, Planes};
    use super::*;

    fn agree(planes: &Planes, size: usize, changes: &[Change]) {
        let mut wanted = planes.clone();
        naive::change(&mut wanted, changes);
        for isa in Isa::available() {
            let mut pixels = naive::pixels(planes, size);
            change(isa, &mut pixels, changes);
            assert!(naive::planes(&pixels) == wanted, "{isa:?}, {size}: {changes:?} of {planes:?}");
        }
    }

    #[test]
    fn every_change_of_every_content_agrees_with_the_definition() {
        use Change::{Brightness, Contrast, Grey, Hue, Saturation, Solarize};
        for size in [1, 2, 3, 7, 8, 13, 32] {
            for content in naive::contents(3 * size * size) {
                let planes = content.chunks(size * size).map(<[u8]>::to_vec).collect::<Vec<_>>();
                let planes: Planes = planes.try_into().unwrap();
                for factor in [0.0, 0.6, 0.833_333_3, 1.0, 1.1, 1.399_999_9, 2.0] {
                    agree(&planes, size, &[Brightness(factor)]);
                    agree(&planes, size, &[Contrast(factor)]);
                    agree(&planes, size, &[Saturation(factor)]);
                    agree(
                        &planes,
                        size,
                        &[Saturation(factor), Contrast(1.3), Hue(9), Brightness(factor), Grey],
                    );
                    agree(&planes, size, &[Contrast(factor), Brightness(0.7), Contrast(0.5), Contrast(1.2)]);
                }
                agree(&planes, size, &[Grey, Solarize(128), Contrast(1.3), Solarize(0), Hue(9)]);
                agree(&planes, size, &[]);
            }
        }
    }

    #[test]
    fn a_factor_that_rounds_to_a_whole_product_agrees() {
        // 5 x 1.4 is below 7 and rounds to it in f32.
        for level in 0..=255 {
            for step in 0..200 {
                let factor = step as f32 / 100.0;
                agree(&[vec![level], vec![5], vec![255 - level]], 1, &[Change::Brightness(factor)]);
            }
        }
    }
}
