//! What was drawn for one view of one image: all that applying needs to know.

use super::crop::Crop;
use super::jitter::Jitter;

/// What happens to one view of one image.
#[derive(Debug, Clone, PartialEq)]
pub struct Drawn {
    /// Part of the image that is resized.
    pub crop: Crop,
    /// Mirror it. Every other step does the same to a mirrored image, so that this one can come first.
    pub flip: bool,
    /// What the policy's other steps do, in their order; `None` where one does nothing.
    pub effects: Vec<Option<Effect>>,
}

/// What one step does to a view's pixels.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Change the colours.
    Jitter(Jitter),
    /// Make it grey.
    Grey,
    /// Blur it.
    Blur {
        /// Odd side of the kernel, pixels.
        kernel: usize,
        /// Standard deviation, pixels.
        sigma: f64,
    },
    /// Invert values from the threshold upwards.
    Solarize {
        /// Level of 255.
        threshold: u8,
    },
}
