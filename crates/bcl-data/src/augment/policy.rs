//! What may happen to an image, and the drawing of what does: torchvision's distributions.

use crate::error::{Error, Result};
use crate::image_set::CHANNELS;
use crate::seed::Stream;

/// An augmentation in the order of the published one: crop and resize, flip, colour jitter, greyscale, blur, to
/// [0, 1], normalise. What is `None` or has probability 0 does not happen.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// Side of the square output, pixels.
    pub size: usize,
    /// Random crop, resized to `size`; without it the whole image is resized.
    pub crop: Option<ResizedCrop>,
    /// Probability of a horizontal flip.
    pub flip: f64,
    /// Colour jitter.
    pub jitter: Option<ColorJitter>,
    /// Probability of greyscale.
    pub grey: f64,
    /// Probability of a Gaussian blur.
    pub blur: f64,
    /// Range of the blur's standard deviation, pixels.
    pub blur_sigma: (f64, f64),
    /// Odd side of the blur's kernel, pixels.
    pub blur_kernel: usize,
    /// Channel means subtracted last, for pixels in [0, 1].
    pub mean: [f32; CHANNELS],
    /// Channel standard deviations divided by last.
    pub std: [f32; CHANNELS],
}

/// A crop of random area and aspect ratio.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ResizedCrop {
    /// Range of the share of the image's area.
    pub scale: (f64, f64),
    /// Range of width / height, drawn uniformly in the logarithm.
    pub ratio: (f64, f64),
}

/// Random changes of colour, in random order.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ColorJitter {
    /// Probability that anything happens.
    pub probability: f64,
    /// Brightness is multiplied by U(1 - b, 1 + b).
    pub brightness: f64,
    /// Contrast likewise.
    pub contrast: f64,
    /// Saturation likewise.
    pub saturation: f64,
    /// Hue is turned by U(-h, h), in turns; at most 0.5.
    pub hue: f64,
}

/// What happens to one view of one image.
#[derive(Debug, Clone, PartialEq)]
pub struct Drawn {
    /// Part of the image that is resized.
    pub crop: Crop,
    /// Mirror it.
    pub flip: bool,
    /// Change its colours.
    pub jitter: Option<Jitter>,
    /// Make it grey.
    pub grey: bool,
    /// Blur it with this standard deviation.
    pub blur_sigma: Option<f64>,
}

/// A box in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crop {
    /// First row.
    pub top: usize,
    /// First column.
    pub left: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

/// Drawn colour changes.
#[derive(Debug, Clone, PartialEq)]
pub struct Jitter {
    /// The order in which they are done.
    pub order: [JitterStep; 4],
    /// Factor of brightness.
    pub brightness: f64,
    /// Factor of contrast.
    pub contrast: f64,
    /// Factor of saturation.
    pub saturation: f64,
    /// Turn of the hue, in turns.
    pub hue: f64,
}

/// One colour change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JitterStep {
    /// Towards or away from black.
    Brightness,
    /// Towards or away from the mean grey.
    Contrast,
    /// Towards or away from the greyscale image.
    Saturation,
    /// Around the colour wheel.
    Hue,
}

/// torchvision's number of tries for a crop that fits.
const CROP_TRIES: usize = 10;

/// Channel means that the authors use for every data set (those of CIFAR-10).
const PUBLISHED_MEAN: [f32; 3] = [0.4914, 0.4822, 0.4465];

/// Channel standard deviations likewise.
const PUBLISHED_STD: [f32; 3] = [0.2023, 0.1994, 0.2010];

impl Policy {
    /// The published augmentation for views of `size` x `size`.
    #[must_use]
    pub fn published(size: usize) -> Self {
        Self {
            crop: Some(ResizedCrop { scale: (0.08, 1.0), ratio: (3.0 / 4.0, 4.0 / 3.0) }),
            flip: 0.5,
            jitter: Some(ColorJitter {
                probability: 0.8,
                brightness: 0.4,
                contrast: 0.4,
                saturation: 0.4,
                hue: 0.1,
            }),
            grey: 0.2,
            blur: 0.5,
            // int(0.1 x size), made odd: 3 at the published 32.
            blur_kernel: (size / 10).max(3) | 1,
            ..Self::plain(size)
        }
    }

    /// No augmentation: resize if need be, normalise. For evaluation.
    #[must_use]
    pub fn plain(size: usize) -> Self {
        Self {
            size,
            crop: None,
            flip: 0.0,
            jitter: None,
            grey: 0.0,
            blur: 0.0,
            blur_sigma: (0.1, 2.0),
            blur_kernel: 3,
            mean: PUBLISHED_MEAN,
            std: PUBLISHED_STD,
        }
    }

    /// Normalises by these channel means and standard deviations.
    #[must_use]
    pub fn with_normalization(self, mean: [f32; CHANNELS], std: [f32; CHANNELS]) -> Self {
        Self { mean, std, ..self }
    }

