//! Bilinear resize with antialias, Pillow's (`Resample.c`) to the bit: a triangle filter, widened when shrinking; columns
//! first, then rows, each in fixed point and rounded to u8. (Pillow 13 takes some tall crops in the other order, which
//! changes a pixel in fifty of these by one level; this is the order of all before it.)

use super::policy::Crop;

/// Bits after the point of a weight.
const PRECISION: u32 = 22;

/// A half, for rounding.
const HALF: i32 = 1 << (PRECISION - 1);

/// For each output position the first input position and the weights of those that follow; as many for each.
#[derive(Debug)]
pub(super) struct Taps {
    first: Vec<usize>,
    weights: Vec<i32>,
    count: usize,
}

impl Taps {
    /// Taps from `input` positions to `output`.
    pub(super) fn new(input: usize, output: usize) -> Self {
        let scale = input as f64 / output as f64;
        let filter_scale = scale.max(1.0);
        let mut rows = Vec::with_capacity(output);
        for position in 0..output {
            let centre = (position as f64 + 0.5) * scale;
            // Truncation after adding a half, as Pillow's C code does.
            let low = (centre - filter_scale + 0.5).max(0.0) as usize;
            let high = ((centre + filter_scale + 0.5) as usize).min(input);
            let raw: Vec<f64> = (low..high)
                .map(|tap| (1.0 - ((tap as f64 - centre + 0.5) * (1.0 / filter_scale)).abs()).max(0.0))
                .collect();
            let sum: f64 = raw.iter().sum();
            let fixed = |weight: &f64| (weight / sum * f64::from(1 << PRECISION) + 0.5) as i32;
            rows.push((low, raw.iter().map(fixed).collect::<Vec<_>>()));
        }
        let count = rows.iter().map(|(_, weights)| weights.len()).max().unwrap_or(1);
        let mut taps = Self { first: Vec::new(), weights: vec![0; output * count], count };
        for (place, (low, weights)) in taps.weights.chunks_exact_mut(count).zip(rows) {
            // Where fewer weights count, zeros before or behind them keep the reach inside the input.
            let first = low.min(input - count);
            place[low - first..][..weights.len()].copy_from_slice(&weights);
            taps.first.push(first);
        }
        taps
    }
}

/// Resizes the crop of one u8 plane of `stride` columns into `out`, `size` x `size`, mirrored if `flip`. `rows` is scratch
/// memory.
#[inline(always)]
pub(super) fn crop_and_resize(
    plane: &[u8],
    stride: usize,
    crop: Crop,
    (across, down): (&Taps, &Taps),
    flip: bool,
    rows: &mut Vec<u8>,
    out: &mut [u8],
) {
    let size = across.first.len();
    rows.resize(crop.height * size, 0); // crop.height x size
    let lines = plane[crop.top * stride + crop.left..].chunks(stride).map(|line| &line[..crop.width]);
    for (line, row) in lines.zip(rows.chunks_exact_mut(size)) {
        match across.count {
            1 => columns::<1>(line, across, row),
            2 => columns::<2>(line, across, row),
            3 => columns::<3>(line, across, row),
            4 => columns::<4>(line, across, row),
            5 => columns::<5>(line, across, row),
            6 => columns::<6>(line, across, row),
            7 => columns::<7>(line, across, row),
            _ => any_columns(line, across, row),
        }
        if flip {
            row.reverse();
        }
    }
    let weights = down.weights.chunks_exact(down.count);
    for ((line, &first), weights) in out.chunks_exact_mut(size).zip(&down.first).zip(weights) {
        let source = &rows[first * size..][..down.count * size];
        match down.count {
            1 => lines_up::<1>(source, weights, line),
            2 => lines_up::<2>(source, weights, line),
            3 => lines_up::<3>(source, weights, line),
            4 => lines_up::<4>(source, weights, line),
            5 => lines_up::<5>(source, weights, line),
            6 => lines_up::<6>(source, weights, line),
            7 => lines_up::<7>(source, weights, line),
            _ => any_lines(source, weights, line),
        }
    }
}

