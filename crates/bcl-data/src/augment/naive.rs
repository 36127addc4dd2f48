//! What the kernels are tested against: a pixel at a time, as the C code of Pillow and torchvision's definition have it.

use super::color::Change;
use super::crop::Crop;
use super::pixels::Pixels;
use crate::seed::Stream;

/// Planes of `size` x `size`, without room.
pub(super) type Planes = [Vec<u8>; 3];

/// Contents that find faults: random, constant, at the ends of the range, and ramps.
pub(super) fn contents(bytes: usize) -> Vec<Vec<u8>> {
    let mut stream = Stream::new(1, 2, 3, bytes as u64);
    let mut random =
        |levels: usize, step: usize| (0..bytes).map(|_| (stream.below(levels) * step) as u8).collect();
    let ramp = (0..bytes).map(|i| (i * 7) as u8).collect();
    vec![random(256, 1), random(2, 255), vec![0; bytes], vec![255; bytes], vec![77; bytes], ramp]
}

/// The kernels' memory with these planes, and garbage in its room.
pub(super) fn pixels(planes: &Planes, size: usize) -> Pixels {
    let mut pixels = Pixels::default();
    pixels.reshape(size);
    for (to, from) in pixels.planes_mut().into_iter().zip(planes) {
        to.fill(0xA5);
        to[..size * size].copy_from_slice(from);
    }
    pixels
}

/// And back.
pub(super) fn planes(pixels: &Pixels) -> Planes {
    let count = pixels.size() * pixels.size();
    pixels.planes().map(|plane| plane[..count].to_vec())
}

/// One plane's crop, resized in fixed point of 64 bits, columns first.
pub(super) fn resize(plane: &[u8], width: usize, crop: Crop, size: usize, flip: bool) -> Vec<u8> {
    let Crop { top, left, .. } = crop;
    let mut rows = vec![0; crop.height * size];
    for y in 0..crop.height {
        for x in 0..size {
            let at = if flip { size - 1 - x } else { x };
            rows[y * size + at] = pixel(crop.width, size, x, |tap| plane[(top + y) * width + left + tap]);
        }
    }
    (0..size * size).map(|i| pixel(crop.height, size, i / size, |tap| rows[tap * size + i % size])).collect()
}

/// `Resample.c`: `precompute_coeffs`, `normalize_coeffs_8bpc` and one sum.
fn pixel(input: usize, output: usize, position: usize, value: impl Fn(usize) -> u8) -> u8 {
    let scale = input as f64 / output as f64;
    let filter_scale = scale.max(1.0);
    let (centre, inverse) = ((position as f64 + 0.5) * scale, 1.0 / filter_scale);
    let first = (centre - filter_scale + 0.5).max(0.0) as usize;
    let end = ((centre + filter_scale + 0.5) as usize).min(input);
    let triangle = |tap: usize| {
        let x = ((tap as f64 - centre + 0.5) * inverse).abs();
        if x < 1.0 { 1.0 - x } else { 0.0 }
    };
    let sum: f64 = (first..end).map(triangle).sum();
    let weight = |tap| (0.5 + triangle(tap) / sum * f64::from(1 << 22)) as i64;
    let total: i64 = (first..end).map(|tap| i64::from(value(tap)) * weight(tap)).sum();
    ((total + (1 << 21)) >> 22).clamp(0, 255) as u8
}

/// Changes one after another.
pub(super) fn change(planes: &mut Planes, changes: &[Change]) {
    for &change in changes {
        let grey = |planes: &Planes, i: usize| luma([planes[0][i], planes[1][i], planes[2][i]]);
        let count = planes[0].len();
        let sum: u64 = (0..count).map(|i| u64::from(grey(planes, i))).sum();
        let mean = (sum as f64 / count as f64 + 0.5) as u8;
        for i in 0..count {
            let rgb = [planes[0][i], planes[1][i], planes[2][i]];
            let changed = match change {
                Change::Brightness(factor) => rgb.map(|value| blend(0, value, factor)),
                Change::Contrast(factor) => rgb.map(|value| blend(mean, value, factor)),
                Change::Saturation(factor) => rgb.map(|value| blend(luma(rgb), value, factor)),
                Change::Hue(turn) => hue(rgb, turn),
                Change::Grey => [luma(rgb); 3],
                Change::Solarize(threshold) => {
                    rgb.map(|value| if value < threshold { value } else { 255 - value })
                }
            };
            for (plane, value) in planes.iter_mut().zip(changed) {
                plane[i] = value;
            }
        }
    }
}

