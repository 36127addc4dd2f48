//! What may happen to the images of a view, as a list of steps, and the drawing of what does.

use super::crop::{Crop, ResizedCrop};
use super::drawn::Drawn;
use super::jitter::ColorJitter;
use super::step::{GaussianBlur, Step, check};
use crate::error::{Error, Result};
use crate::image_set::CHANNELS;
use crate::seed::Stream;

/// An augmentation: steps in the order in which they happen, then to [0, 1] and normalised.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// Side of the square view, pixels.
    pub size: usize,
    /// The steps. The first makes a view of this size ([`Step::resizes`]), no other does.
    pub steps: Vec<Step>,
    /// Channel means subtracted last, for pixels in [0, 1].
    pub mean: [f32; CHANNELS],
    /// Channel standard deviations divided by last.
    pub std: [f32; CHANNELS],
}

/// Channel means that the authors use for every data set (those of CIFAR-10).
const PUBLISHED_MEAN: [f32; 3] = [0.4914, 0.4822, 0.4465];

/// Channel standard deviations likewise.
const PUBLISHED_STD: [f32; 3] = [0.2023, 0.1994, 0.2010];

impl Policy {
    /// Views of `size` x `size` by these steps, normalised as the authors do.
    #[must_use]
    pub fn new(size: usize, steps: Vec<Step>) -> Self {
        Self { size, steps, mean: PUBLISHED_MEAN, std: PUBLISHED_STD }
    }

    /// The published augmentation for views of `size` x `size`.
    #[must_use]
    pub fn published(size: usize) -> Self {
        let jitter = ColorJitter { p: 0.8, brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1 };
        // int(0.1 x size), made odd: 3 at the published 32.
        let kernel = (size / 10).max(3) | 1;
        Self::new(
            size,
            vec![
                Step::ResizedCrop(ResizedCrop::default()),
                Step::Flip { p: 0.5 },
                Step::ColorJitter(jitter),
                Step::Grayscale { p: 0.2 },
                Step::GaussianBlur(GaussianBlur { p: 0.5, kernel, sigma: (0.1, 2.0) }),
            ],
        )
    }

    /// No augmentation: resize if need be, normalise. For evaluation.
    #[must_use]
    pub fn plain(size: usize) -> Self {
        Self::new(size, vec![Step::Resize])
    }

    /// Normalises by these channel means and standard deviations.
    #[must_use]
    pub fn with_normalization(self, mean: [f32; CHANNELS], std: [f32; CHANNELS]) -> Self {
        Self { mean, std, ..self }
    }

    /// Checks every value and the order of the steps; to be called once, before drawing.
    ///
    /// # Errors
    /// On a value out of range, and on steps of which not the first alone makes the view's size.
    pub fn validate(&self) -> Result<()> {
        check((1..=4096).contains(&self.size), "view size", "1 to 4096 pixels", || self.size.to_string())?;
        if let Some(place) =
            (0..self.steps.len().max(1)).find(|&i| self.steps.get(i).is_some_and(Step::resizes) != (i == 0))
        {
            return Err(Error::Parameter {
                name: "steps of a view",
                expected: "resized-crop, resize or center-crop as the first, and nowhere else".into(),
                got: match self.steps.get(place) {
                    None => "no step".into(),
                    Some(step) => format!("{step:?} as step {}", place + 1),
                },
            });
        }
        self.steps.iter().try_for_each(|step| step.validate(self.size))?;
        let finite = self.mean.iter().all(|mean| mean.is_finite());
        check(finite, "mean", "finite numbers", || format!("{:?}", self.mean))?;
        let positive = self.std.iter().all(|std| std.is_finite() && *std > 0.0);
        check(positive, "std", "positive", || format!("{:?}", self.std))
    }

