//! Images, in memory or in files, and the roles that a data set's images play.

use crate::error::{Error, Malformed, Result};
use crate::format::stl10::to_rows;
use std::borrow::Cow;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Images of one size, u8 RGB, planes after one another (C x H x W), with or without labels.
#[derive(Debug, Clone)]
pub struct ImageSet {
    pixels: Arc<Pixels>,
    labels: Option<Arc<[u16]>>,
    height: usize,
    width: usize,
}

/// Where the bytes of the images are.
#[derive(Debug)]
enum Pixels {
    Memory(Vec<u8>),
    /// Too many for the memory: an image is read when it is asked for.
    Files(Vec<StoredImages>),
}

/// A file of images without a header, each plane column by column.
#[derive(Debug)]
pub struct StoredImages {
    path: PathBuf,
    file: File,
    images: usize,
}

impl StoredImages {
    /// Opens a file of so many images.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open(path: &Path, images: usize) -> Result<Self> {
        let file = File::open(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
        Ok(Self { path: path.to_owned(), file, images })
    }

    /// Reads image `index` into `bytes`.
    fn read(&self, index: usize, bytes: &mut [u8]) -> Result<()> {
        let offset = index as u64 * bytes.len() as u64;
        read_at(&self.file, bytes, offset).map_err(|source| match source.kind() {
            std::io::ErrorKind::UnexpectedEof => {
                let expected = format!("{} images, as when it was opened", self.images);
                Malformed::new(expected, format!("a file that ends in image {index}")).at(&self.path)
            }
            _ => Error::Read { path: self.path.clone(), source },
        })
    }
}

#[cfg(unix)]
fn read_at(file: &File, bytes: &mut [u8], offset: u64) -> std::io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, offset)
}

#[cfg(not(unix))]
fn read_at(mut file: &File, bytes: &mut [u8], offset: u64) -> std::io::Result<()> {
    use std::io::{Read, Seek, SeekFrom};
    // One position for all threads: they take turns.
    static TURN: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    file.seek(SeekFrom::Start(offset))?;
    file.read_exact(bytes)
}

/// Channels of every image; grey ones are repeated, as `convert("RGB")` does.
pub const CHANNELS: usize = 3;

impl ImageSet {
    /// Images from their bytes.
    ///
    /// # Errors
    /// When the bytes are no whole number of 3 x `height` x `width` images, or the labels are of another number.
    pub fn new(pixels: Vec<u8>, labels: Option<Vec<u16>>, height: usize, width: usize) -> Result<Self> {
        let image = CHANNELS * height * width;
        if image == 0 || !pixels.len().is_multiple_of(image) {
            return Err(Error::Parameter {
                name: "pixels",
                expected: format!("a multiple of 3 x {height} x {width} bytes"),
                got: format!("{} bytes", pixels.len()),
            });
        }
        Self::checked(Pixels::Memory(pixels), labels, height, width)
    }

    /// Images in files, one file after another.
    ///
    /// # Errors
    /// When the labels are of another number than the images.
    pub fn stored(
        files: Vec<StoredImages>,
        labels: Option<Vec<u16>>,
        height: usize,
        width: usize,
    ) -> Result<Self> {
        Self::checked(Pixels::Files(files), labels, height, width)
    }

    fn checked(pixels: Pixels, labels: Option<Vec<u16>>, height: usize, width: usize) -> Result<Self> {
        let set = Self { pixels: Arc::new(pixels), labels: None, height, width };
        if let Some(labels) = &labels
            && labels.len() != set.len()
        {
            return Err(Error::Parameter {
                name: "labels",
                expected: format!("one for each of {} images", set.len()),
                got: labels.len().to_string(),
            });
        }
        Ok(Self { labels: labels.map(Into::into), ..set })
    }

    /// How many images.
    #[must_use]
    pub fn len(&self) -> usize {
        match &*self.pixels {
            Pixels::Memory(bytes) => bytes.len() / self.image_bytes(),
            Pixels::Files(files) => files.iter().map(|file| file.images).sum(),
        }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Height of every image, pixels.
    #[must_use]
    pub fn height(&self) -> usize {
        self.height
    }

    /// Width of every image, pixels.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// Image `index`, 3 x H x W bytes.
    ///
    /// # Errors
    /// Past the end, or when its file cannot be read.
    pub fn image(&self, index: usize) -> Result<Cow<'_, [u8]>> {
        let past_the_end = || Error::Parameter {
            name: "image",
            expected: format!("a place below {}", self.len()),
            got: index.to_string(),
        };
        let bytes = self.image_bytes();
        match &*self.pixels {
            Pixels::Memory(pixels) => {
                pixels.chunks_exact(bytes).nth(index).map(Cow::Borrowed).ok_or_else(past_the_end)
            }
            Pixels::Files(files) => {
                let mut place = index;
                for file in files {
                    if place < file.images {
                        let (mut columns, mut rows) = (vec![0; bytes], vec![0; bytes]);
                        file.read(place, &mut columns)?;
                        to_rows(&columns, (self.height, self.width), &mut rows);
                        return Ok(Cow::Owned(rows));
                    }
                    place -= file.images;
                }
                Err(past_the_end())
            }
        }
    }

