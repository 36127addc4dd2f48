//! A file of raw images, each plane column by column: more than fits into many a memory, so an image is read when it is
//! asked for.

use super::read_at::read_at;
use super::{ImageSource, past_the_end};
use crate::error::{Error, Malformed, Result};
use crate::format::stl10::to_rows;
use crate::image_set::CHANNELS;
use std::borrow::Cow;
use std::fs::File;
use std::path::{Path, PathBuf};

/// The file.
#[derive(Debug)]
pub(crate) struct StoredImages {
    path: PathBuf,
    file: File,
    images: usize,
    shape: (usize, usize),
}

impl StoredImages {
    /// Opens a file of so many images of height x width.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub(crate) fn open(path: &Path, images: usize, shape: (usize, usize)) -> Result<Self> {
        let file = File::open(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
        Ok(Self { path: path.to_owned(), file, images, shape })
    }
}

impl ImageSource for StoredImages {
    fn count(&self) -> usize {
        self.images
    }

    fn size(&self, _index: usize) -> Result<(usize, usize)> {
        Ok(self.shape)
    }

    fn read(&self, index: usize) -> Result<Cow<'_, [u8]>> {
        if index >= self.images {
            return Err(past_the_end(self.images, index));
        }
        let bytes = CHANNELS * self.shape.0 * self.shape.1;
        let (mut columns, mut rows) = (vec![0; bytes], vec![0; bytes]);
        let offset = index as u64 * bytes as u64;
        read_at(&self.file, &mut columns, offset).map_err(|source| match source.kind() {
            std::io::ErrorKind::UnexpectedEof => {
                let expected = format!("{} images, as when it was opened", self.images);
                Malformed::new(expected, format!("a file that ends in image {index}")).at(&self.path)
            }
            _ => Error::Read { path: self.path.clone(), source },
        })?;
        to_rows(&columns, self.shape, &mut rows);
        Ok(Cow::Owned(rows))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Joined;
    use super::*;
    use std::sync::Arc;

    #[test]
    fn stored_images_are_read_one_by_one() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            path
        };
        let image = |first: u8| -> Vec<u8> { (first..first + 18).collect() }; // 2 x 3, column by column
        let first = write("first", &[image(0), image(50)].concat());
        let second = write("second", &image(100));
        let open = |path, images| -> Arc<dyn ImageSource> {
            Arc::new(StoredImages::open(path, images, (2, 3)).unwrap())
        };
        let joined = Joined(vec![open(&first, 2), open(&second, 1)]);
        assert_eq!((joined.count(), joined.size(2).unwrap()), (3, (2, 3)));
        assert_eq!(joined.read(1).unwrap()[..6], [50, 52, 54, 51, 53, 55]);
        assert_eq!(joined.read(2).unwrap()[..3], [100, 102, 104]);
        assert!(joined.read(3).unwrap_err().to_string().contains("below 3"));
        File::options().write(true).open(&second).unwrap().set_len(10).unwrap();
        let cut = joined.read(2).unwrap_err().to_string();
        assert!(cut.contains("second") && cut.contains("ends in image 0"), "{cut}");
        assert!(StoredImages::open(&folder.path().join("none"), 1, (2, 3)).is_err());
    }
}
