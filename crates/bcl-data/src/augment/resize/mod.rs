//! Bilinear resize with antialias, Pillow's (`Resample.c`) to the bit: a triangle filter, widened when shrinking; columns
//! first, then rows, each in fixed point and rounded to u8. (Pillow 13 takes some tall crops in the other order, which
//! changes a pixel in fifty of these by one level; this is the order of all before it.)

#[cfg(target_arch = "x86_64")]
mod avx2;
mod portable;
mod taps;

use super::crop::Crop;
use super::isa::Isa;
use super::pixels::Pixels;
pub(super) use taps::{Cache, LOW_BITS, parts};

/// Bits after the point of a weight.
const PRECISION: u32 = 22;

/// A half, for rounding.
const HALF: i32 = 1 << (PRECISION - 1);

/// Memory of a resize.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    /// The crop after its columns, in i16 for a vector's sake.
    wide: Vec<i16>,
    /// Likewise in bytes.
    rows: Vec<u8>,
    /// Lines at the end of the image, with room behind each.
    ends: Vec<u8>,
}

/// Resizes the crop of an image, 3 x `height` x `width` bytes, to `pixels`, mirrored if `flip`.
///
/// # Panics
/// When the image is shorter, or the crop leaves it.
pub(super) fn crop_and_resize(
    isa: Isa,
    image: &[u8],
    (height, width): (usize, usize),
    (crop, flip): (Crop, bool),
    cache: &mut Cache,
    scratch: &mut Scratch,
    pixels: &mut Pixels,
) {
    let size = pixels.size();
    assert!(
        crop.top + crop.height <= height
            && crop.left + crop.width <= width
            && image.len() >= 3 * height * width,
        "expected a crop inside an image of {height} x {width}, got {crop:?}"
    );
    if (crop.height, crop.width) == (size, size) {
        // Every weight is 0 or 1.
        for (channel, plane) in pixels.planes_mut().into_iter().enumerate() {
            let first = (channel * height + crop.top) * width + crop.left;
            for (line, out) in image[first..].chunks(width).zip(plane.chunks_exact_mut(size)).take(size) {
                out.copy_from_slice(&line[..size]);
                if flip {
                    out.reverse();
                }
            }
        }
        return;
    }
    let [across, down] = cache.taps(size, [(crop.width, flip), (crop.height, false)]);
    for (channel, plane) in pixels.planes_mut().into_iter().enumerate() {
        let source = Source { image, first: (channel * height + crop.top) * width + crop.left, width, crop };
        match isa {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2(proof) if !across.groups.is_empty() => {
                avx2::resize(proof, source, (across, down), scratch, plane);
            }
            _ => portable::resize(source, (across, down), &mut scratch.rows, plane),
        }
    }
}

/// A crop of one plane.
#[derive(Debug, Clone, Copy)]
struct Source<'a> {
    image: &'a [u8],
    /// Where the crop's first pixel lies.
    first: usize,
    /// From one line of the image to the next.
    width: usize,
    crop: Crop,
}

impl<'a> Source<'a> {
    /// The lines of the crop.
    fn lines(self) -> impl Iterator<Item = &'a [u8]> {
        (0..self.crop.height).map(move |y| &self.image[self.first + y * self.width..][..self.crop.width])
    }
}

#[cfg(test)]
mod tests {
    use super::super::naive;
    use super::*;

    /// Every instruction set's result for one crop.
    fn agree(image: &[u8], (height, width): (usize, usize), crop: Crop, size: usize, flip: bool) {
        let wanted: Vec<Vec<u8>> =
            image.chunks(height * width).map(|plane| naive::resize(plane, width, crop, size, flip)).collect();
        for isa in Isa::available() {
            let mut pixels = Pixels::default();
            pixels.reshape(size);
            let (mut cache, mut scratch) = <(Cache, Scratch)>::default();
            let (shape, what) = ((height, width), (crop, flip));
            crop_and_resize(isa, image, shape, what, &mut cache, &mut scratch, &mut pixels);
            assert_eq!(
                naive::planes(&pixels).to_vec(),
                wanted,
                "{isa:?} {shape:?} {crop:?} to {size}, {flip}"
            );
        }
    }

    fn whole(height: usize, width: usize) -> Crop {
        Crop { top: 0, left: 0, height, width }
    }

    #[test]
    fn every_kind_of_content_agrees_with_the_definition() {
        for image in naive::contents(3 * 32 * 32) {
            for crop in [whole(32, 32), whole(17, 29), Crop { top: 9, left: 5, height: 23, width: 27 }] {
                agree(&image, (32, 32), crop, 32, false);
                agree(&image, (32, 32), crop, 32, true);
            }
        }
    }

    #[test]
    fn every_shape_agrees_with_the_definition() {
        let shapes = [(1, 1), (3, 2), (7, 33), (40, 30), (96, 96), (13, 200)];
        for (height, width) in shapes {
            let image = &naive::contents(3 * height * width)[0];
            for size in [1, 3, 8, 16, 17, 31, 32, 33, 50, 64] {
                agree(image, (height, width), whole(height, width), size, false);
                let (h, w) = (height.div_ceil(2), width.div_ceil(3));
                let corner = Crop { top: height - h, left: width - w, height: h, width: w };
                agree(image, (height, width), corner, size, true);
                agree(image, (height, width), Crop { height: 1, width: 1, ..corner }, size, false);
            }
        }
    }

    #[test]
    fn every_scale_agrees_with_the_definition() {
        // Up to 11 taps by vectors, by plain loops beyond.
        for input in (1..160).chain([255, 400, 1000]) {
            let image: Vec<u8> = naive::contents(3 * input * 4).swap_remove(0);
            agree(&image, (4, input), whole(4, input), 32, input % 2 == 0);
            agree(&image, (input, 4), whole(input, 4), 32, input % 2 == 1);
        }
    }

    #[test]
    fn kept_taps_are_those_of_their_sizes() {
        let image = &naive::contents(3 * 40 * 40)[0];
        let (mut cache, mut scratch) = <(Cache, Scratch)>::default();
        for size in [32, 8, 32, 40, 8] {
            let mut pixels = Pixels::default();
            pixels.reshape(size);
            let what = (whole(40, 40), false);
            crop_and_resize(Isa::best(), image, (40, 40), what, &mut cache, &mut scratch, &mut pixels);
            let wanted = naive::resize(&image[..1600], 40, whole(40, 40), size, false);
            assert_eq!(naive::planes(&pixels)[0], wanted, "{size}");
        }
    }

    #[test]
    #[should_panic(expected = "expected a crop inside an image of 4 x 4")]
    fn a_crop_that_leaves_the_image_is_a_panic() {
        let (mut cache, mut scratch) = <(Cache, Scratch)>::default();
        let what = (Crop { top: 1, left: 0, height: 4, width: 4 }, false);
        let mut pixels = Pixels::default();
        crop_and_resize(Isa::best(), &[0; 48], (4, 4), what, &mut cache, &mut scratch, &mut pixels);
    }
}
