//! Gaussian blur with torchvision's kernel: sampled density, normalised, separable, edges reflected.

/// The kernel of odd length `size`.
fn kernel(size: usize, sigma: f64) -> Vec<f32> {
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

/// Blurs a plane of `size` x `size`.
pub(super) fn gaussian(plane: &mut [f32], size: usize, kernel_size: usize, sigma: f64) {
    let kernel = kernel(kernel_size, sigma);
    let half = (kernel_size / 2) as isize;
    let taps = |position: usize| {
        kernel
            .iter()
            .enumerate()
            .map(move |(i, weight)| (reflected(position as isize + i as isize - half, size), *weight))
    };
    let mut rows = vec![0.0; plane.len()];
    for (line, out) in plane.chunks_exact(size).zip(rows.chunks_exact_mut(size)) {
        for (x, value) in out.iter_mut().enumerate() {
            *value = taps(x).map(|(at, weight)| weight * line[at]).sum();
        }
    }
    for (y, line) in plane.chunks_exact_mut(size).enumerate() {
        line.fill(0.0);
        for (at, weight) in taps(y) {
            for (value, pixel) in line.iter_mut().zip(&rows[at * size..]) {
                *value += weight * pixel;
            }
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
        let mut plane = vec![0.0; 25];
        plane[12] = 1.0;
        gaussian(&mut plane, 5, 3, 0.8);
        let k = kernel(3, 0.8);
        for y in 0..5 {
            for x in 0..5 {
                let wanted =
                    if (1..4).contains(&y) && (1..4).contains(&x) { k[y - 1] * k[x - 1] } else { 0.0 };
                assert!((plane[5 * y + x] - wanted).abs() < 1e-6);
            }
        }
        let mut constant = vec![0.3; 16];
        gaussian(&mut constant, 4, 3, 2.0);
        assert!(constant.iter().all(|value| (value - 0.3f32).abs() < 1e-6));
    }
}
