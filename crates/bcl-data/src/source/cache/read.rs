//! Reading images from a cache.

use super::super::read_at::read_at;
use super::super::{ImageSource, past_the_end};
use crate::error::{Error, Malformed, Result};
use crate::format::cache::{ENTRY_BYTES, Entry, HEADER_BYTES, parse_header, parse_index};
use std::borrow::Cow;
use std::fs::File;
use std::path::{Path, PathBuf};

/// An open cache. Its pixels stay in the file (and in the system's page cache): an image is read when it is asked for.
#[derive(Debug)]
pub(crate) struct CachedImages {
    path: PathBuf,
    file: File,
    index: Vec<Entry>,
}

impl CachedImages {
    /// Opens a cache made from what `key` names.
    ///
    /// # Errors
    /// When there is none, it is of other files, or damaged.
    pub(super) fn open(path: &Path, key: &[u8; 32]) -> Result<Self> {
        let unreadable = |source| Error::Read { path: path.to_owned(), source };
        let metadata = std::fs::metadata(path).map_err(unreadable)?;
        if !metadata.is_file() {
            return Err(Malformed::new("a regular file", "a folder or special file").at(path));
        }
        let file = File::open(path).map_err(unreadable)?;
        let mut start = vec![0; (HEADER_BYTES as u64).min(metadata.len()) as usize];
        read_at(&file, &mut start, 0).map_err(unreadable)?;
        let header = parse_header(&start, metadata.len()).map_err(|bad| bad.at(path))?;
        if header.key != *key {
            return Err(Malformed::new("the files that it was made from", "others").at(path));
        }
        // The header's lengths are those of the file.
        let mut bytes = vec![0; header.images as usize * ENTRY_BYTES];
        read_at(&file, &mut bytes, HEADER_BYTES as u64 + header.pixel_bytes).map_err(unreadable)?;
        let index = parse_index(&bytes, &header).map_err(|bad| bad.at(path))?;
        Ok(Self { path: path.to_owned(), file, index })
    }

    fn entry(&self, index: usize) -> Result<&Entry> {
        self.index.get(index).ok_or_else(|| past_the_end(self.index.len(), index))
    }
}

impl ImageSource for CachedImages {
    fn count(&self) -> usize {
        self.index.len()
    }

    fn size(&self, index: usize) -> Result<(usize, usize)> {
        self.entry(index).map(|entry| (entry.height as usize, entry.width as usize))
    }

    fn read(&self, index: usize) -> Result<Cow<'_, [u8]>> {
        let entry = self.entry(index)?;
        let mut pixels = vec![0; 3 * entry.height as usize * entry.width as usize];
        read_at(&self.file, &mut pixels, entry.offset)
            .map_err(|source| Error::Read { path: self.path.clone(), source })?;
        if crc32fast::hash(&pixels) != entry.crc {
            let expected = format!("the pixels of image {index} that were written");
            return Err(Malformed::new(expected, "others: remove the file, it is made again").at(&self.path));
        }
        Ok(Cow::Owned(pixels))
    }
}