    /// The labels, if the images have any.
    #[must_use]
    pub fn labels(&self) -> Option<&[u16]> {
        self.labels.as_deref()
    }

    fn image_bytes(&self) -> usize {
        CHANNELS * self.height * self.width
    }

    /// `count` images, evenly over the classes where there are labels (the first of each class, in order), else
    /// the first ones; all when there are not more.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn subset(&self, count: usize) -> Result<Self> {
        if count >= self.len() {
            return Ok(self.clone());
        }
        let chosen: Vec<usize> = match &self.labels {
            None => (0..count).collect(),
            Some(labels) => stratified(labels, count),
        };
        let mut pixels = Vec::with_capacity(chosen.len() * self.image_bytes());
        for &index in &chosen {
            pixels.extend_from_slice(&self.image(index)?);
        }
        let labels = self.labels.as_ref().map(|labels| chosen.iter().map(|&index| labels[index]).collect());
        Self::new(pixels, labels, self.height, self.width)
    }
}

/// Indices of `count` elements, ascending, taken from the classes in turn.
fn stratified(labels: &[u16], count: usize) -> Vec<usize> {
    let mut members: std::collections::BTreeMap<u16, Vec<usize>> = std::collections::BTreeMap::new();
    for (index, &label) in labels.iter().enumerate() {
        members.entry(label).or_default().push(index);
    }
    let longest = members.values().map(Vec::len).max().unwrap_or(0);
    let in_turn = (0..longest).flat_map(|round| members.values().filter_map(move |class| class.get(round)));
    let mut chosen: Vec<usize> = in_turn.take(count).copied().collect();
    chosen.sort_unstable();
    chosen
}

/// Images with labels: what can be evaluated on. An unlabeled set cannot become one.
#[derive(Debug, Clone)]
pub struct Labeled(ImageSet);

impl Labeled {
    /// Takes a set that has labels.
    ///
    /// # Errors
    /// When it has none.
    pub fn new(set: ImageSet) -> Result<Self> {
        if set.labels.is_none() {
            return Err(Error::Parameter {
                name: "evaluation set",
                expected: "images with labels".into(),
                got: "unlabeled images".into(),
            });
        }
        Ok(Self(set))
    }

    /// The images.
    #[must_use]
    pub fn images(&self) -> &ImageSet {
        &self.0
    }

    /// Their labels.
    #[must_use]
    pub fn labels(&self) -> &[u16] {
        self.0.labels.as_deref().unwrap_or(&[])
    }
}

/// A data set in its roles.
#[derive(Debug, Clone)]
pub struct DataSet {
    /// What the encoder learns from; labels, if any, serve measurement only.
    pub pretrain: ImageSet,
    /// What probes and kNN learn from.
    pub probe: Labeled,
    /// What is scored.
    pub test: Labeled,
    /// Number of classes.
    pub classes: usize,
    /// Channel means of pixels in [0, 1], for normalisation.
    pub mean: [f32; CHANNELS],
    /// Channel standard deviations.
    pub std: [f32; CHANNELS],
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subset_is_even_over_the_classes() {
        let labels = vec![0, 0, 0, 1, 1, 2, 0, 1];
        let set = ImageSet::new((0..8u8).flat_map(|i| [i; 3]).collect(), Some(labels), 1, 1).unwrap();
        let part = set.subset(5).unwrap();
        assert_eq!(part.labels().unwrap(), [0, 0, 1, 1, 2]);
        assert_eq!(*part.image(4).unwrap(), [5; 3]);
        assert!(part.image(5).is_err());
        assert_eq!(set.subset(100).unwrap().len(), 8);
    }

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
        let files = vec![StoredImages::open(&first, 2).unwrap(), StoredImages::open(&second, 1).unwrap()];
        let set = ImageSet::stored(files, None, 2, 3).unwrap();
        assert_eq!(set.len(), 3);
        assert_eq!(set.image(1).unwrap()[..6], [50, 52, 54, 51, 53, 55]);
        assert_eq!(set.image(2).unwrap()[..3], [100, 102, 104]);
        assert!(set.image(3).unwrap_err().to_string().contains("below 3"));
        assert_eq!(set.subset(2).unwrap().image(1).unwrap()[..2], [50, 52]);
        std::fs::File::options().write(true).open(&second).unwrap().set_len(10).unwrap();
        let cut = set.image(2).unwrap_err().to_string();
        assert!(cut.contains("second") && cut.contains("ends in image 0"), "{cut}");
        assert!(StoredImages::open(&folder.path().join("none"), 1).is_err());
    }

    #[test]
    fn sizes_are_checked_and_unlabeled_images_cannot_be_evaluated() {
        assert!(ImageSet::new(vec![0; 13], None, 2, 2).is_err());
        assert!(ImageSet::new(vec![0; 12], Some(vec![0, 1]), 2, 2).is_err());
        assert!(ImageSet::new(vec![], None, 0, 2).is_err());
        let unlabeled = ImageSet::new(vec![0; 12], None, 2, 2).unwrap();
        assert!(Labeled::new(unlabeled).unwrap_err().to_string().contains("unlabeled"));
    }
}
