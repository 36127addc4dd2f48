//! Where the bytes of images come from: memory, files of raw images, a cache of decoded ones, encoded files.

mod cache;
mod encoded;
mod joined;
mod memory;
mod planes;
mod read_at;

pub(crate) use cache::{CachePlace, decoded};
pub(crate) use encoded::EncodedFile;
pub(crate) use joined::Joined;
pub(crate) use memory::Uniform;
pub(crate) use planes::StoredImages;

use crate::error::Result;
use std::borrow::Cow;

/// Images by their place: u8 RGB, planes after one another.
pub trait ImageSource: std::fmt::Debug + Send + Sync {
    /// How many images.
    fn count(&self) -> usize;

    /// Height and width of image `index`, pixels.
    ///
    /// # Errors
    /// Past the end.
    fn size(&self, index: usize) -> Result<(usize, usize)>;

    /// The 3 x H x W bytes of image `index`.
    ///
    /// # Errors
    /// Past the end, or when its file cannot be read or has changed.
    fn read(&self, index: usize) -> Result<Cow<'_, [u8]>>;
}

/// The error of an index that is too large.
pub(crate) fn past_the_end(count: usize, index: usize) -> crate::error::Error {
    crate::error::Error::Parameter {
        name: "image",
        expected: format!("a place below {count}"),
        got: index.to_string(),
    }
}
