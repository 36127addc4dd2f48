//! A resize as plain loops, for any processor and any number of taps.

use super::taps::Taps;
use super::{HALF, PRECISION, Source};

/// Resizes to the lines of `plane`. `rows` is scratch memory.
pub(super) fn resize(
    source: Source<'_>,
    (across, down): (&Taps, &Taps),
    rows: &mut Vec<u8>,
    plane: &mut [u8],
) {
    let size = across.first.len();
    rows.resize(source.crop.height * size, 0); // crop.height x size
    for (line, row) in source.lines().zip(rows.chunks_exact_mut(size)) {
        match across.count {
            2 => columns::<2>(line, across, row),
            3 => columns::<3>(line, across, row),
            4 => columns::<4>(line, across, row),
            5 => columns::<5>(line, across, row),
            6 => columns::<6>(line, across, row),
            7 => columns::<7>(line, across, row),
            _ => any_columns(line, across, row),
        }
    }
    let weights = down.weights.chunks_exact(down.count);
    for ((line, &first), weights) in plane.chunks_exact_mut(size).zip(&down.first).zip(weights) {
        lines(&rows[first * size..][..down.count * size], weights, line);
    }
}

/// A line of input to a line of output, N taps each.
fn columns<const N: usize>(line: &[u8], taps: &Taps, out: &mut [u8]) {
    for ((out, &first), weights) in out.iter_mut().zip(&taps.first).zip(taps.weights.as_chunks::<N>().0) {
        let pixels = &line[first..first + N];
        let sum: i32 = (0..N).map(|tap| i32::from(pixels[tap]) * weights[tap]).sum();
        *out = ((sum + HALF) >> PRECISION) as u8;
    }
}

fn any_columns(line: &[u8], taps: &Taps, out: &mut [u8]) {
    let weights = taps.weights.chunks_exact(taps.count);
    for ((out, &first), weights) in out.iter_mut().zip(&taps.first).zip(weights) {
        let sum: i32 = line[first..].iter().zip(weights).map(|(&pixel, w)| i32::from(pixel) * w).sum();
        *out = ((sum + HALF) >> PRECISION) as u8;
    }
}

/// Lines, one after another in `source`, to their weighted sum.
fn lines(source: &[u8], weights: &[i32], out: &mut [u8]) {
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
