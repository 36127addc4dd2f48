//! From files to images in their roles.

use super::entry::{Entry, IDX_FILES, find};
use super::verify::{locate, present_path};
use crate::error::{Error, Malformed, Result};
use crate::format::{cifar, grey_to_rgb, idx, read_file, stl10};
use crate::image_set::{DataSet, ImageSet, Labeled, StoredImages};
use std::path::{Path, PathBuf};

/// The embedded files, in the order of [`IDX_FILES`].
pub(super) const EMBEDDED: [&[u8]; 4] = [
    include_bytes!("../../assets/fashion-mini/train-images-idx3-ubyte.gz"),
    include_bytes!("../../assets/fashion-mini/train-labels-idx1-ubyte.gz"),
    include_bytes!("../../assets/fashion-mini/t10k-images-idx3-ubyte.gz"),
    include_bytes!("../../assets/fashion-mini/t10k-labels-idx1-ubyte.gz"),
];

/// Reads a data set; `dir` is the folder that holds the data sets' folders.
///
/// # Errors
/// When the name is unknown, files are missing, or one of them is damaged.
pub fn load(name: &str, dir: &Path) -> Result<DataSet> {
    let entry = find(name)?;
    if !entry.readable {
        return Err(Error::NoReader { name: name.to_owned() });
    }
    let missing = locate(name, dir).missing;
    if !missing.is_empty() {
        return Err(Error::Missing { name: name.to_owned(), dir: dir.join(entry.folder), missing });
    }
    let mut pretrain = None;
    let (train, test) = match name {
        "stl10" => {
            let folder = dir.join(entry.folder);
            pretrain = Some(stl10_images(&folder, &["train", "unlabeled"], None)?);
            (stl10_labeled(&folder, "train")?, stl10_labeled(&folder, "test")?)
        }
        "cifar10" => cifar_pair(entry, dir, cifar::Layout::Cifar10)?,
        "cifar100" => cifar_pair(entry, dir, cifar::Layout::Cifar100)?,
        _ => {
            let [images, labels, test_images, test_labels] = idx_sources(entry, dir)?;
            (idx_set(&images, &labels, entry.classes)?, idx_set(&test_images, &test_labels, entry.classes)?)
        }
    };
    Ok(DataSet {
        pretrain: pretrain.unwrap_or_else(|| train.clone()),
        probe: Labeled::new(train)?,
        test: Labeled::new(test)?,
        classes: entry.classes,
        mean: entry.mean,
        std: entry.std,
    })
}

/// Training and test images; every file but the last is for training.
fn cifar_pair(entry: &Entry, dir: &Path, layout: cifar::Layout) -> Result<(ImageSet, ImageSet)> {
    let read = |files: &[super::FileSpec]| {
        let (mut pixels, mut labels) = (Vec::new(), Vec::new());
        for file in files {
            let path = dir.join(entry.folder).join(file.name);
            let bytes = read_file(&path)?;
            cifar::parse(&bytes, layout, &mut pixels, &mut labels).map_err(|bad| bad.at(path))?;
        }
        ImageSet::new(pixels, Some(labels), cifar::SIDE, cifar::SIDE)
    };
    let (test, train) = entry
        .files
        .split_last()
        .map_or((entry.files, entry.files), |(_, train)| (&entry.files[train.len()..], train));
    Ok((read(train)?, read(test)?))
}

/// The images of some of STL-10's files: more than fits into many a memory, so they stay there.
fn stl10_images(folder: &Path, splits: &[&str], labels: Option<Vec<u16>>) -> Result<ImageSet> {
    let files = splits.iter().map(|split| {
        let path = folder.join(format!("{split}_X.bin"));
        StoredImages::open(&path, stl10_count(&path)?)
    });
    ImageSet::stored(files.collect::<Result<_>>()?, labels, stl10::SIDE, stl10::SIDE)
}

fn stl10_labeled(folder: &Path, split: &str) -> Result<ImageSet> {
    let images = stl10_count(&folder.join(format!("{split}_X.bin")))?;
    let path = folder.join(format!("{split}_y.bin"));
    let labels = stl10::parse_labels(&read_file(&path)?, images).map_err(|bad| bad.at(&path))?;
    stl10_images(folder, &[split], Some(labels))
}

/// Images of a file by its length.
pub(super) fn stl10_count(path: &Path) -> Result<usize> {
    let metadata = std::fs::metadata(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
    if !metadata.is_file() {
        return Err(Malformed::new("a regular file", "something else").at(path));
    }
    stl10::count(metadata.len()).map_err(|bad| bad.at(path))
}

/// Path and bytes of an idx file.
struct Source {
    path: PathBuf,
    bytes: Vec<u8>,
}

fn idx_sources(entry: &Entry, dir: &Path) -> Result<[Source; 4]> {
    let mut sources = Vec::with_capacity(4);
    for (name, embedded) in IDX_FILES.iter().zip(EMBEDDED) {
        sources.push(if entry.folder.is_empty() {
            Source { path: format!("embedded {name}.gz").into(), bytes: embedded.to_vec() }
        } else {
            let plain = dir.join(entry.folder).join(name);
            let path = present_path(&plain).unwrap_or(plain);
            Source { bytes: read_file(&path)?, path }
        });
    }
    sources.try_into().map_err(|_| Error::Loader("four idx files".into()))
}

fn idx_set(images: &Source, labels: &Source, classes: usize) -> Result<ImageSet> {
    let parsed = idx::parse_images(&images.bytes).map_err(|bad| bad.at(&images.path))?;
    let parsed_labels = idx::parse_labels(&labels.bytes, classes).map_err(|bad| bad.at(&labels.path))?;
    let count = parsed.pixels.len() / (parsed.height * parsed.width);
    if parsed_labels.len() != count {
        let expected = format!("{count} labels, as many as images in {}", images.path.display());
        return Err(Malformed::new(expected, format!("{} labels", parsed_labels.len())).at(&labels.path));
    }
    let rgb = grey_to_rgb(&parsed.pixels, parsed.height * parsed.width);
    ImageSet::new(rgb, Some(parsed_labels), parsed.height, parsed.width)
}
