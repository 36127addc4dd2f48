//! The augmentation of a cell: from the `[augment]` table of a file to a policy for each view.

use anyhow::{Context, Result, bail, ensure};
use bcl_data::Policy;
use bcl_data::augment::{ColorJitter, GaussianBlur, ResizedCrop, Step};
use serde::{Deserialize, Serialize};

/// `[augment]`; as published unless it says otherwise.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AugmentTable {
    /// `published` (the default) or `plain` (no augmentation); not together with views.
    pub recipe: Option<String>,
    /// `[[augment.view]]`: views of other recipes, in order.
    pub view: Vec<ViewSpec>,
}

/// What training augments by. Evaluation does not depend on it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct AugmentSpec {
    /// The views' steps; none for two views by the published ones.
    #[serde(default)]
    views: Vec<ViewSpec>,
}

/// `[[augment.view]]`: one or more views of an image by the same steps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ViewSpec {
    /// How many views; 1 by default.
    #[serde(default = "one")]
    pub count: usize,
    /// Side of the views in pixels; `data.image_size` by default.
    #[serde(default)]
    pub size: Option<u32>,
    /// What happens, in order; the first step makes the size.
    pub steps: Vec<StepSpec>,
}

fn one() -> usize {
    1
}

/// A step of a view as it is written: `{ op = "flip", p = 0.5 }`. The values are those of [`Step`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "kebab-case", deny_unknown_fields)]
pub enum StepSpec {
    /// A random part of the image, resized.
    ResizedCrop {
        /// Range of the share of the area.
        scale: [f64; 2],
        /// Range of width / height; 3:4 to 4:3 by default.
        #[serde(default = "default_ratio")]
        ratio: [f64; 2],
    },
    /// The whole image, resized.
    Resize {},
    /// The middle square, resized.
    CenterCrop {
        /// Its side as a share of the image's shorter side.
        share: f64,
    },
    /// A horizontal flip.
    Flip {
        /// Probability.
        p: f64,
    },
    /// Changes of colour in random order; what is left out does not change.
    ColorJitter {
        /// Probability.
        p: f64,
        /// Range of brightness.
        #[serde(default)]
        brightness: f64,
        /// Range of contrast.
        #[serde(default)]
        contrast: f64,
        /// Range of saturation.
        #[serde(default)]
        saturation: f64,
        /// Range of the hue's turn.
        #[serde(default)]
        hue: f64,
    },
    /// Greyscale.
    Grayscale {
        /// Probability.
        p: f64,
    },
    /// A Gaussian blur.
    GaussianBlur {
        /// Probability.
        p: f64,
        /// Odd side of the kernel, pixels.
        kernel: usize,
        /// Range of the standard deviation; 0.1 to 2 pixels by default.
        #[serde(default = "default_sigma")]
        sigma: [f64; 2],
    },
    /// Solarization.
    Solarize {
        /// Probability.
        p: f64,
        /// Level of 255 from which values are inverted; 128 by default.
        #[serde(default = "default_threshold")]
        threshold: u8,
    },
}

fn default_ratio() -> [f64; 2] {
    let (low, high) = ResizedCrop::default().ratio;
    [low, high]
}

fn default_sigma() -> [f64; 2] {
    [0.1, 2.0]
}

fn default_threshold() -> u8 {
    128
}

impl From<StepSpec> for Step {
    fn from(spec: StepSpec) -> Self {
        match spec {
            StepSpec::ResizedCrop { scale, ratio } => {
                Self::ResizedCrop(ResizedCrop { scale: scale.into(), ratio: ratio.into() })
            }
            StepSpec::Resize {} => Self::Resize,
            StepSpec::CenterCrop { share } => Self::CenterCrop { share },
            StepSpec::Flip { p } => Self::Flip { p },
            StepSpec::ColorJitter { p, brightness, contrast, saturation, hue } => {
                Self::ColorJitter(ColorJitter { p, brightness, contrast, saturation, hue })
            }
            StepSpec::Grayscale { p } => Self::Grayscale { p },
            StepSpec::GaussianBlur { p, kernel, sigma } => {
                Self::GaussianBlur(GaussianBlur { p, kernel, sigma: sigma.into() })
            }
            StepSpec::Solarize { p, threshold } => Self::Solarize { p, threshold },
        }
    }
}

impl AugmentTable {
    /// Checks every value; `image_size` is the side of views that name none.
    ///
    /// # Errors
    /// On an unknown recipe, a recipe beside views, a value out of range, and fewer views than two.
    pub(super) fn resolve(&self, image_size: u32) -> Result<AugmentSpec> {
        ensure!(
            self.recipe.is_none() || self.view.is_empty(),
            "augment: expected a recipe or [[augment.view]] tables, got both"
        );
        let views = match self.recipe.as_deref() {
            None => self.view.clone(),
            Some("published") => Vec::new(),
            Some("plain") => vec![ViewSpec { count: 2, size: None, steps: vec![StepSpec::Resize {}] }],
            Some(other) => bail!(
                "augment.recipe: expected published or plain (others are lists of [[augment.view]]), got {other:?}"
            ),
        };
        // Every size is written out, so that equal views have equal names.
        let sized = |view: &ViewSpec| ViewSpec { size: view.size.or(Some(image_size)), ..view.clone() };
        let spec = AugmentSpec { views: views.iter().map(sized).collect() };
        for (index, view) in spec.views.iter().enumerate() {
            let place = || format!("[[augment.view]] {}", index + 1);
            ensure!(view.count >= 1, "{}: count: expected at least 1, got 0", place());
            let size = view.size.unwrap_or(image_size);
            ensure!((8..=512).contains(&size), "{}: size: expected 8 to 512 pixels, got {size}", place());
            view.policy(image_size).validate().with_context(place)?;
        }
        let policies = spec.policies(image_size);
        ensure!(
            (2..=64).contains(&policies.len()),
            "[[augment.view]]: expected 2 to 64 views of an image in all, got {}",
            policies.len()
        );
        // The published views written out are the published ones.
        let published = policies == AugmentSpec::default().policies(image_size);
        Ok(if published { AugmentSpec::default() } else { spec })
    }
}

impl ViewSpec {
    fn policy(&self, image_size: u32) -> Policy {
        let steps = self.steps.iter().map(|&step| step.into()).collect();
        Policy::new(self.size.unwrap_or(image_size) as usize, steps)
    }
}

impl AugmentSpec {
    /// Whether it is the published one: then it is not written, and names no run.
    #[must_use]
    pub fn is_default(&self) -> bool {
        self.views.is_empty()
    }

    /// The policy of each view, in order; two at least.
    #[must_use]
    pub fn policies(&self, image_size: u32) -> Vec<Policy> {
        if self.views.is_empty() {
            return vec![Policy::published(image_size as usize); 2];
        }
        let repeated = |view: &ViewSpec| std::iter::repeat_n(view.policy(image_size), view.count);
        self.views.iter().flat_map(repeated).collect()
    }
}
