//! Colour changes as torchvision does them on Pillow images: on u8, rounded after each as Pillow does.
//!
//! Everything goes over runs of a fixed number of pixels, a plain loop a stage: what compilers turn into vectors.

#![allow(unsafe_code, reason = "conversions whose range is known")]

use super::policy::{Jitter, JitterStep};

/// Three planes of equal length.
pub(super) type Planes<'a> = [&'a mut [u8]; 3];

/// Pillow's grey (`Convert.c`): ITU-R 601 in 16-bit fractions, rounded.
#[inline(always)]
fn luma(r: u8, g: u8, b: u8) -> u8 {
    ((u32::from(r) * 19595 + u32::from(g) * 38470 + u32::from(b) * 7471 + 0x8000) >> 16) as u8
}

/// Pixels of a run.
const RUN: usize = 32;

/// Some pixels, a channel at a time.
type Run = [[u8; RUN]; 3];

/// Calls `change` with the pixels, a run at a time; those beyond the last are 0.
#[inline(always)]
fn each_run(planes: &mut Planes<'_>, mut change: impl FnMut(&mut Run)) {
    let length = planes[0].len();
    for first in (0..length).step_by(RUN) {
        let count = RUN.min(length - first);
        let mut run = [[0; RUN]; 3];
        for (run, plane) in run.iter_mut().zip(planes.iter()) {
            run[..count].copy_from_slice(&plane[first..first + count]);
        }
        change(&mut run);
        for (run, plane) in run.iter().zip(planes.iter_mut()) {
            plane[first..first + count].copy_from_slice(&run[..count]);
        }
    }
}

#[inline(always)]
fn greys([red, green, blue]: &Run) -> [u8; RUN] {
    let mut grey = [0; RUN];
    for i in 0..RUN {
        grey[i] = luma(red[i], green[i], blue[i]);
    }
    grey
}

/// Pillow's blend (`Blend.c`): (1 - `factor`) x `other` + `factor` x the value, without its fraction, kept in range.
#[inline(always)]
fn blend(run: &mut Run, other: &[u8; RUN], factor: f32) {
    for channel in run {
        for i in 0..RUN {
            let other = f32::from(other[i]);
            let mixed = other + factor * (f32::from(channel[i]) - other);
            let mixed = if mixed > 0.0 { mixed } else { 0.0 };
            channel[i] = whole(if mixed < 255.0 { mixed } else { 255.0 }) as u8;
        }
    }
}

/// Without its fraction, of a number in [0, 256).
#[inline(always)]
fn whole(x: f32) -> i32 {
    debug_assert!((0.0..256.0).contains(&x));
    // SAFETY: the callers' numbers are in [0, 256).
    unsafe { x.to_int_unchecked() }
}

/// Likewise.
#[inline(always)]
fn whole_f64(x: f64) -> i32 {
    debug_assert!((0.0..256.0).contains(&x));
    // SAFETY: the callers' numbers are in [0, 256).
    unsafe { x.to_int_unchecked() }
}

/// Makes the image grey.
#[inline(always)]
pub(super) fn grey(planes: &mut Planes<'_>) {
    each_run(planes, |run| {
        let grey = greys(run);
        *run = [grey; 3];
    });
}

/// Does the drawn changes in their order.
#[inline(always)]
pub(super) fn jitter(planes: &mut Planes<'_>, drawn: &Jitter) {
    for step in drawn.order {
        match step {
            JitterStep::Brightness => brightness(planes, drawn.brightness as f32),
            JitterStep::Contrast => contrast(planes, drawn.contrast as f32),
            JitterStep::Saturation => saturation(planes, drawn.saturation as f32),
            // Even a turn by nothing goes through HSV in bytes; torchvision leaves the step out where its range is 0.
            JitterStep::Hue if drawn.hue == 0.0 => {}
            JitterStep::Hue => hue(planes, drawn.hue),
        }
    }
}

#[inline(always)]
fn brightness(planes: &mut Planes<'_>, factor: f32) {
    each_run(planes, |run| blend(run, &[0; RUN], factor));
}

#[inline(always)]
fn contrast(planes: &mut Planes<'_>, factor: f32) {
    let mut sum = 0u32; // at most 255 x 4096 x 4096 < 2^32
    each_run(planes, |run| {
        // Pixels beyond the last are black and add nothing.
        sum += greys(run).iter().map(|&grey| u32::from(grey)).sum::<u32>();
    });
    // Pillow rounds the mean grey to a whole level.
    let mean = (f64::from(sum) / planes[0].len() as f64 + 0.5) as u8;
    each_run(planes, |run| blend(run, &[mean; RUN], factor));
}

#[inline(always)]
fn saturation(planes: &mut Planes<'_>, factor: f32) {
    each_run(planes, |run| {
        let grey = greys(run);
        blend(run, &grey, factor);
    });
}

