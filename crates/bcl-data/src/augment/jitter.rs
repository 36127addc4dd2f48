//! Random changes of colour: torchvision's `ColorJitter.get_params`.

use crate::seed::Stream;

/// Random changes of colour, in random order.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ColorJitter {
    /// Probability that anything happens.
    pub p: f64,
    /// Brightness is multiplied by U(1 - b, 1 + b); in [0, 1].
    pub brightness: f64,
    /// Contrast likewise.
    pub contrast: f64,
    /// Saturation likewise.
    pub saturation: f64,
    /// Hue is turned by U(-h, h), in turns; at most 0.5.
    pub hue: f64,
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

impl ColorJitter {
    pub(super) fn draw(&self, stream: &mut Stream) -> Jitter {
        use JitterStep::{Brightness, Contrast, Hue, Saturation};
        let mut order = [Brightness, Contrast, Saturation, Hue];
        stream.shuffle(&mut order);
        let mut factor = |range: f64| stream.uniform((1.0 - range).max(0.0), 1.0 + range);
        let (brightness, contrast, saturation) =
            (factor(self.brightness), factor(self.contrast), factor(self.saturation));
        Jitter { order, brightness, contrast, saturation, hue: stream.uniform(-self.hue, self.hue) }
    }
}
