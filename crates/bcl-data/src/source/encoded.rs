//! Image files that are decoded: once into memory, or each time that an image is asked for.

use super::{ImageSource, past_the_end};
use crate::error::{Error, Malformed, Result};
use crate::format::picture::{Limits, Picture, decode, size};
use crate::format::read_file_up_to;
use rayon::prelude::*;
use std::borrow::Cow;
use std::path::{Path, PathBuf};

/// Largest image file that is read, bytes.
const LARGEST: u64 = 256 << 20;

/// Most bytes of decoded images that are kept in memory.
const MEMORY: usize = 2 << 30;

/// An image file as it was when its folder was listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EncodedFile {
    /// The file.
    pub(crate) path: PathBuf,
    /// Its length.
    pub(crate) bytes: u64,
    /// When it was changed last, nanoseconds since 1970.
    pub(crate) modified: u128,
}

impl EncodedFile {
    /// # Errors
    /// When there is no regular file at `path`.
    pub(crate) fn new(path: PathBuf) -> Result<Self> {
        let metadata = match std::fs::metadata(&path) {
            Ok(metadata) => metadata,
            Err(source) => return Err(Error::Read { path, source }),
        };
        if !metadata.is_file() {
            return Err(Malformed::new("an image file", "a folder or special file").at(path));
        }
        let since = |time: std::time::SystemTime| time.duration_since(std::time::UNIX_EPOCH).ok();
        let modified = metadata.modified().ok().and_then(since).map_or(0, |time| time.as_nanos());
        Ok(Self { path, bytes: metadata.len(), modified })
    }

    /// Decodes it.
    ///
    /// # Errors
    /// When it cannot be read, or is no whole image.
    pub(crate) fn decode(&self) -> Result<Picture> {
        self.with_bytes(|bytes| decode(bytes, Limits::default()))
    }

    fn size(&self) -> Result<(usize, usize)> {
        self.with_bytes(|bytes| size(bytes, Limits::default()))
    }

    fn with_bytes<T>(&self, parse: impl Fn(&[u8]) -> std::result::Result<T, Malformed>) -> Result<T> {
        let path: &Path = &self.path;
        parse(&read_file_up_to(path, LARGEST)?).map_err(|bad| bad.at(path))
    }
}

/// All images decoded where they fit into `MEMORY`, else as they are.
///
/// # Errors
/// When a file cannot be read, or is no whole image.
pub(super) fn without_cache(files: &[EncodedFile]) -> Result<Box<dyn ImageSource>> {
    let sizes: Vec<(usize, usize)> = files.par_iter().map(EncodedFile::size).collect::<Result<_>>()?;
    if sizes.iter().map(|(height, width)| 3 * height * width).sum::<usize>() > MEMORY {
        return Ok(Box::new(OnDemand { files: files.to_vec(), sizes }));
    }
    Ok(Box::new(InMemory(files.par_iter().map(EncodedFile::decode).collect::<Result<_>>()?)))
}

/// Decoded images.
#[derive(Debug)]
struct InMemory(Vec<Picture>);

impl InMemory {
    fn picture(&self, index: usize) -> Result<&Picture> {
        self.0.get(index).ok_or_else(|| past_the_end(self.0.len(), index))
    }
}

impl ImageSource for InMemory {
    fn count(&self) -> usize {
        self.0.len()
    }

    fn size(&self, index: usize) -> Result<(usize, usize)> {
        self.picture(index).map(|picture| (picture.height, picture.width))
    }

    fn read(&self, index: usize) -> Result<Cow<'_, [u8]>> {
        self.picture(index).map(|picture| Cow::Borrowed(&picture.pixels[..]))
    }
}

/// Files that are decoded each time.
#[derive(Debug)]
struct OnDemand {
    files: Vec<EncodedFile>,
    sizes: Vec<(usize, usize)>,
}

impl ImageSource for OnDemand {
    fn count(&self) -> usize {
        self.files.len()
    }

    fn size(&self, index: usize) -> Result<(usize, usize)> {
        self.sizes.get(index).copied().ok_or_else(|| past_the_end(self.sizes.len(), index))
    }

    fn read(&self, index: usize) -> Result<Cow<'_, [u8]>> {
        let expected = self.size(index)?;
        let picture = self.files[index].decode()?;
        if (picture.height, picture.width) != expected {
            let wanted = format!("{} x {} pixels, as when it was listed", expected.0, expected.1);
            let got = format!("{} x {}", picture.height, picture.width);
            return Err(Malformed::new(wanted, got).at(&self.files[index].path));
        }
        Ok(Cow::Owned(picture.pixels))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decoded_ahead_or_on_demand_is_the_same() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/pictures");
        let files: Vec<EncodedFile> =
            ["rgb.png", "grey.jpg"].map(|name| EncodedFile::new(folder.join(name)).unwrap()).to_vec();
        let ahead = without_cache(&files).unwrap();
        let later = OnDemand { files: files.clone(), sizes: vec![(19, 26), (18, 26)] };
        assert_eq!((ahead.count(), ahead.size(1).unwrap()), (2, (19, 26)));
        assert_eq!(ahead.read(0).unwrap(), later.read(0).unwrap());
        assert!(later.read(1).unwrap_err().to_string().contains("grey.jpg: expected 18 x 26 pixels"));
        assert!(ahead.read(2).is_err() && later.read(2).is_err());
        assert!(EncodedFile::new(folder.clone()).unwrap_err().to_string().contains("expected an image file"));
        assert!(EncodedFile::new(folder.join("none")).is_err());
    }
}
