//! Drawn parameters applied to one image on the processor.

#![allow(unsafe_code, reason = "calls of functions compiled for the instruction set that was found")]

use super::policy::{Drawn, Policy};
use super::resize::{Taps, crop_and_resize};
use super::{blur, color};
use crate::image_set::CHANNELS;
use std::cell::RefCell;

/// How a view lies in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Layout {
    /// 3 x S x S: planes after one another.
    #[default]
    Planes,
    /// S x S x 3: the channels of a pixel side by side, libtorch's channels-last.
    ChannelsLast,
}

/// An element of a view: f32, or bf16 as its bits.
pub trait Element: Copy + sealed::Sealed {
    /// Rounded to the nearest, ties to even.
    fn from_f32(value: f32) -> Self;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for Bf16 {}
    use super::Bf16;
}

/// The bits of a bf16: the upper half of an f32's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(transparent)]
pub struct Bf16(pub u16);

impl Element for f32 {
    #[inline(always)]
    fn from_f32(value: f32) -> Self {
        value
    }
}

impl Element for Bf16 {
    #[inline(always)]
    fn from_f32(value: f32) -> Self {
        // Views are finite: the carry of rounding cannot turn one into NaN.
        let bits = value.to_bits();
        Self(((bits + 0x7FFF + (bits >> 16 & 1)) >> 16) as u16)
    }
}

/// Applies `drawn` to one u8 image and writes it normalised.
///
/// # Shapes
/// `image`: 3 x H x W bytes; `out`: 3 x S x S elements, in `layout`, S the policy's size.
///
/// The semantics are torchvision's on Pillow images, u8 rounding after every step included: with the same drawn parameters
/// all is equal to the bit but for a value in some ten thousand after a blur or a turn of the hue, which lies one level of
/// 255 off.
///
/// # Panics
/// When a slice is shorter than the shapes say, or the crop leaves the image.
pub fn apply<T: Element>(
    policy: &Policy,
    drawn: &Drawn,
    image: &[u8],
    (height, width): (usize, usize),
    layout: Layout,
    out: &mut [T],
) {
    SCRATCH.with_borrow_mut(|scratch| {
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx512bw") && is_x86_feature_detected!("avx512vl") {
                // SAFETY: the features were found; the others are older ones that come with them.
                return unsafe { avx512(policy, drawn, image, (height, width), layout, out, scratch) };
            }
            if is_x86_feature_detected!("avx2") {
                // SAFETY: the feature was found.
                return unsafe { avx2(policy, drawn, image, (height, width), layout, out, scratch) };
            }
        }
        steps(policy, drawn, image, (height, width), layout, out, scratch);
    });
}

/// `steps` compiled for an instruction set.
#[cfg(target_arch = "x86_64")]
macro_rules! compiled_for {
    ($name:ident, $features:literal) => {
        #[target_feature(enable = $features)]
        fn $name<T: Element>(
            policy: &Policy,
            drawn: &Drawn,
            image: &[u8],
            shape: (usize, usize),
            layout: Layout,
            out: &mut [T],
            scratch: &mut Scratch,
        ) {
            steps(policy, drawn, image, shape, layout, out, scratch);
        }
    };
}

#[cfg(target_arch = "x86_64")]
compiled_for!(avx512, "avx512f,avx512bw,avx512dq,avx512vl,avx2");
#[cfg(target_arch = "x86_64")]
compiled_for!(avx2, "avx2");

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// A thread's memory from one image to the next.
#[derive(Debug, Default)]
struct Scratch {
    /// 3 x S x S.
    pixels: Vec<u8>,
    rows: Vec<u8>,
    blur: blur::Scratch,
    /// By length of the input; for outputs of `size`.
    taps: Vec<Option<Taps>>,
    size: usize,
}

impl Scratch {
    /// Makes sure that there are taps from `inputs` to `size`.
    fn prepare(&mut self, inputs: [usize; 2], size: usize) {
        if self.size != size {
            self.size = size;
            self.taps.clear();
        }
        for input in inputs {
            if self.taps.len() <= input {
                self.taps.resize_with(input + 1, || None);
            }
            self.taps[input].get_or_insert_with(|| Taps::new(input, size));
        }
    }
}

