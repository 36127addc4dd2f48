//! File formats: `parse(&[u8])` knows nothing of files, [`read_file`] nothing of formats.

pub mod cache;
pub mod cifar;
pub mod idx;
pub mod picture;
pub mod stl10;
pub mod tinyimagenet;

use crate::error::{Error, Malformed, Result};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Largest file that is read at all: twice the largest known data file, so that a wrong path (a disk image,
/// `/dev/zero`) is refused instead of filling the memory.
const LARGEST: u64 = 6_000_000_000;

/// Reads a whole regular file.
///
/// # Errors
/// When it cannot be read, is no regular file, or is absurdly large.
pub fn read_file(path: &Path) -> Result<Vec<u8>> {
    read_file_up_to(path, LARGEST)
}

/// Reads a whole regular file of at most `largest` bytes.
///
/// # Errors
/// When it cannot be read, is no regular file, or is larger.
pub(crate) fn read_file_up_to(path: &Path, largest: u64) -> Result<Vec<u8>> {
    let wrap = |source| Error::Read { path: path.to_owned(), source };
    let too_large =
        |length| Malformed::new(format!("at most {largest} bytes"), format!("{length} bytes")).at(path);
    let file = open_regular(path)?;
    let length = file.metadata().map_err(wrap)?.len();
    if length > largest {
        return Err(too_large(length));
    }
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(length as usize).map_err(|_| wrap(std::io::ErrorKind::OutOfMemory.into()))?;
    // The file may grow, or tell no length (those of /proc).
    let count = file.take(largest.saturating_add(1)).read_to_end(&mut bytes).map_err(wrap)?;
    if count as u64 > largest { Err(too_large(count as u64)) } else { Ok(bytes) }
}

/// Opens a regular file: a pipe would keep its reader waiting, a device would never end.
pub(crate) fn open_regular(path: &Path) -> Result<File> {
    let wrap = |source| Error::Read { path: path.to_owned(), source };
    let metadata = std::fs::metadata(path).map_err(wrap)?;
    if !metadata.is_file() {
        let got = if metadata.is_dir() { "a folder" } else { "a special file" };
        return Err(Malformed::new("a regular file", got).at(path));
    }
    File::open(path).map_err(wrap)
}

/// Grey images as RGB: each plane three times.
pub(crate) fn grey_to_rgb(grey: &[u8], pixels: usize) -> Vec<u8> {
    grey.chunks_exact(pixels.max(1)).flat_map(|plane| [plane, plane, plane].concat()).collect()
}
