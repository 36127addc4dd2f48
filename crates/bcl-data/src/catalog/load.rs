//! From files to images in their roles.

use super::entry::{CIFAR_MEAN, CIFAR_STD, Entry, IDX_FILES, find};
use super::locate::{locate, present_path};
use super::tree::{self, Split, Tree};
use crate::error::{Error, Malformed, Result};
use crate::event::OnEvent;
use crate::format::{cifar, grey_to_rgb, idx, read_file, stl10};
use crate::image_set::{CHANNELS, DataSet, ImageSet, Labeled};
use crate::source::{CachePlace, ImageSource, Joined, StoredImages, decoded};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The embedded files, in the order of [`IDX_FILES`].
pub(super) const EMBEDDED: [&[u8]; 4] = [
    include_bytes!("../../assets/fashion-mini/train-images-idx3-ubyte.gz"),
    include_bytes!("../../assets/fashion-mini/train-labels-idx1-ubyte.gz"),
    include_bytes!("../../assets/fashion-mini/t10k-images-idx3-ubyte.gz"),
    include_bytes!("../../assets/fashion-mini/t10k-labels-idx1-ubyte.gz"),
];

/// Reads a data set; `dir` is the folder that holds the data sets' folders.
///
/// Image files are decoded once, into `dir/.cache` (see [`load_with`] for a look at how far that is).
///
/// # Errors
/// When the name is unknown, files are missing, or one of them is damaged.
pub fn load(name: &str, dir: &Path) -> Result<DataSet> {
    load_with(name, dir, &mut |_| {})
}

/// As [`load`]; what takes long tells so.
///
/// # Errors
/// When the name is unknown, files are missing, or one of them is damaged.
pub fn load_with(name: &str, dir: &Path, on_event: &mut OnEvent<'_>) -> Result<DataSet> {
    if let Some(root) = tree::root(name, dir)? {
        return load_tree(name, dir, tree::list_folder(name, &root)?, (CIFAR_MEAN, CIFAR_STD), on_event);
    }
    let entry = find(name)?;
    let folder = dir.join(entry.folder);
    let missing = locate(name, dir).missing;
    if !missing.is_empty() {
        return Err(Error::Missing { name: name.to_owned(), dir: folder, missing });
    }
    let (mut pretrain, mut folds) = (None, Vec::new());
    let (train, test) = match name {
        "tinyimagenet" => {
            let tree = tree::list_tinyimagenet(entry, dir)?;
            return load_tree(name, dir, tree, (entry.mean, entry.std), on_event);
        }
        "stl10" => {
            let train = stl10_labeled(&folder, "train")?;
            pretrain = Some(stl10_images(&folder, &["train", "unlabeled"], None)?);
            folds = stl10_folds(&folder, train.len())?.unwrap_or_default();
            (train, stl10_labeled(&folder, "test")?)
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
        folds,
        class_names: entry.class_names.iter().map(|&name| name.to_owned()).collect(),
        mean: entry.mean,
        std: entry.std,
    })
}

/// Number of classes of a data set.
///
/// # Errors
/// When the name is unknown, or the folder of `folder:NAME` is not there.
pub fn classes(name: &str, dir: &Path) -> Result<usize> {
    match tree::root(name, dir)? {
        Some(root) => tree::classes(&root).map(|classes| classes.len()),
        None => find(name).map(|entry| entry.classes),
    }
}

/// Image files by way of the cache.
fn load_tree(
    name: &str,
    dir: &Path,
    tree: Tree,
    (mean, std): ([f32; CHANNELS], [f32; CHANNELS]),
    on_event: &mut OnEvent<'_>,
) -> Result<DataSet> {
    let mut source = |split: &Split, role: &str| {
        let name = format!("{}.{role}", name.replace([':', '/', '\\'], "."));
        decoded(&CachePlace { dir: dir.to_owned(), name }, &split.files, on_event)
    };
    let train = source(&tree.train, "train")?;
    let pretrain = match &tree.unlabeled {
        Some(split) => {
            let both = Joined(vec![Arc::clone(&train), source(split, "unlabeled")?]);
            ImageSet::from_source(Arc::new(both), None)?
        }
        None => ImageSet::from_source(Arc::clone(&train), tree.train.labels.clone())?,
    };
    let test = ImageSet::from_source(source(&tree.test, "test")?, tree.test.labels)?;
    Ok(DataSet {
        pretrain,
        probe: Labeled::new(ImageSet::from_source(train, tree.train.labels)?)?,
        test: Labeled::new(test)?,
        folds: Vec::new(),
        class_names: tree.classes,
        mean,
        std,
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
    let files = splits.iter().map(|split| -> Result<Arc<dyn ImageSource>> {
        let path = folder.join(format!("{split}_X.bin"));
        Ok(Arc::new(StoredImages::open(&path, stl10_count(&path)?, (stl10::SIDE, stl10::SIDE))?))
    });
    ImageSet::from_source(Arc::new(Joined(files.collect::<Result<_>>()?)), labels)
}

fn stl10_labeled(folder: &Path, split: &str) -> Result<ImageSet> {
    let images = stl10_count(&folder.join(format!("{split}_X.bin")))?;
    let path = folder.join(format!("{split}_y.bin"));
    let labels = stl10::parse_labels(&read_file(&path)?, images).map_err(|bad| bad.at(&path))?;
    stl10_images(folder, &[split], Some(labels))
}

/// The ten folds of the training images, where their file is there.
pub(super) fn stl10_folds(folder: &Path, images: usize) -> Result<Option<Vec<Vec<u32>>>> {
    let path = folder.join("fold_indices.txt");
    if !path.exists() {
        return Ok(None);
    }
    stl10::parse_folds(&read_file(&path)?, images).map(Some).map_err(|bad| bad.at(path))
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