/// A line of input to a line of output, N taps each.
#[inline(always)]
fn columns<const N: usize>(line: &[u8], taps: &Taps, out: &mut [u8]) {
    for ((out, &first), weights) in out.iter_mut().zip(&taps.first).zip(taps.weights.as_chunks::<N>().0) {
        let pixels = &line[first..first + N];
        let sum: i32 = (0..N).map(|tap| i32::from(pixels[tap]) * weights[tap]).sum();
        *out = ((sum + HALF) >> PRECISION) as u8;
    }
}

#[inline(always)]
fn any_columns(line: &[u8], taps: &Taps, out: &mut [u8]) {
    let weights = taps.weights.chunks_exact(taps.count);
    for ((out, &first), weights) in out.iter_mut().zip(&taps.first).zip(weights) {
        let sum: i32 = line[first..].iter().zip(weights).map(|(&pixel, w)| i32::from(pixel) * w).sum();
        *out = ((sum + HALF) >> PRECISION) as u8;
    }
}

/// N lines, one after another in `source`, to their weighted sum.
#[inline(always)]
fn lines_up<const N: usize>(source: &[u8], weights: &[i32], out: &mut [u8]) {
    let size = out.len();
    let lines: [&[u8]; N] = std::array::from_fn(|tap| &source[tap * size..][..size]);
    for (x, out) in out.iter_mut().enumerate() {
        let sum: i32 = (0..N).map(|tap| i32::from(lines[tap][x]) * weights[tap]).sum();
        *out = ((sum + HALF) >> PRECISION) as u8;
    }
}

#[inline(always)]
fn any_lines(source: &[u8], weights: &[i32], out: &mut [u8]) {
    const RUN: usize = 64;
    let size = out.len();
    for (run, out) in out.chunks_mut(RUN).enumerate() {
        let mut sums = [HALF; RUN];
        for (line, &weight) in source.chunks_exact(size).zip(weights) {
            for (sum, &pixel) in sums.iter_mut().zip(&line[run * RUN..][..out.len()]) {
                *sum += i32::from(pixel) * weight;
            }
        }
        for (out, sum) in out.iter_mut().zip(sums) {
            *out = (sum >> PRECISION) as u8;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resized(plane: &[u8], width: usize, crop: Crop, size: usize, flip: bool) -> Vec<u8> {
        let mut out = vec![0; size * size];
        let taps = (&Taps::new(crop.width, size), &Taps::new(crop.height, size));
        crop_and_resize(plane, width, crop, taps, flip, &mut Vec::new(), &mut out);
        out
    }

    #[test]
    fn the_same_size_changes_nothing_and_a_flip_mirrors() {
        let plane: Vec<u8> = (0..16).collect();
        let whole = Crop { top: 0, left: 0, height: 4, width: 4 };
        assert_eq!(resized(&plane, 4, whole, 4, false), plane);
        assert_eq!(resized(&plane, 4, whole, 4, true)[..4], [3, 2, 1, 0]);
    }

    #[test]
    fn a_constant_stays_constant_and_a_ramp_a_ramp() {
        let crop = Crop { top: 1, left: 2, height: 5, width: 7 };
        assert!(resized(&[9; 100], 10, crop, 32, false).iter().all(|&value| value == 9));
        let ramp: Vec<u8> = (0..64 * 64).map(|i| (i % 64 * 4) as u8).collect();
        let half = resized(&ramp, 64, Crop { top: 0, left: 0, height: 64, width: 64 }, 32, false);
        // Away from the edges the middle of two pixels is their mean.
        assert!((1..31).all(|x| half[x] == (x * 8 + 2) as u8), "{half:?}");
    }

    #[test]
    fn one_pixel_can_be_blown_up_and_many_shrunk() {
        let crop = Crop { top: 1, left: 1, height: 1, width: 1 };
        assert!(resized(&[1, 2, 3, 4], 2, crop, 3, false).iter().all(|&value| value == 4));
        let crop = Crop { top: 0, left: 0, height: 100, width: 100 };
        assert!(resized(&[77; 10_000], 100, crop, 3, false).iter().all(|&value| value == 77));
        assert_eq!(resized(&[255; 10_000], 100, crop, 70, true), [255; 4900]);
    }
}
