//! A u8 image to a view: to [0, 1], normalised, in the layout and type that the batch has.

use super::isa::{Isa, Kernel};
use super::lanes::{Lanes, WIDTH};
use super::pixels::Pixels;
use crate::image_set::CHANNELS;

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
pub trait Element: Copy + Default + sealed::Narrow {}

/// The bits of a bf16: the upper half of an f32's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(transparent)]
pub struct Bf16(pub u16);

impl Element for f32 {}
impl Element for Bf16 {}

mod sealed {
    use super::{Bf16, Lanes, WIDTH};

    /// How eight f32 become eight elements.
    #[allow(private_bounds, private_interfaces, reason = "the trait is sealed: nobody outside can name it")]
    pub trait Narrow: Sized {
        fn store<L: Lanes>(lanes: L, values: L::V, to: &mut [Self; WIDTH]);
    }

    #[allow(private_bounds, private_interfaces, reason = "as the trait")]
    impl Narrow for f32 {
        #[inline(always)]
        fn store<L: Lanes>(lanes: L, values: L::V, to: &mut [Self; WIDTH]) {
            lanes.store(values, to);
        }
    }

    #[allow(private_bounds, private_interfaces, reason = "as the trait")]
    impl Narrow for Bf16 {
        #[inline(always)]
        fn store<L: Lanes>(lanes: L, values: L::V, to: &mut [Self; WIDTH]) {
            let mut bits = [0; WIDTH];
            lanes.to_bf16(values, &mut bits);
            *to = bits.map(Bf16);
        }
    }
}

/// What a level of each channel is multiplied by, and what is added.
pub(super) fn factors(mean: &[f32; CHANNELS], std: &[f32; CHANNELS]) -> ([f32; CHANNELS], [f32; CHANNELS]) {
    let scale = [0, 1, 2].map(|channel| 1.0 / (255.0 * std[channel]));
    let shift = [0, 1, 2].map(|channel| -mean[channel] / std[channel]);
    (scale, shift)
}

/// Writes a view of 3 x S x S elements to the beginning of `out`: (v / 255 - `mean`) / `std` as one product and one sum.
///
/// # Panics
/// When `out` is shorter.
pub(super) fn write<T: Element>(
    isa: Isa,
    pixels: &Pixels,
    (mean, std): (&[f32; CHANNELS], &[f32; CHANNELS]),
    layout: Layout,
    out: &mut [T],
) {
    let count = pixels.size() * pixels.size();
    let (scale, shift) = factors(mean, std);
    isa.run(Write { pixels, scale, shift, layout, out: &mut out[..CHANNELS * count] });
}

struct Write<'a, T> {
    pixels: &'a Pixels,
    scale: [f32; CHANNELS],
    shift: [f32; CHANNELS],
    layout: Layout,
    out: &'a mut [T],
}

impl<T: Element> Kernel for Write<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let count = self.pixels.size() * self.pixels.size();
        let planes = self.pixels.planes().map(|plane| plane.as_chunks::<WIDTH>().0);
        let of_channel = [0, 1, 2].map(|channel| (planes[channel], self.scale[channel], self.shift[channel]));
        match self.layout {
            Layout::Planes => {
                for (out, from) in self.out.chunks_exact_mut(count).zip(of_channel) {
                    let (whole, rest) = out.as_chunks_mut::<WIDTH>();
                    let groups = whole.len();
                    for (group, out) in whole.iter_mut().enumerate() {
                        T::store(lanes, normalized(lanes, from, group), out);
                    }
                    let mut last = [T::default(); WIDTH];
                    T::store(lanes, normalized(lanes, from, groups), &mut last);
                    rest.copy_from_slice(&last[..rest.len()]);
                }
            }
            Layout::ChannelsLast => {
                let (whole, rest) = self.out.as_chunks_mut::<{ CHANNELS * WIDTH }>();
                let groups = whole.len();
                for (group, out) in whole.iter_mut().enumerate() {
                    interleaved(lanes, of_channel, group, out);
                }
                let mut last = [T::default(); CHANNELS * WIDTH];
                interleaved(lanes, of_channel, groups, &mut last);
                rest.copy_from_slice(&last[..rest.len()]);
            }
        }
    }
}

/// Groups of pixels of a channel, its scale and its shift.
type Channel<'a> = (&'a [[u8; WIDTH]], f32, f32);