/// `Convert.c`: `L24`.
fn luma([r, g, b]: [u8; 3]) -> u8 {
    ((u32::from(r) * 19595 + u32::from(g) * 38470 + u32::from(b) * 7471 + 0x8000) >> 16) as u8
}

/// `Blend.c`: the branch for factors outside 0 to 1 clips, which within changes nothing.
fn blend(from: u8, to: u8, factor: f32) -> u8 {
    let mixed = f32::from(from) + factor * (f32::from(to) - f32::from(from));
    if mixed <= 0.0 {
        0
    } else if mixed >= 255.0 {
        255
    } else {
        mixed as u8
    }
}

/// `Convert.c`: `rgb2hsv_row`, a turn that wraps at 256, `hsv2rgb`.
pub(super) fn hue([r, g, b]: [u8; 3], turn: u8) -> [u8; 3] {
    let (high, low) = (r.max(g).max(b), r.min(g).min(b));
    let (mut h, mut s) = (0u8, 0u8);
    if high != low {
        let range = f32::from(high - low);
        let part = |value: u8| f32::from(high - value) / range;
        let (rc, gc, bc) = (part(r), part(g), part(b));
        let sixth = if r == high {
            bc - gc
        } else if g == high {
            (2.0 + f64::from(rc) - f64::from(bc)) as f32
        } else {
            (4.0 + f64::from(gc) - f64::from(rc)) as f32
        };
        let turns = ((f64::from(sixth) / 6.0 + 1.0) % 1.0) as f32;
        h = (f64::from(turns) * 255.0) as i32 as u8;
        s = (f64::from(range / f32::from(high)) * 255.0) as i32 as u8;
    }
    let (h, v) = (h.wrapping_add(turn), f32::from(high));
    if s == 0 {
        return [high; 3];
    }
    let sector = (f64::from(h) * 6.0 / 255.0).floor();
    let rest = (f64::from(h) * 6.0 - sector * 255.0) as f32 / 255.0;
    let share = f32::from(s) / 255.0;
    let rounded = |x: f32| (x + 0.5) as u8;
    let p = rounded(v * (1.0 - share));
    let q = rounded(v * (1.0 - share * rest));
    let t = rounded(v * (1.0 - share * (1.0 - rest)));
    match sector as u8 % 6 {
        0 => [high, t, p],
        1 => [q, high, p],
        2 => [p, high, t],
        3 => [p, q, high],
        4 => [t, p, high],
        _ => [high, p, q],
    }
}

/// A blur in f32, in the order of the taps: along the lines, then across.
pub(super) fn blur(plane: &[u8], size: usize, kernel: &[f32]) -> Vec<u8> {
    let half = (kernel.len() / 2) as isize;
    let reflected = |mut i: isize| {
        let last = size as isize - 1;
        while last > 0 && !(0..=last).contains(&i) {
            i = if i < 0 { -i } else { 2 * last - i };
        }
        if last == 0 { 0 } else { i as usize }
    };
    let sum = |at: usize, value: &dyn Fn(usize) -> f32| {
        kernel.iter().enumerate().fold(0.0, |sum, (tap, weight)| {
            sum + weight * value(reflected(at as isize + tap as isize - half))
        })
    };
    let rows: Vec<f32> =
        (0..size * size).map(|i| sum(i % size, &|x| f32::from(plane[i / size * size + x]))).collect();
    (0..size * size).map(|i| sum(i / size, &|y| rows[y * size + i % size]).round_ties_even() as u8).collect()
}
