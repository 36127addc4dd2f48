//! RGB pixels to draw on: blown-up images, captions, PNG.

use anyhow::Result;
use font8x8::{BASIC_FONTS, UnicodeFonts};

/// Side of a letter, pixels.
pub(super) const LETTER: usize = 8;

/// An RGB picture, row by row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Canvas {
    /// Pixels across.
    pub width: usize,
    /// Pixels down.
    pub height: usize,
    /// Height x width x 3 bytes.
    pub pixels: Vec<u8>,
}

impl Canvas {
    /// A white picture.
    #[must_use]
    pub fn new(width: usize, height: usize) -> Self {
        Self { width, height, pixels: vec![255; 3 * width * height] }
    }

    /// Colours a pixel; one beyond the edges is no matter.
    fn set(&mut self, x: usize, y: usize, colour: [u8; 3]) {
        if x < self.width && y < self.height {
            self.pixels[3 * (y * self.width + x)..][..3].copy_from_slice(&colour);
        }
    }

    /// Draws 3 x height x width bytes at (x, y), each pixel as a square of `scale`.
    pub(super) fn image(
        &mut self,
        (x, y): (usize, usize),
        planes: &[u8],
        (height, width): (usize, usize),
        scale: usize,
    ) {
        for row in 0..height * scale {
            for column in 0..width * scale {
                let pixel = row / scale * width + column / scale;
                let colour = [0, 1, 2].map(|channel| planes[channel * height * width + pixel]);
                self.set(x + column, y + row, colour);
            }
        }
    }

    /// Writes a line of text with its upper left corner at (x, y); what goes beyond `width` is cut. Letters beyond ASCII
    /// are question marks.
    pub(super) fn text(&mut self, (x, y): (usize, usize), text: &str, width: usize) {
        for (place, letter) in text.chars().take(width / LETTER).enumerate() {
            let rows = BASIC_FONTS.get(letter).or_else(|| BASIC_FONTS.get('?')).unwrap_or_default();
            for (down, row) in rows.into_iter().enumerate() {
                for across in (0..LETTER).filter(|across| row >> across & 1 == 1) {
                    self.set(x + place * LETTER + across, y + down, [40; 3]);
                }
            }
        }
    }

    /// The picture as a PNG file.
    ///
    /// # Errors
    /// When it is too large for one.
    pub fn png(&self) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut encoder =
            png::Encoder::new(&mut bytes, u32::try_from(self.width)?, u32::try_from(self.height)?);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.write_header()?.write_image_data(&self.pixels)?;
        Ok(bytes)
    }
}
