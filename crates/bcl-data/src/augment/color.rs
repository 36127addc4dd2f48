//! Colour changes as torchvision does them on Pillow images, in f32 on [0, 1] instead of rounding to u8 each time.

use super::policy::{Jitter, JitterStep};

/// Three planes of equal length.
pub(super) type Planes<'a> = [&'a mut [f32]; 3];

/// Pillow's luma weights, ITU-R 601 in 16-bit fractions.
const LUMA: [f32; 3] = [19595.0 / 65536.0, 38470.0 / 65536.0, 7471.0 / 65536.0];

fn luma(r: f32, g: f32, b: f32) -> f32 {
    LUMA[0] * r + LUMA[1] * g + LUMA[2] * b
}

/// Calls `change` with the three channels of each pixel.
fn each_pixel([red, green, blue]: &mut Planes<'_>, mut change: impl FnMut(&mut f32, &mut f32, &mut f32)) {
    for ((r, g), b) in red.iter_mut().zip(green.iter_mut()).zip(blue.iter_mut()) {
        change(r, g, b);
    }
}

/// `factor` x the value and (1 - factor) x the other, kept in [0, 1].
fn blend(value: &mut f32, other: f32, factor: f32) {
    *value = (other + factor * (*value - other)).clamp(0.0, 1.0);
}

/// Makes the image grey.
pub(super) fn grey(planes: &mut Planes<'_>) {
    each_pixel(planes, |r, g, b| {
        let grey = luma(*r, *g, *b);
        (*r, *g, *b) = (grey, grey, grey);
    });
}

/// Does the drawn changes in their order.
pub(super) fn jitter(planes: &mut Planes<'_>, drawn: &Jitter) {
    for step in drawn.order {
        match step {
            JitterStep::Brightness => brightness(planes, drawn.brightness as f32),
            JitterStep::Contrast => contrast(planes, drawn.contrast as f32),
            JitterStep::Saturation => saturation(planes, drawn.saturation as f32),
            JitterStep::Hue => hue(planes, drawn.hue as f32),
        }
    }
}

fn brightness(planes: &mut Planes<'_>, factor: f32) {
    planes.iter_mut().flat_map(|plane| plane.iter_mut()).for_each(|value| blend(value, 0.0, factor));
}

fn contrast(planes: &mut Planes<'_>, factor: f32) {
    let mut sum = 0.0f64;
    each_pixel(planes, |r, g, b| sum += f64::from(luma(*r, *g, *b)));
    // Pillow rounds the mean grey to a whole level.
    let mean = ((sum / planes[0].len() as f64 * 255.0 + 0.5).floor() / 255.0) as f32;
    planes.iter_mut().flat_map(|plane| plane.iter_mut()).for_each(|value| blend(value, mean, factor));
}

fn saturation(planes: &mut Planes<'_>, factor: f32) {
    each_pixel(planes, |r, g, b| {
        let grey = luma(*r, *g, *b);
        for value in [r, g, b] {
            blend(value, grey, factor);
        }
    });
}

/// Turns the hue by `turn` of the colour wheel: to HSV, add, back.
fn hue(planes: &mut Planes<'_>, turn: f32) {
    // torchvision adds a whole number of the 255 steps in which Pillow counts hue.
    let turn = (turn * 255.0).trunc() / 255.0;
    each_pixel(planes, |r, g, b| {
        let high = r.max(*g).max(*b);
        let low = r.min(*g).min(*b);
        let range = high - low;
        if range <= 0.0 {
            return; // grey has no hue
        }
        let sixths = if high == *r {
            (*g - *b) / range
        } else if high == *g {
            2.0 + (*b - *r) / range
        } else {
            4.0 + (*r - *g) / range
        };
        let h = (sixths / 6.0 + turn).rem_euclid(1.0) * 6.0;
        // Each channel is a trapezoid of the hue: 1 within a sixth of its colour, falling to 0 over the next sixth.
        let channel = |centre: f32| {
            let distance = (h - centre).abs().min(6.0 - (h - centre).abs());
            low + range * (2.0 - distance).clamp(0.0, 1.0)
        };
        (*r, *g, *b) = (channel(0.0), channel(2.0), channel(4.0));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one_pixel(rgb: [f32; 3], change: impl Fn(&mut Planes<'_>)) -> [f32; 3] {
        let [mut r, mut g, mut b] = rgb.map(|value| [value]);
        change(&mut [&mut r, &mut g, &mut b]);
        [r[0], g[0], b[0]]
    }

    fn close(a: [f32; 3], b: [f32; 3]) -> bool {
        a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-5)
    }

    #[test]
    fn a_third_of_a_turn_rotates_the_primaries() {
        let colour = [0.8, 0.3, 0.1];
        assert!(close(one_pixel(colour, |p| hue(p, 85.5 / 255.0)), [0.1, 0.8, 0.3]));
        assert!(close(one_pixel(colour, |p| hue(p, -85.5 / 255.0)), [0.3, 0.1, 0.8]));
        assert!(close(one_pixel(colour, |p| hue(p, 0.0)), colour));
        assert!(close(one_pixel([0.4; 3], |p| hue(p, 0.2)), [0.4; 3]));
    }

    #[test]
    fn factors_of_one_change_nothing_and_of_zero_everything() {
        let colour = [0.8, 0.3, 0.1];
        let grey_level = luma(0.8, 0.3, 0.1);
        for change in [brightness, contrast, saturation] {
            assert!(close(one_pixel(colour, |p| change(p, 1.0)), colour));
        }
        assert!(close(one_pixel(colour, |p| brightness(p, 0.0)), [0.0; 3]));
        assert!(close(one_pixel(colour, |p| saturation(p, 0.0)), [grey_level; 3]));
        assert!(close(one_pixel(colour, grey), [grey_level; 3]));
        let mean = (grey_level * 255.0).round() / 255.0;
        assert!(close(one_pixel(colour, |p| contrast(p, 0.0)), [mean; 3]));
        assert!(close(one_pixel(colour, |p| brightness(p, 1.4)), [1.0, 0.42, 0.14]));
    }
}