/// Turns the hue by `turn` of the colour wheel: to Pillow's HSV in bytes, add, back (`Convert.c`).
#[inline(always)]
fn hue(planes: &mut Planes<'_>, turn: f64) {
    // torchvision adds a whole number of the 255 steps to a byte, which wraps at 256.
    let turn = i32::from((turn * 255.0) as i32 as u8);
    each_run(planes, |run| turn_hue(run, turn));
}

/// There and back, a stage a loop. On which byte a hue falls hangs on the last bit where it is a whole number of steps: the
/// types are those of the C code.
#[inline(always)]
fn turn_hue([red, green, blue]: &mut Run, turn: i32) {
    let (mut sixths, mut saturations) = ([0f32; RUN], [0f32; RUN]);
    let (mut highs, mut hues, mut shares) = ([0f32; RUN], [0i32; RUN], [0f32; RUN]);
    for i in 0..RUN {
        let (r, g, b) = (f32::from(red[i]), f32::from(green[i]), f32::from(blue[i]));
        let high = if r > g { r } else { g };
        let high = if high > b { high } else { b };
        let low = if r < g { r } else { g };
        let low = if low < b { low } else { b };
        let range = high - low;
        // Of grey, hue and saturation are 0; the divisors keep the quotients finite.
        let divisor = if range > 0.0 { range } else { 1.0 };
        let (r_part, g_part, b_part) = ((high - r) / divisor, (high - g) / divisor, (high - b) / divisor);
        // These two are done in f64 and rounded once.
        let sixth_g = f64::from(r_part) + 2.0 - f64::from(b_part);
        let sixth_b = f64::from(g_part) + 4.0 - f64::from(r_part);
        let sixth = if r == high {
            b_part - g_part
        } else if g == high {
            sixth_g as f32
        } else {
            sixth_b as f32
        };
        sixths[i] = if range > 0.0 { sixth } else { 0.0 };
        saturations[i] = range / if high > 0.0 { high } else { 1.0 };
        highs[i] = high;
    }
    for i in 0..RUN {
        let turns = f64::from(sixths[i]) / 6.0 + 1.0;
        let turns = if turns >= 1.0 { turns - 1.0 } else { turns };
        let hue = f64::from(turns as f32) * 255.0;
        hues[i] = (whole_f64(hue) + turn) & 255;
        shares[i] = whole_f64(f64::from(saturations[i]) * 255.0) as f32 / 255.0;
    }
    for i in 0..RUN {
        let sixths = hues[i] * 6;
        // sixths / 255 for sixths below 1536: the multiplication and shift are exact there.
        let sector = (sixths * 257 + 257) >> 16;
        let rest = (sixths - sector * 255) as f32 / 255.0;
        let (share, value) = (shares[i], highs[i]);
        let p = value * (1.0 - share) + 0.5;
        let q = value * (1.0 - share * rest) + 0.5;
        let t = value * (1.0 - share * (1.0 - rest)) + 0.5;
        let sector = if sector == 6 { 0 } else { sector };
        let pick = |at_value: (i32, i32), at_q: i32, at_t: i32| {
            let other = if sector == at_q { q } else { p };
            let other = if sector == at_t { t } else { other };
            whole(if sector == at_value.0 || sector == at_value.1 { value } else { other })
        };
        red[i] = pick((0, 5), 1, 4) as u8;
        green[i] = pick((1, 2), 3, 0) as u8;
        blue[i] = pick((3, 4), 5, 2) as u8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one_pixel(rgb: [u8; 3], change: impl Fn(&mut Planes<'_>)) -> [u8; 3] {
        let [mut r, mut g, mut b] = rgb.map(|value| [value]);
        change(&mut [&mut r, &mut g, &mut b]);
        [r[0], g[0], b[0]]
    }

    #[test]
    fn a_third_of_a_turn_rotates_the_primaries() {
        assert_eq!(one_pixel([255, 0, 0], |p| hue(p, 85.5 / 255.0)), [0, 255, 0]);
        assert_eq!(one_pixel([204, 76, 25], |p| hue(p, 0.0)), [204, 76, 26], "bytes lose a little");
        assert_eq!(one_pixel([102; 3], |p| hue(p, 0.2)), [102; 3]);
        assert_eq!(one_pixel([0; 3], |p| hue(p, -0.5)), [0; 3]);
    }

    #[test]
    fn factors_of_one_change_nothing_and_of_zero_everything() {
        let colour = [204, 76, 25];
        let level = luma(204, 76, 25);
        for change in [brightness, contrast, saturation] {
            assert_eq!(one_pixel(colour, |p| change(p, 1.0)), colour);
        }
        assert_eq!(one_pixel(colour, |p| brightness(p, 0.0)), [0; 3]);
        assert_eq!(one_pixel(colour, |p| saturation(p, 0.0)), [level; 3]);
        assert_eq!(one_pixel(colour, grey), [level; 3]);
        assert_eq!(one_pixel(colour, |p| contrast(p, 0.0)), [level; 3]);
        assert_eq!(one_pixel(colour, |p| brightness(p, 1.4)), [255, 106, 35]);
    }
}
