//! Drawn parameters applied to one image on the processor.

use super::color::{self, Change};
use super::drawn::{Drawn, Effect};
use super::isa::Isa;
use super::output::{self, Element, Layout};
use super::pixels::Pixels;
use super::policy::Policy;
use super::{blur, resize};
use std::cell::RefCell;

/// Applies `drawn` to one u8 image and writes it normalised.
///
/// # Shapes
/// `image`: 3 x H x W bytes; `out`: 3 x S x S elements, in `layout`, S the policy's size.
///
/// The semantics are torchvision's on Pillow images, u8 rounding after every step included: with the same drawn parameters
/// all is equal to the bit but for a value in some ten thousand after a blur, which lies one level of 255 off.
///
/// # Panics
/// When a slice is shorter than the shapes say, or the crop leaves the image.
pub fn apply<T: Element>(
    policy: &Policy,
    drawn: &Drawn,
    image: &[u8],
    shape: (usize, usize),
    layout: Layout,
    out: &mut [T],
) {
    SCRATCH.with_borrow_mut(|scratch| steps(Isa::best(), policy, drawn, image, shape, layout, out, scratch));
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// A thread's memory from one image to the next.
#[derive(Debug, Default)]
struct Scratch {
    pixels: Pixels,
    taps: resize::Cache,
    resize: resize::Scratch,
    changes: Vec<Change>,
    blur: blur::Scratch,
}

/// The steps in their order; the result is the same with every instruction set.
#[allow(clippy::too_many_arguments, reason = "those of `apply`, and what it knows")]
fn steps<T: Element>(
    isa: Isa,
    policy: &Policy,
    drawn: &Drawn,
    image: &[u8],
    shape: (usize, usize),
    layout: Layout,
    out: &mut [T],
    scratch: &mut Scratch,
) {
    let Scratch { pixels, taps, resize, changes, blur } = scratch;
    pixels.reshape(policy.size);
    resize::crop_and_resize(isa, image, shape, (drawn.crop, drawn.flip), taps, resize, pixels);
    changes.clear();
    for effect in drawn.effects.iter().flatten() {
        match effect {
            Effect::Jitter(jitter) => changes.extend(color::changes(jitter)),
            Effect::Grey => changes.push(Change::Grey),
            Effect::Solarize { threshold } => changes.push(Change::Solarize(*threshold)),
            Effect::Blur { kernel, sigma } => {
                color::change(isa, pixels, changes);
                changes.clear();
                blur::gaussian(isa, pixels, &blur::kernel(*kernel, *sigma), blur);
            }
        }
    }
    color::change(isa, pixels, changes);
    output::write(isa, pixels, (&policy.mean, &policy.std), layout, out);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::augment::Bf16;
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
            for isa in Isa::available() {
                let mut scratch = Scratch::default();
                let mut same = vec![0.0f32; 1200];
                steps(isa, &policy, &drawn, &image, (40, 30), Layout::Planes, &mut same, &mut scratch);
                assert_eq!(same, planes, "the instruction set changes nothing: {isa:?}");
            }
        }
    }
}
