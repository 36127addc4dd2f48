//! Gaussian blur with torchvision's kernel: sampled density, normalised, separable, edges reflected, rounded to u8.

/// The kernel of odd length `size`.
pub(super) fn kernel(size: usize, sigma: f64) -> Vec<f32> {
    let half = (size / 2) as f64;
    let density: Vec<f64> = (0..size).map(|i| (-0.5 * ((i as f64 - half) / sigma).powi(2)).exp()).collect();
    let sum: f64 = density.iter().sum();
    density.iter().map(|value| (value / sum) as f32).collect()
}

/// Index reflected at the ends without repeating them: -1 is 1, `length` is `length` - 2.
fn reflected(index: isize, length: usize) -> usize {
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
    /// A line with its reflections.
    line: Vec<f32>,
    /// The plane after the blur along its lines.
    rows: Vec<f32>,
    /// A line of sums.
    sums: Vec<f32>,
}

/// Blurs a plane of `size` x `size` by an odd kernel.
#[inline(always)]
pub(super) fn gaussian(plane: &mut [u8], size: usize, kernel: &[f32], scratch: &mut Scratch) {
    let half = kernel.len() / 2;
    scratch.line.resize(size + 2 * half, 0.0);
    scratch.rows.resize(size * size, 0.0);
    scratch.sums.resize(size, 0.0);
    for (line, out) in plane.chunks_exact(size).zip(scratch.rows.chunks_exact_mut(size)) {
        for (to, &from) in scratch.line[half..].iter_mut().zip(line) {
            *to = f32::from(from);
        }
        for edge in 1..=half {
            scratch.line[half - edge] = f32::from(line[reflected(-(edge as isize), size)]);
            scratch.line[half + size - 1 + edge] =
                f32::from(line[reflected((size - 1 + edge) as isize, size)]);
        }
        out.fill(0.0);
        for (tap, &weight) in kernel.iter().enumerate() {
            for (sum, value) in out.iter_mut().zip(&scratch.line[tap..]) {
                *sum += weight * value;
            }
        }
    }
    for (y, line) in plane.chunks_exact_mut(size).enumerate() {
        scratch.sums.fill(0.0);
        for (tap, &weight) in kernel.iter().enumerate() {
            let at = reflected(y as isize + tap as isize - half as isize, size);
            for (sum, value) in scratch.sums.iter_mut().zip(&scratch.rows[at * size..][..size]) {
                *sum += weight * value;
            }
        }
        for (value, sum) in line.iter_mut().zip(&scratch.sums) {
            *value = sum.round_ties_even() as i32 as u8;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indices_are_reflected() {
        let at: Vec<usize> = (-3..7).map(|i| reflected(i, 4)).collect();
        assert_eq!(at, [3, 2, 1, 0, 1, 2, 3, 2, 1, 0]);
        assert_eq!(reflected(-1, 1), 0);
    }

    #[test]
    fn a_point_spreads_into_the_kernel_and_a_constant_stays() {
        let mut plane = vec![0; 25];
        plane[12] = 200;
        let k = kernel(3, 0.8);
        gaussian(&mut plane, 5, &k, &mut Scratch::default());
        for y in 0..5 {
            for x in 0..5 {
                let inside = (1..4).contains(&y) && (1..4).contains(&x);
                let wanted = if inside { 200.0 * k[y - 1] * k[x - 1] } else { 0.0 };
                assert_eq!(plane[5 * y + x], wanted.round() as u8);
            }
        }
        for (size, taps) in [(4, 3), (2, 3), (1, 3), (9, 7)] {
            let mut constant = vec![77; size * size];
            gaussian(&mut constant, size, &kernel(taps, 2.0), &mut Scratch::default());
            assert!(constant.iter().all(|&value| value == 77));
        }
    }
}
