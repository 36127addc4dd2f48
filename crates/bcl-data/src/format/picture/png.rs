//! PNG: every colour type and depth, interlaced or not.

use super::{Limits, Picture, planes};
use crate::error::Malformed;
use png::{Decoder, Transformations};
use std::io::Cursor;

/// See [`super::decode`].
pub(super) fn open(bytes: &[u8], limits: Limits, pixels: bool) -> Result<Picture, Malformed> {
    let damaged = |error: png::DecodingError| Malformed::new("a whole PNG image", error.to_string());
    let memory = png::Limits { bytes: limits.pixels.saturating_mul(16) };
    let mut decoder = Decoder::new_with_limits(Cursor::new(bytes), memory);
    decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    let header = decoder.read_header_info().map_err(damaged)?;
    let (height, width) = (header.height as usize, header.width as usize);
    limits.check((height, width))?;
    if !pixels {
        return Ok(Picture { height, width, pixels: Vec::new() });
    }
    let mut reader = decoder.read_info().map_err(damaged)?;
    // The decoder takes it for granted and panics.
    let palette = reader.info().palette.as_ref().map_or(0, |palette| palette.len());
    if palette % 3 != 0 {
        return Err(Malformed::new("a palette of 3 bytes a colour", format!("{palette} bytes")));
    }
    let channels = reader.output_color_type().0.samples();
    let mut samples = vec![0; height * width * channels];
    let expected = reader.output_buffer_size().unwrap_or(usize::MAX);
    if expected != samples.len() {
        let wanted = format!("{} bytes of {height} x {width} pixels", samples.len());
        return Err(Malformed::new(wanted, format!("{expected} bytes")));
    }
    reader.next_frame(&mut samples).map_err(damaged)?;
    planes(&samples, (height, width), channels)
}