    /// Checks every value; to be called once, before drawing.
    ///
    /// # Errors
    /// On a value out of range.
    pub fn validate(&self) -> Result<()> {
        let check = |fits: bool, name: &'static str, expected: &str, got: String| {
            if fits { Ok(()) } else { Err(Error::Parameter { name, expected: expected.into(), got }) }
        };
        let probability =
            |name, p: f64| check((0.0..=1.0).contains(&p), name, "a probability", p.to_string());
        let range = |name, (low, high): (f64, f64)| {
            let fits = low.is_finite() && high.is_finite() && 0.0 < low && low <= high;
            check(fits, name, "0 < low <= high", format!("{low} to {high}"))
        };
        check((1..=4096).contains(&self.size), "image size", "1 to 4096 pixels", self.size.to_string())?;
        probability("flip", self.flip)?;
        probability("grey", self.grey)?;
        probability("blur", self.blur)?;
        range("blur sigma", self.blur_sigma)?;
        let kernel = self.blur_kernel;
        check(
            kernel % 2 == 1 && kernel <= 2 * self.size,
            "blur kernel",
            "odd, at most twice the size",
            kernel.to_string(),
        )?;
        if let Some(crop) = &self.crop {
            range("crop scale", crop.scale)?;
            range("crop ratio", crop.ratio)?;
        }
        if let Some(jitter) = &self.jitter {
            probability("colour jitter", jitter.probability)?;
            let factors = [jitter.brightness, jitter.contrast, jitter.saturation];
            check(
                factors.iter().all(|f| (0.0..=1.0).contains(f)),
                "colour jitter",
                "in [0, 1]",
                format!("{factors:?}"),
            )?;
            check((0.0..=0.5).contains(&jitter.hue), "hue jitter", "in [0, 0.5]", jitter.hue.to_string())?;
        }
        check(self.std.iter().all(|s| *s > 0.0), "std", "positive", format!("{:?}", self.std))
    }

    /// Draws what happens to an image of `height` x `width`.
    pub fn draw(&self, stream: &mut Stream, height: usize, width: usize) -> Drawn {
        let crop = match &self.crop {
            Some(crop) => crop.draw(stream, height, width),
            None => Crop { top: 0, left: 0, height, width },
        };
        let flip = stream.chance(self.flip);
        let jitter = match &self.jitter {
            Some(jitter) if stream.chance(jitter.probability) => Some(jitter.draw(stream)),
            _ => None,
        };
        let grey = stream.chance(self.grey);
        let blur_sigma =
            stream.chance(self.blur).then(|| stream.uniform(self.blur_sigma.0, self.blur_sigma.1));
        Drawn { crop, flip, jitter, grey, blur_sigma }
    }
}

impl ResizedCrop {
    /// torchvision's `RandomResizedCrop.get_params`.
    fn draw(&self, stream: &mut Stream, height: usize, width: usize) -> Crop {
        let area = (height * width) as f64;
        let (log_low, log_high) = (self.ratio.0.ln(), self.ratio.1.ln());
        for _ in 0..CROP_TRIES {
            let target = area * stream.uniform(self.scale.0, self.scale.1);
            let ratio = stream.uniform(log_low, log_high).exp();
            // Python rounds halves to even.
            let w = (target * ratio).sqrt().round_ties_even() as usize;
            let h = (target / ratio).sqrt().round_ties_even() as usize;
            if (1..=width).contains(&w) && (1..=height).contains(&h) {
                return Crop {
                    top: stream.below(height - h + 1),
                    left: stream.below(width - w + 1),
                    height: h,
                    width: w,
                };
            }
        }
        // The whole image, or its middle where its ratio is out of range.
        let ratio = width as f64 / height as f64;
        let (h, w) = if ratio < self.ratio.0 {
            (((width as f64 / self.ratio.0).round_ties_even() as usize).clamp(1, height), width)
        } else if ratio > self.ratio.1 {
            (height, ((height as f64 * self.ratio.1).round_ties_even() as usize).clamp(1, width))
        } else {
            (height, width)
        };
        Crop { top: (height - h) / 2, left: (width - w) / 2, height: h, width: w }
    }
}

impl ColorJitter {
    fn draw(&self, stream: &mut Stream) -> Jitter {
        use JitterStep::{Brightness, Contrast, Hue, Saturation};
        let mut order = [Brightness, Contrast, Saturation, Hue];
        stream.shuffle(&mut order);
        let mut factor = |range: f64| stream.uniform((1.0 - range).max(0.0), 1.0 + range);
        let (brightness, contrast, saturation) =
            (factor(self.brightness), factor(self.contrast), factor(self.saturation));
        Jitter { order, brightness, contrast, saturation, hue: stream.uniform(-self.hue, self.hue) }
    }
}
