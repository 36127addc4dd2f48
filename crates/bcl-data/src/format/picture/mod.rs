//! JPEG, PNG and WebP to RGB, as `PIL.Image.open(path).convert("RGB")` does it: grey is repeated, palettes are looked up,
//! alpha is dropped, CMYK is converted without a profile, the EXIF orientation is ignored, of an animation the first
//! frame is taken. Of 16-bit samples the upper byte is kept (Pillow does so with colours, and clips greys).

mod jpeg;
mod png;
mod webp;

use crate::error::Malformed;

/// An image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// 3 x height x width bytes, planes after one another.
    pub pixels: Vec<u8>,
}

/// What is refused before any memory is taken for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Longest side.
    pub side: usize,
    /// Most pixels.
    pub pixels: usize,
}

impl Default for Limits {
    /// 16,384 pixels a side, 2^26 in all: above any photograph that one would train on.
    fn default() -> Self {
        Self { side: 16_384, pixels: 1 << 26 }
    }
}

impl Limits {
    /// # Errors
    /// When an image of this size is not allowed.
    fn check(self, (height, width): (usize, usize)) -> Result<(), Malformed> {
        let fits = (1..=self.side).contains(&height) && (1..=self.side).contains(&width);
        if fits && height * width <= self.pixels {
            return Ok(());
        }
        let expected = format!("1 to {} pixels a side, at most {} in all", self.side, self.pixels);
        Err(Malformed::new(expected, format!("{height} x {width}")))
    }
}

/// Decodes an image, its format told by its first bytes.
///
/// # Errors
/// When it is none of the three formats, larger than `limits`, truncated or damaged.
pub fn decode(bytes: &[u8], limits: Limits) -> Result<Picture, Malformed> {
    open(bytes, limits, true)
}

/// Height and width of an image by its header.
///
/// # Errors
/// When the header is damaged, or tells a size beyond `limits`.
pub fn size(bytes: &[u8], limits: Limits) -> Result<(usize, usize), Malformed> {
    open(bytes, limits, false).map(|picture| (picture.height, picture.width))
}

/// Without `pixels` the header alone is read, and the picture has none.
fn open(bytes: &[u8], limits: Limits, pixels: bool) -> Result<Picture, Malformed> {
    // A decoder that meets what its authors did not think of panics; for a training run that is one more damaged file.
    std::panic::catch_unwind(|| by_format(bytes, limits, pixels)).unwrap_or_else(|_| {
        Err(Malformed::new("an image that can be decoded", "one on which the decoder gives up"))
    })
}

fn by_format(bytes: &[u8], limits: Limits, pixels: bool) -> Result<Picture, Malformed> {
    match bytes {
        [0xff, 0xd8, 0xff, ..] => jpeg::open(bytes, limits, pixels),
        [0x89, b'P', b'N', b'G', ..] => png::open(bytes, limits, pixels),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => webp::open(bytes, limits, pixels),
        _ => {
            let start: Vec<String> = bytes.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
            let got =
                if start.is_empty() { "no bytes".into() } else { format!("bytes {} ...", start.join(" ")) };
            Err(Malformed::new("a JPEG, PNG or WebP image", got))
        }
    }
}

/// Planes from pixels of `channels` samples: 1 grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha.
fn planes(samples: &[u8], (height, width): (usize, usize), channels: usize) -> Result<Picture, Malformed> {
    let count = height * width;
    if !(1..=4).contains(&channels) || samples.len() != count * channels {
        let expected = format!("{height} x {width} pixels of 1 to 4 samples");
        return Err(Malformed::new(expected, format!("{} bytes of {channels} samples", samples.len())));
    }
    let mut pixels = Vec::with_capacity(3 * count);
    for plane in 0..3 {
        let sample = if channels < 3 { 0 } else { plane };
        pixels.extend(samples.iter().skip(sample).step_by(channels));
    }
    Ok(Picture { height, width, pixels })
}