    /// Draws what happens to an image of `height` x `width`.
    pub fn draw(&self, stream: &mut Stream, height: usize, width: usize) -> Drawn {
        let mut drawn = Drawn {
            crop: Crop::whole(height, width),
            flip: false,
            effects: Vec::with_capacity(self.steps.len()),
        };
        for step in &self.steps {
            if let Some(crop) = step.draw_crop(stream, height, width) {
                drawn.crop = crop;
            } else if let Step::Flip { p } = step {
                drawn.flip ^= stream.chance(*p);
            } else {
                drawn.effects.push(step.draw_effect(stream));
            }
        }
        drawn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(policy: Policy) -> String {
        policy.validate().unwrap_err().to_string()
    }

    #[test]
    fn the_first_step_alone_makes_the_size() {
        for steps in [vec![], vec![Step::Flip { p: 0.5 }], vec![Step::Flip { p: 0.5 }, Step::Resize]] {
            let message = refused(Policy::new(8, steps));
            assert!(message.contains("resized-crop, resize or center-crop as the first"), "{message}");
        }
        let message = refused(Policy::new(8, vec![Step::Resize, Step::CenterCrop { share: 1.0 }]));
        assert!(message.contains("as step 2"), "{message}");
        for policy in [Policy::published(8), Policy::plain(1), Policy::published(224)] {
            policy.validate().unwrap();
        }
    }

    #[test]
    fn values_out_of_range_are_named() {
        let jitter = ColorJitter { p: 1.0, brightness: 0.1, contrast: 0.1, saturation: 0.1, hue: 0.1 };
        let blur = GaussianBlur { p: 0.5, kernel: 3, sigma: (0.1, 2.0) };
        let crop = ResizedCrop::default();
        for (step, name) in [
            (Step::Flip { p: f64::NAN }, "flip p"),
            (Step::Grayscale { p: 1.5 }, "grayscale p"),
            (Step::Solarize { p: -0.1, threshold: 0 }, "solarize p"),
            (Step::ColorJitter(ColorJitter { p: 2.0, ..jitter }), "color-jitter p"),
            (Step::ColorJitter(ColorJitter { contrast: 1.1, ..jitter }), "contrast"),
            (Step::ColorJitter(ColorJitter { hue: 0.6, ..jitter }), "hue"),
            (Step::GaussianBlur(GaussianBlur { p: f64::INFINITY, ..blur }), "gaussian-blur p"),
            (Step::GaussianBlur(GaussianBlur { kernel: 4, ..blur }), "kernel"),
            (Step::GaussianBlur(GaussianBlur { kernel: 17, ..blur }), "kernel"),
            (Step::GaussianBlur(GaussianBlur { sigma: (0.0, 1.0), ..blur }), "sigma"),
            (Step::GaussianBlur(GaussianBlur { sigma: (2.0, 1.0), ..blur }), "sigma"),
        ] {
            let message = refused(Policy::new(8, vec![Step::Resize, step]));
            assert!(message.contains(name) && message.contains("expected"), "{message}");
        }
        for (step, name) in [
            (Step::ResizedCrop(ResizedCrop { scale: (0.0, 1.0), ..crop }), "scale"),
            (Step::ResizedCrop(ResizedCrop { ratio: (1.0, f64::NAN), ..crop }), "ratio"),
            (Step::CenterCrop { share: 0.0 }, "share"),
            (Step::CenterCrop { share: f64::NAN }, "share"),
        ] {
            let message = refused(Policy::new(8, vec![step]));
            assert!(message.contains(name), "{message}");
        }
        assert!(refused(Policy::plain(0)).contains("size"));
        let plain = Policy::plain(8);
        assert!(refused(plain.clone().with_normalization([f32::NAN; 3], [1.0; 3])).contains("mean"));
        assert!(refused(plain.with_normalization([0.0; 3], [1.0, 0.0, 1.0])).contains("std"));
    }

    #[test]
    fn two_flips_make_none() {
        let policy = Policy::new(8, vec![Step::Resize, Step::Flip { p: 1.0 }, Step::Flip { p: 1.0 }]);
        assert!(!policy.draw(&mut Stream::new(0, 0, 0, 0), 4, 4).flip);
    }
}
