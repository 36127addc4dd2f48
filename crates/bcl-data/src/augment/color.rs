//! Colour changes as torchvision does them on Pillow images: on u8, rounded after each as Pillow does.

use super::policy::{Jitter, JitterStep};

/// Three planes of equal length.
pub(super) type Planes<'a> = [&'a mut [u8]; 3];

/// Pillow's grey (`Convert.c`): ITU-R 601 in 16-bit fractions, rounded.
#[inline(always)]
fn luma(r: u8, g: u8, b: u8) -> u8 {
    ((u32::from(r) * 19595 + u32::from(g) * 38470 + u32::from(b) * 7471 + 0x8000) >> 16) as u8
}

/// Calls `change` with the three channels of each pixel.
#[inline(always)]
fn each_pixel([red, green, blue]: &mut Planes<'_>, mut change: impl FnMut(&mut u8, &mut u8, &mut u8)) {
    for ((r, g), b) in red.iter_mut().zip(green.iter_mut()).zip(blue.iter_mut()) {
        change(r, g, b);
    }
}

/// Pillow's blend (`Blend.c`): (1 - `factor`) x `other` + `factor` x the value, without its fraction, kept in range.
#[inline(always)]
fn blend(value: u8, other: u8, factor: f32) -> u8 {
    let other = f32::from(other);
    truncated(other + factor * (f32::from(value) - other))
}

#[inline(always)]
fn truncated(value: f32) -> u8 {
    value.clamp(0.0, 255.0) as i32 as u8
}

/// Makes the image grey.
#[inline(always)]
pub(super) fn grey(planes: &mut Planes<'_>) {
    each_pixel(planes, |r, g, b| {
        let grey = luma(*r, *g, *b);
        (*r, *g, *b) = (grey, grey, grey);
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
    blend_with(planes, 0, factor);
}

#[inline(always)]
fn blend_with(planes: &mut Planes<'_>, other: u8, factor: f32) {
    for plane in planes {
        for value in plane.iter_mut() {
            *value = blend(*value, other, factor);
        }
    }
}

#[inline(always)]
fn contrast(planes: &mut Planes<'_>, factor: f32) {
    let mut sum = 0u32; // at most 255 x 4096 x 4096 < 2^32
    each_pixel(planes, |r, g, b| sum += u32::from(luma(*r, *g, *b)));
    // Pillow rounds the mean grey to a whole level.
    let mean = (f64::from(sum) / planes[0].len() as f64 + 0.5) as u8;
    blend_with(planes, mean, factor);
}

#[inline(always)]
fn saturation(planes: &mut Planes<'_>, factor: f32) {
    each_pixel(planes, |r, g, b| {
        let grey = luma(*r, *g, *b);
        (*r, *g, *b) = (blend(*r, grey, factor), blend(*g, grey, factor), blend(*b, grey, factor));
    });
}

/// Turns the hue by `turn` of the colour wheel: to Pillow's HSV in bytes, add, back (`Convert.c`).
#[inline(always)]
fn hue(planes: &mut Planes<'_>, turn: f64) {
    // torchvision adds a whole number of the 255 steps to a byte, which wraps at 256.
    let turn = (turn * 255.0) as i32 as u8;
    each_pixel(planes, |r, g, b| {
        let (hue, saturation, value) = to_hsv(*r, *g, *b);
        (*r, *g, *b) = to_rgb(hue.wrapping_add(turn), saturation, value);
    });
}

/// Whether a hue falls on this byte or the next hangs on the last bit where it is a whole number of steps: the types are
/// those of the C code.
#[inline(always)]
fn to_hsv(r: u8, g: u8, b: u8) -> (u8, u8, u8) {
    let (high, low) = (r.max(g).max(b), r.min(g).min(b));
    // Grey has no range; 1 keeps the unused quotients finite.
    let range = f32::from((high - low).max(1));
    let part = |x: u8| f32::from(high - x) / range;
    let (red, green, blue) = (part(r), part(g), part(b));
    let (base, plus, minus) = if r == high {
        (0.0, blue, green)
    } else if g == high {
        (2.0, red, blue)
    } else {
        (4.0, green, red)
    };
    let sixths = (base + f64::from(plus) - f64::from(minus)) as f32;
    let turns = f64::from(sixths) / 6.0 + 1.0;
    let hue = f64::from((if turns >= 1.0 { turns - 1.0 } else { turns }) as f32) * 255.0;
    let saturation = f64::from(range / f32::from(high.max(1))) * 255.0;
    let grey = high == low;
    (if grey { 0 } else { hue as i32 as u8 }, if grey { 0 } else { saturation as i32 as u8 }, high)
}

#[inline(always)]
fn to_rgb(hue: u8, saturation: u8, value: u8) -> (u8, u8, u8) {
    let sixths = i32::from(hue) * 6;
    let sector = sixths / 255;
    let rest = (sixths - sector * 255) as f32 / 255.0;
    let (share, value_f) = (f32::from(saturation) / 255.0, f32::from(value));
    let rounded = |x: f32| (x + 0.5) as i32 as u8;
    let p = rounded(value_f * (1.0 - share));
    let q = rounded(value_f * (1.0 - share * rest));
    let t = rounded(value_f * (1.0 - share * (1.0 - rest)));
    match sector % 6 {
        0 => (value, t, p),
        1 => (q, value, p),
        2 => (p, value, t),
        3 => (p, q, value),
        4 => (t, p, value),
        _ => (value, p, q),
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
