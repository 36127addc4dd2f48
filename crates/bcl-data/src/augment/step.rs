//! One step of an augmentation: its parameters, their ranges, and the drawing of what it does to an image.

use super::crop::{Crop, ResizedCrop};
use super::drawn::Effect;
use super::jitter::ColorJitter;
use crate::error::{Error, Result};
use crate::seed::Stream;

/// What may happen to an image. Each is torchvision's transform of that name on Pillow images.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Step {
    /// `RandomResizedCrop`: a random part of the image, resized to the view.
    ResizedCrop(ResizedCrop),
    /// `Resize` of the whole image to the view, whatever its ratio.
    Resize,
    /// `center_crop` of the middle square, then `Resize` to the view.
    CenterCrop {
        /// Side of the square as a share of the image's shorter side, in (0, 1].
        share: f64,
    },
    /// `RandomHorizontalFlip`.
    Flip {
        /// Probability.
        p: f64,
    },
    /// `ColorJitter`, with probability.
    ColorJitter(ColorJitter),
    /// `RandomGrayscale`.
    Grayscale {
        /// Probability.
        p: f64,
    },
    /// `GaussianBlur`, with probability.
    GaussianBlur(GaussianBlur),
    /// `RandomSolarize`: values from the threshold upwards are inverted.
    Solarize {
        /// Probability.
        p: f64,
        /// Level of 255; 128 as published by BYOL.
        threshold: u8,
    },
}

/// A blur of random strength.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GaussianBlur {
    /// Probability.
    pub p: f64,
    /// Odd side of the kernel, pixels; at most twice the view's.
    pub kernel: usize,
    /// Range of the standard deviation, pixels.
    pub sigma: (f64, f64),
}

impl Step {
    /// Whether the step makes a view of the image's size: the first of a policy does, and no other.
    #[must_use]
    pub fn resizes(&self) -> bool {
        matches!(self, Self::ResizedCrop(_) | Self::Resize | Self::CenterCrop { .. })
    }

    /// Checks every value for a view of `size` x `size`.
    pub(super) fn validate(&self, size: usize) -> Result<()> {
        match *self {
            Self::Resize => Ok(()),
            Self::ResizedCrop(crop) => {
                range("resized-crop scale", crop.scale)?;
                range("resized-crop ratio", crop.ratio)
            }
            Self::CenterCrop { share } => {
                let fits = share > 0.0 && share <= 1.0;
                check(fits, "center-crop share", "in (0, 1]", || share.to_string())
            }
            Self::Flip { p } => probability("flip p", p),
            Self::Grayscale { p } => probability("grayscale p", p),
            Self::Solarize { p, .. } => probability("solarize p", p),
            Self::ColorJitter(jitter) => {
                probability("color-jitter p", jitter.p)?;
                let factors = [
                    ("color-jitter brightness", jitter.brightness),
                    ("color-jitter contrast", jitter.contrast),
                    ("color-jitter saturation", jitter.saturation),
                ];
                for (name, value) in factors {
                    check((0.0..=1.0).contains(&value), name, "in [0, 1]", || value.to_string())?;
                }
                let hue = jitter.hue;
                check((0.0..=0.5).contains(&hue), "color-jitter hue", "in [0, 0.5]", || hue.to_string())
            }
            Self::GaussianBlur(blur) => {
                probability("gaussian-blur p", blur.p)?;
                range("gaussian-blur sigma", blur.sigma)?;
                let fits = blur.kernel % 2 == 1 && blur.kernel / 2 < size;
                let expected = "an odd number of pixels, less than twice the view's size";
                check(fits, "gaussian-blur kernel", expected, || blur.kernel.to_string())
            }
        }
    }

    /// Draws the part of an image of `height` x `width` that the view shows, if this step chooses one.
    pub(super) fn draw_crop(&self, stream: &mut Stream, height: usize, width: usize) -> Option<Crop> {
        match self {
            Self::ResizedCrop(crop) => Some(crop.draw(stream, height, width)),
            Self::Resize => Some(Crop::whole(height, width)),
            Self::CenterCrop { share } => Some(Crop::center(height, width, *share)),
            _ => None,
        }
    }

    /// Draws what a step other than a crop or a flip does, `None` where nothing happens.
    pub(super) fn draw_effect(&self, stream: &mut Stream) -> Option<Effect> {
        match self {
            Self::ColorJitter(jitter) if stream.chance(jitter.p) => Some(Effect::Jitter(jitter.draw(stream))),
            Self::Grayscale { p } if stream.chance(*p) => Some(Effect::Grey),
            Self::GaussianBlur(blur) if stream.chance(blur.p) => {
                Some(Effect::Blur { kernel: blur.kernel, sigma: stream.uniform(blur.sigma.0, blur.sigma.1) })
            }
            Self::Solarize { p, threshold } if stream.chance(*p) => {
                Some(Effect::Solarize { threshold: *threshold })
            }
            _ => None,
        }
    }
}

pub(super) fn check(
    fits: bool,
    name: &'static str,
    expected: &str,
    got: impl FnOnce() -> String,
) -> Result<()> {
    if fits { Ok(()) } else { Err(Error::Parameter { name, expected: expected.into(), got: got() }) }
}

fn probability(name: &'static str, p: f64) -> Result<()> {
    check((0.0..=1.0).contains(&p), name, "a probability", || p.to_string())
}

fn range(name: &'static str, (low, high): (f64, f64)) -> Result<()> {
    let fits = low.is_finite() && high.is_finite() && 0.0 < low && low <= high;
    check(fits, name, "0 < low <= high", || format!("{low} to {high}"))
}
