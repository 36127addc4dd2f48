//! Drawn parameters applied to one image on the processor.

use super::policy::{Drawn, Policy};
use super::resize::{Plan, crop_and_resize};
use super::{blur, color};
use crate::image_set::CHANNELS;

/// Applies `drawn` to one u8 image, writes f32.
///
/// # Shapes
/// `image`: 3 x H x W bytes; `out`: 3 x size x size, normalised.
///
/// The semantics are torchvision's on Pillow images, but for one thing: Pillow rounds to whole levels after every
/// step and this never does (the mean grey of the contrast step apart), so single values may differ by a few
/// levels of 255 after several steps.
///
/// # Panics
/// When a slice is shorter than the shapes say, or the crop leaves the image.
pub fn apply(policy: &Policy, drawn: &Drawn, image: &[u8], (height, width): (usize, usize), out: &mut [f32]) {
    let (size, pixels) = (policy.size, policy.size * policy.size);
    let plan = Plan::new(drawn.crop, size);
    let (red, rest) = out[..CHANNELS * pixels].split_at_mut(pixels);
    let (green, blue) = rest.split_at_mut(pixels);
    let mut planes = [red, green, blue];
    for (plane, source) in planes.iter_mut().zip(image.chunks_exact(height * width)) {
        crop_and_resize(source, width, &plan, drawn.flip, plane);
    }
    if let Some(jitter) = &drawn.jitter {
        color::jitter(&mut planes, jitter);
    }
    if drawn.grey {
        color::grey(&mut planes);
    }
    for (channel, plane) in planes.iter_mut().enumerate() {
        if let Some(sigma) = drawn.blur_sigma {
            blur::gaussian(plane, size, policy.blur_kernel, sigma);
        }
        let (mean, scale) = (policy.mean[channel], 1.0 / policy.std[channel]);
        plane.iter_mut().for_each(|value| *value = (*value - mean) * scale);
    }
}
