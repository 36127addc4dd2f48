//! JPEG: baseline and progressive, grey, YCbCr, RGB, CMYK and YCCK.

use super::{Limits, Picture, planes};
use crate::error::Malformed;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

/// See [`super::decode`].
pub(super) fn open(bytes: &[u8], limits: Limits, pixels: bool) -> Result<Picture, Malformed> {
    let damaged = |error: &dyn std::fmt::Debug| Malformed::new("a whole JPEG image", format!("{error:?}"));
    let options = DecoderOptions::default()
        .set_max_width(limits.side)
        .set_max_height(limits.side)
        .jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(|error| damaged(&error))?;
    let info = decoder.info().ok_or_else(|| damaged(&"no frame"))?;
    let (height, width) = (usize::from(info.height), usize::from(info.width));
    limits.check((height, width))?;
    if !pixels {
        return Ok(Picture { height, width, pixels: Vec::new() });
    }
    // The decoder fills up what is missing with grey.
    if !ends(bytes) {
        return Err(Malformed::new("a whole JPEG image", format!("{} bytes without an end", bytes.len())));
    }
    let samples = decoder.decode().map_err(|error| damaged(&error))?;
    planes(&samples, (height, width), 3)
}

/// Whether an end of image follows the last scan; neither marker occurs in a scan's data.
fn ends(bytes: &[u8]) -> bool {
    let last = |marker: [u8; 2]| bytes.windows(2).rposition(|pair| pair == marker);
    matches!((last([0xff, 0xda]), last([0xff, 0xd9])), (Some(scan), Some(end)) if end > scan)
}
