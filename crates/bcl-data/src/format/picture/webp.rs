//! WebP: lossy, lossless, with alpha; the first frame of an animation.

use super::{Limits, Picture, planes};
use crate::error::Malformed;
use image_webp::{DecodingError, WebPDecoder};
use std::io::Cursor;

/// See [`super::decode`].
pub(super) fn open(bytes: &[u8], limits: Limits, pixels: bool) -> Result<Picture, Malformed> {
    let damaged = |error: DecodingError| Malformed::new("a whole WebP image", error.to_string());
    let mut decoder = WebPDecoder::new(Cursor::new(bytes)).map_err(damaged)?;
    decoder.set_memory_limit(limits.pixels.saturating_mul(16));
    let (width, height) = decoder.dimensions();
    let (height, width) = (height as usize, width as usize);
    limits.check((height, width))?;
    if !pixels {
        return Ok(Picture { height, width, pixels: Vec::new() });
    }
    let channels = if decoder.has_alpha() { 4 } else { 3 };
    let mut samples = vec![0; height * width * channels];
    if decoder.is_animated() {
        decoder.read_frame(&mut samples).map_err(damaged)?;
    } else {
        decoder.read_image(&mut samples).map_err(damaged)?;
    }
    planes(&samples, (height, width), channels)
}
