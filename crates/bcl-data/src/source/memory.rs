//! Images of one size in memory.

use super::{ImageSource, past_the_end};
use crate::error::{Error, Result};
use crate::image_set::CHANNELS;
use std::borrow::Cow;

/// The bytes of all images after one another.
#[derive(Debug)]
pub(crate) struct Uniform {
    pixels: Vec<u8>,
    height: usize,
    width: usize,
}

impl Uniform {
    /// # Errors
    /// When the bytes are no whole number of 3 x `height` x `width` images.
    pub(crate) fn new(pixels: Vec<u8>, height: usize, width: usize) -> Result<Self> {
        let image = CHANNELS * height * width;
        if image == 0 || !pixels.len().is_multiple_of(image) {
            return Err(Error::Parameter {
                name: "pixels",
                expected: format!("a multiple of 3 x {height} x {width} bytes"),
                got: format!("{} bytes", pixels.len()),
            });
        }
        Ok(Self { pixels, height, width })
    }
}

impl ImageSource for Uniform {
    fn count(&self) -> usize {
        self.pixels.len() / (CHANNELS * self.height * self.width)
    }

    fn size(&self, _index: usize) -> Result<(usize, usize)> {
        Ok((self.height, self.width))
    }

    fn read(&self, index: usize) -> Result<Cow<'_, [u8]>> {
        let image = self.pixels.chunks_exact(CHANNELS * self.height * self.width).nth(index);
        image.map(Cow::Borrowed).ok_or_else(|| past_the_end(self.count(), index))
    }
}