/// The steps in their order. Inlined into functions that enable an instruction set; the arithmetic is the same in all.
#[inline(always)]
fn steps<T: Element>(
    policy: &Policy,
    drawn: &Drawn,
    image: &[u8],
    (height, width): (usize, usize),
    layout: Layout,
    out: &mut [T],
    scratch: &mut Scratch,
) {
    let (size, pixels, crop) = (policy.size, policy.size * policy.size, drawn.crop);
    scratch.prepare([crop.width, crop.height], size);
    let Scratch { pixels: memory, rows, blur: blur_scratch, taps, .. } = scratch;
    memory.resize(CHANNELS * pixels, 0);
    let (red, rest) = memory.split_at_mut(pixels);
    let (green, blue) = rest.split_at_mut(pixels);
    let mut planes: color::Planes<'_> = [red, green, blue];
    if let (Some(across), Some(down)) = (&taps[crop.width], &taps[crop.height]) {
        for (plane, source) in planes.iter_mut().zip(image.chunks_exact(height * width)) {
            crop_and_resize(source, width, crop, (across, down), drawn.flip, rows, plane);
        }
    }
    if let Some(jitter) = &drawn.jitter {
        color::jitter(&mut planes, jitter);
    }
    if drawn.grey {
        color::grey(&mut planes);
    }
    if let Some(sigma) = drawn.blur_sigma {
        let kernel = blur::kernel(policy.blur_kernel, sigma);
        for plane in &mut planes {
            blur::gaussian(plane, size, &kernel, blur_scratch);
        }
    }
    let out = &mut out[..CHANNELS * pixels];
    // (v / 255 - mean) / std as one multiplication and one addition.
    let scale = |channel: usize| 1.0 / (255.0 * policy.std[channel]);
    let shift = |channel: usize| -policy.mean[channel] / policy.std[channel];
    match layout {
        Layout::Planes => {
            for (channel, (plane, out)) in planes.iter().zip(out.chunks_exact_mut(pixels)).enumerate() {
                let (scale, shift) = (scale(channel), shift(channel));
                for (out, &value) in out.iter_mut().zip(plane.iter()) {
                    *out = T::from_f32(f32::from(value) * scale + shift);
                }
            }
        }
        Layout::ChannelsLast => {
            let (scales, shifts) = ([0, 1, 2].map(scale), [0, 1, 2].map(shift));
            let [red, green, blue] = &planes;
            let colours = red.iter().zip(green.iter()).zip(blue.iter());
            for (out, ((&r, &g), &b)) in out.as_chunks_mut::<CHANNELS>().0.iter_mut().zip(colours) {
                for (channel, value) in [r, g, b].into_iter().enumerate() {
                    out[channel] = T::from_f32(f32::from(value) * scales[channel] + shifts[channel]);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Stream;

    #[test]
    fn layouts_and_types_hold_the_same_view() {
        let policy = Policy::published(20);
        let image: Vec<u8> = (0..3 * 40 * 30).map(|i| (i * 37 % 256) as u8).collect();
        for index in 0..20 {
            let drawn = policy.draw(&mut Stream::new(0, 0, index, 0), 40, 30);
            let (mut planes, mut last) = (vec![0.0f32; 1200], vec![0.0f32; 1200]);
            let mut narrow = vec![Bf16(0); 1200];
            apply(&policy, &drawn, &image, (40, 30), Layout::Planes, &mut planes);
            apply(&policy, &drawn, &image, (40, 30), Layout::ChannelsLast, &mut last);
            apply(&policy, &drawn, &image, (40, 30), Layout::Planes, &mut narrow);
            for pixel in 0..400 {
                for channel in 0..3 {
                    let value = planes[channel * 400 + pixel];
                    assert_eq!(value, last[pixel * 3 + channel]);
                    let bits = f32::from_bits(u32::from(narrow[channel * 400 + pixel].0) << 16);
                    assert!((bits - value).abs() <= value.abs() / 256.0);
                }
            }
            let mut scratch = Scratch::default();
            let mut plain = vec![0.0f32; 1200];
            steps(&policy, &drawn, &image, (40, 30), Layout::Planes, &mut plain, &mut scratch);
            assert_eq!(plain, planes, "the instruction set changes nothing");
        }
    }

    #[test]
    fn bf16_is_rounded_to_the_nearest_even() {
        for (value, bits) in
            [(1.0, 0x3F80), (1.0 + 1.0 / 256.0, 0x3F80), (1.0 + 3.0 / 256.0, 0x3F82), (-2.5, 0xC020)]
        {
            assert_eq!(Bf16::from_f32(value), Bf16(bits), "{value}");
        }
    }
}