#[inline(always)]
fn normalized<L: Lanes>(lanes: L, (plane, scale, shift): Channel<'_>, group: usize) -> L::V {
    lanes.add(lanes.mul(lanes.widen(&plane[group]), lanes.splat(scale)), lanes.splat(shift))
}

#[inline(always)]
fn interleaved<T: Element, L: Lanes>(
    lanes: L,
    [red, green, blue]: [Channel<'_>; CHANNELS],
    group: usize,
    out: &mut [T; CHANNELS * WIDTH],
) {
    let [red, green, blue] =
        [normalized(lanes, red, group), normalized(lanes, green, group), normalized(lanes, blue, group)];
    for (values, out) in lanes.interleave(red, green, blue).into_iter().zip(out.as_chunks_mut::<WIDTH>().0) {
        T::store(lanes, values, out);
    }
}

#[cfg(test)]
mod tests {
    use super::super::naive;
    use super::*;

    const MEAN: [f32; 3] = [0.4914, 0.4822, 0.4465];
    const STD: [f32; 3] = [0.2023, 0.1994, 0.2010];

    /// The nearest bf16, by comparing with its neighbours.
    fn narrowed(value: f32) -> u16 {
        let below = (value.to_bits() >> 16) as u16;
        let off = |bits: u16| (f64::from(f32::from_bits(u32::from(bits) << 16)) - f64::from(value)).abs();
        match off(below).total_cmp(&off(below + 1)) {
            std::cmp::Ordering::Less => below,
            std::cmp::Ordering::Greater => below + 1,
            std::cmp::Ordering::Equal => below + (below & 1),
        }
    }

    #[test]
    fn every_byte_layout_type_and_size_agrees_with_the_definition() {
        for size in [1, 2, 3, 7, 8, 16, 31] {
            let count = size * size;
            for content in naive::contents(3 * count) {
                let planes = [0, 1, 2].map(|k| content[k * count..][..count].to_vec());
                let pixels = naive::pixels(&planes, size);
                let value = |k: usize, i: usize| {
                    f32::from(planes[k][i]) * (1.0 / (255.0 * STD[k])) + -MEAN[k] / STD[k]
                };
                let in_planes: Vec<f32> = (0..3 * count).map(|i| value(i / count, i % count)).collect();
                let last: Vec<f32> = (0..3 * count).map(|i| value(i % 3, i / 3)).collect();
                for isa in Isa::available() {
                    for (layout, wanted) in [(Layout::Planes, &in_planes), (Layout::ChannelsLast, &last)] {
                        // One element more, which is left alone.
                        let (mut wide, mut narrow) = (vec![7.0; 3 * count + 1], vec![Bf16(7); 3 * count + 1]);
                        write(isa, &pixels, (&MEAN, &STD), layout, &mut wide);
                        write(isa, &pixels, (&MEAN, &STD), layout, &mut narrow);
                        assert_eq!(
                            (&wide[..3 * count], wide[3 * count]),
                            (&wanted[..], 7.0),
                            "{isa:?} {layout:?}"
                        );
                        let bits: Vec<Bf16> = wanted.iter().map(|&value| Bf16(narrowed(value))).collect();
                        assert_eq!(
                            (&narrow[..3 * count], narrow[3 * count]),
                            (&bits[..], Bf16(7)),
                            "{isa:?}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn bf16_is_rounded_to_the_nearest_even() {
        let values = [1.0, 1.0 + 1.0 / 256.0, 1.0 + 3.0 / 256.0, -2.5, 0.0, -0.0, 1e-40, 3.0e38];
        for isa in Isa::available() {
            let mut bits = [0; WIDTH];
            isa.run(Narrowing(&values, &mut bits));
            assert_eq!(bits, [0x3F80, 0x3F80, 0x3F82, 0xC020, 0, 0x8000, 1, narrowed(3.0e38)], "{isa:?}");
        }
    }

    struct Narrowing<'a>(&'a [f32; WIDTH], &'a mut [u16; WIDTH]);

    impl Kernel for Narrowing<'_> {
        type Output = ();
        #[inline(always)]
        fn run<L: Lanes>(self, lanes: L) {
            lanes.to_bf16(lanes.load(self.0), self.1);
        }
    }
}
