//! Gaussian blur with torchvision's kernel: sampled density, normalised, separable, edges reflected, rounded to u8.

use super::isa::{Isa, Kernel};
use super::lanes::{Lanes, WIDTH};
use super::pixels::Pixels;

/// The kernel of odd length `size`.
pub(super) fn kernel(size: usize, sigma: f64) -> Vec<f32> {
    let half = (size / 2) as f64;
    let density: Vec<f64> = (0..size).map(|i| (-0.5 * ((i as f64 - half) / sigma).powi(2)).exp()).collect();
    let sum: f64 = density.iter().sum();
    density.iter().map(|value| (value / sum) as f32).collect()
}

/// Index reflected at the ends without repeating them: -1 is 1, `length` is `length` - 2.
pub(super) fn reflected(index: isize, length: usize) -> usize {
    let last = length as isize - 1;
    if last == 0 {
        return 0;
    }
    let period = 2 * last;
    let folded = index.rem_euclid(period);
    (if folded > last { period - folded } else { folded }) as usize
}

/// Scratch memory of a blur.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    /// A plane's lines with their reflections.
    wide: Vec<f32>,
    /// A plane after the blur along its lines, lines in whole vectors.
    rows: Vec<f32>,
    /// For each line or column, and those beyond either end, which one is its reflection.
    places: Vec<usize>,
}

/// Blurs by an odd kernel.
pub(super) fn gaussian(isa: Isa, pixels: &mut Pixels, kernel: &[f32], scratch: &mut Scratch) {
    match <[f32; 3]>::try_from(kernel) {
        Ok(kernel) => isa.run(Blur { pixels, kernel, scratch }),
        Err(_) => isa.run(Blur { pixels, kernel, scratch }),
    }
}

/// `K` is a slice, or an array where a fixed length lets loops be unrolled.
struct Blur<'a, K> {
    pixels: &'a mut Pixels,
    kernel: K,
    scratch: &'a mut Scratch,
}

impl<K: AsRef<[f32]>> Kernel for Blur<'_, K> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let size = self.pixels.size();
        let Scratch { wide, rows, places } = self.scratch;
        let (kernel, padded) = (self.kernel.as_ref(), size.next_multiple_of(WIDTH));
        let half = kernel.len() / 2;
        places.clear();
        places.extend((0..size + 2 * half).map(|at| reflected(at as isize - half as isize, size)));
        let stride = padded + 2 * half;
        wide.resize(stride * size, 0.0);
        rows.resize(padded * size, 0.0);
        for plane in self.pixels.planes_mut() {
            // Stage by stage over the whole plane: what is read is not what has just been written.
            for (y, line) in wide.chunks_exact_mut(stride).enumerate() {
                with_reflections(lanes, &plane[y * size..][..padded], places, half, line);
            }
            for (line, out) in wide.chunks_exact(stride).zip(rows.chunks_exact_mut(padded)) {
                along(lanes, line, kernel, out);
            }
            for y in 0..size {
                across(lanes, rows, &places[y..][..kernel.len()], kernel, &mut plane[y * size..][..padded]);
            }
        }
    }
}

/// A line of bytes as f32 with `half` reflected ones on either side.
#[inline(always)]
fn with_reflections<L: Lanes>(lanes: L, bytes: &[u8], places: &[usize], half: usize, line: &mut [f32]) {
    let middle = line[half..].as_chunks_mut::<WIDTH>().0;
    for (to, from) in middle.iter_mut().zip(bytes.as_chunks::<WIDTH>().0) {
        lanes.store(lanes.widen(from), to);
    }
    let behind = places.len() - half;
    for at in 0..half {
        line[at] = f32::from(bytes[places[at]]);
        line[behind + at] = f32::from(bytes[places[behind + at]]);
    }
}

/// The blur along a line.
#[inline(always)]
fn along<L: Lanes>(lanes: L, line: &[f32], kernel: &[f32], out: &mut [f32]) {
    for (x, out) in out.as_chunks_mut::<WIDTH>().0.iter_mut().enumerate() {
        let mut sum = lanes.splat(0.0);
        for (part, &weight) in line[x * WIDTH..][..WIDTH + kernel.len() - 1].windows(WIDTH).zip(kernel) {
            if let Some(part) = part.first_chunk::<WIDTH>() {
                sum = lanes.add(sum, lanes.mul(lanes.splat(weight), lanes.load(part)));
            }
        }
        lanes.store(sum, out);
    }
}

/// The blur across the lines of `rows` that are at these places, to bytes.
#[inline(always)]
fn across<L: Lanes>(lanes: L, rows: &[f32], places: &[usize], kernel: &[f32], out: &mut [u8]) {
    let padded = out.len();
    for (x, out) in out.as_chunks_mut::<WIDTH>().0.iter_mut().enumerate() {
        let mut sum = lanes.splat(0.0);
        for (place, &weight) in places.iter().zip(kernel) {
            if let Some(part) = rows[place * padded + x * WIDTH..].first_chunk::<WIDTH>() {
                sum = lanes.add(sum, lanes.mul(lanes.splat(weight), lanes.load(part)));
            }
        }
        lanes.narrow(lanes.nearest(sum), out);
    }
}

#[cfg(test)]
mod tests {
    use super::super::naive;
    use super::*;

    #[test]
    fn indices_are_reflected() {
        let at: Vec<usize> = (-3..7).map(|i| reflected(i, 4)).collect();
        assert_eq!(at, [3, 2, 1, 0, 1, 2, 3, 2, 1, 0]);
        assert_eq!(reflected(-1, 1), 0);
    }

    #[test]
    fn every_size_kernel_and_content_agrees_with_the_definition() {
        for size in [1, 2, 3, 7, 8, 9, 31, 32, 33] {
            for content in naive::contents(3 * size * size) {
                let planes = [0, 1, 2].map(|k| content[k * size * size..][..size * size].to_vec());
                for (taps, sigma) in [(1, 1.0), (3, 0.1), (3, 0.8), (3, 2.0), (5, 1.5), (23, 2.0)] {
                    if taps > 2 * size {
                        continue;
                    }
                    let kernel = kernel(taps, sigma);
                    let wanted = planes.each_ref().map(|plane| naive::blur(plane, size, &kernel));
                    for isa in Isa::available() {
                        let mut pixels = naive::pixels(&planes, size);
                        gaussian(isa, &mut pixels, &kernel, &mut Scratch::default());
                        assert_eq!(naive::planes(&pixels), wanted, "{isa:?}, {size}, {taps} taps, {sigma}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_point_spreads_into_the_kernel() {
        let mut plane = vec![0; 25];
        plane[12] = 200;
        let k = kernel(3, 0.8);
        let blurred = naive::blur(&plane, 5, &k);
        for (i, value) in blurred.into_iter().enumerate() {
            let (y, x) = (i / 5, i % 5);
            let inside = (1..4).contains(&y) && (1..4).contains(&x);
            let wanted = if inside { 200.0 * k[y - 1] * k[x - 1] } else { 0.0 };
            assert_eq!(value, wanted.round() as u8);
        }
    }
}
