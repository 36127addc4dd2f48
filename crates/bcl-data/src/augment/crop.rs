//! Which part of an image becomes a view: torchvision's `RandomResizedCrop.get_params` and `center_crop`.

use crate::seed::Stream;

/// A crop of random area and aspect ratio.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ResizedCrop {
    /// Range of the share of the image's area.
    pub scale: (f64, f64),
    /// Range of width / height, drawn uniformly in the logarithm.
    pub ratio: (f64, f64),
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

/// torchvision's number of tries for a crop that fits.
const TRIES: usize = 10;

impl Default for ResizedCrop {
    /// torchvision's: 8 to 100 % of the area, 3:4 to 4:3.
    fn default() -> Self {
        Self { scale: (0.08, 1.0), ratio: (3.0 / 4.0, 4.0 / 3.0) }
    }
}

impl ResizedCrop {
    /// Draws a crop of an image of `height` x `width`.
    pub(super) fn draw(&self, stream: &mut Stream, height: usize, width: usize) -> Crop {
        let area = (height * width) as f64;
        let (log_low, log_high) = (self.ratio.0.ln(), self.ratio.1.ln());
        for _ in 0..TRIES {
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

impl Crop {
    /// All of an image.
    #[must_use]
    pub fn whole(height: usize, width: usize) -> Self {
        Self { top: 0, left: 0, height, width }
    }

    /// The square in the middle whose side is `share` of the shorter side.
    #[must_use]
    pub fn center(height: usize, width: usize, share: f64) -> Self {
        let shorter = height.min(width);
        let side = ((share * shorter as f64).round_ties_even() as usize).clamp(1, shorter);
        let middle = |length: usize| ((length - side) as f64 / 2.0).round_ties_even() as usize;
        Self { top: middle(height), left: middle(width), height: side, width: side }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crop_that_never_fits_becomes_the_middle() {
        let crop = ResizedCrop { scale: (4.0, 5.0), ratio: (0.75, 1.25) };
        let drawn = |height, width| crop.draw(&mut Stream::new(0, 0, 0, 0), height, width);
        assert_eq!(drawn(40, 10), Crop { top: 13, left: 0, height: 13, width: 10 });
        assert_eq!(drawn(10, 40), Crop { top: 0, left: 14, height: 10, width: 12 });
        assert_eq!(drawn(10, 10), Crop::whole(10, 10));
    }

    #[test]
    fn the_center_is_torchvisions() {
        // torchvision's center_crop rounds a half of odd margins to even.
        assert_eq!(Crop::center(10, 7, 1.0), Crop { top: 2, left: 0, height: 7, width: 7 });
        assert_eq!(Crop::center(13, 8, 1.0), Crop { top: 2, left: 0, height: 8, width: 8 });
        assert_eq!(Crop::center(256, 256, 0.875), Crop { top: 16, left: 16, height: 224, width: 224 });
        assert_eq!(Crop::center(3, 3, 1e-9), Crop { top: 1, left: 1, height: 1, width: 1 });
    }
}
