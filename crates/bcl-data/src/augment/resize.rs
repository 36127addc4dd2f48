//! Bilinear resize with antialias: Pillow's triangle filter, widened when shrinking, in two passes of f32.
//!
//! Pillow rounds to u8 after each pass; this does not.

use super::policy::Crop;

/// For each output position the first input position and the weights of those that follow.
#[derive(Debug)]
struct Taps {
    first: Vec<usize>,
    weights: Vec<Vec<f32>>,
}

impl Taps {
    /// Taps from `input` positions to `output`.
    fn new(input: usize, output: usize) -> Self {
        let scale = input as f64 / output as f64;
        let filter_scale = scale.max(1.0);
        let mut taps = Self { first: Vec::with_capacity(output), weights: Vec::with_capacity(output) };
        for position in 0..output {
            let centre = (position as f64 + 0.5) * scale;
            // Truncation after adding a half, as Pillow's C code does.
            let low = (centre - filter_scale + 0.5).max(0.0) as usize;
            let high = ((centre + filter_scale + 0.5) as usize).min(input);
            let raw: Vec<f64> = (low..high)
                .map(|tap| (1.0 - ((tap as f64 - centre + 0.5) / filter_scale).abs()).max(0.0))
                .collect();
            let sum: f64 = raw.iter().sum();
            taps.first.push(low);
            taps.weights.push(raw.iter().map(|weight| (weight / sum) as f32).collect());
        }
        taps
    }
}

/// Resizes the crop of one u8 plane of `stride` columns into `out`, `size` x `size`, as f32 in [0, 1], mirrored
/// if `flip`.
pub(super) fn crop_and_resize(plane: &[u8], stride: usize, plan: &Plan, flip: bool, out: &mut [f32]) {
    let (crop, size) = (plan.crop, plan.size);
    let mut rows = vec![0.0f32; crop.height * size]; // crop.height x size
    for (y, row) in rows.chunks_exact_mut(size).enumerate() {
        let start = (crop.top + y) * stride + crop.left;
        let line = &plane[start..start + crop.width];
        for (x, value) in row.iter_mut().enumerate() {
            let (first, weights) = (plan.columns.first[x], &plan.columns.weights[x]);
            let sum: f32 =
                line[first..].iter().zip(weights).map(|(&pixel, weight)| f32::from(pixel) * weight).sum();
            *value = sum / 255.0;
        }
        if flip {
            row.reverse();
        }
    }
    for (y, line) in out.chunks_exact_mut(size).enumerate() {
        line.fill(0.0);
        for (offset, &weight) in plan.rows.weights[y].iter().enumerate() {
            let source = &rows[(plan.rows.first[y] + offset) * size..][..size];
            for (value, pixel) in line.iter_mut().zip(source) {
                *value += weight * pixel;
            }
        }
    }
}

/// The taps of both directions, shared by the planes of an image.
#[derive(Debug)]
pub(super) struct Plan {
    crop: Crop,
    size: usize,
    columns: Taps,
    rows: Taps,
}

impl Plan {
    /// A plan for `crop` to `size` x `size`.
    pub(super) fn new(crop: Crop, size: usize) -> Self {
        Self { crop, size, columns: Taps::new(crop.width, size), rows: Taps::new(crop.height, size) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resized(plane: &[u8], width: usize, crop: Crop, size: usize, flip: bool) -> Vec<f32> {
        let mut out = vec![0.0; size * size];
        crop_and_resize(plane, width, &Plan::new(crop, size), flip, &mut out);
        out.iter().map(|value| value * 255.0).collect()
    }

    #[test]
    fn the_same_size_changes_nothing_and_a_flip_mirrors() {
        let plane: Vec<u8> = (0..16).collect();
        let whole = Crop { top: 0, left: 0, height: 4, width: 4 };
        let same = resized(&plane, 4, whole, 4, false);
        assert!(same.iter().zip(&plane).all(|(a, &b)| (a - f32::from(b)).abs() < 1e-4));
        assert!((resized(&plane, 4, whole, 4, true)[0] - 3.0).abs() < 1e-4);
    }

    #[test]
    fn a_constant_stays_constant_and_a_ramp_a_ramp() {
        let crop = Crop { top: 1, left: 2, height: 5, width: 7 };
        assert!(resized(&[9; 100], 10, crop, 32, false).iter().all(|value| (value - 9.0).abs() < 1e-4));
        let ramp: Vec<u8> = (0..64 * 64).map(|i| (i % 64 * 4) as u8).collect();
        let half = resized(&ramp, 64, Crop { top: 0, left: 0, height: 64, width: 64 }, 32, false);
        // Away from the edges the middle of two pixels is their mean.
        assert!((1..31).all(|x| (half[x] - (x as f32 * 8.0 + 2.0)).abs() < 1e-3), "{half:?}");
    }

    #[test]
    fn one_pixel_can_be_blown_up() {
        let crop = Crop { top: 1, left: 1, height: 1, width: 1 };
        assert!(resized(&[1, 2, 3, 4], 2, crop, 3, false).iter().all(|value| (value - 4.0).abs() < 1e-5));
    }
}
