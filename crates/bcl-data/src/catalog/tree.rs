//! Data sets that are trees of image files: TinyImageNet and folders of one's own.
//!
//! `folder:NAME` is `DATA/NAME/train/CLASS/...` and `DATA/NAME/test/CLASS/...` (or `val`), with the classes numbered in
//! their sorted order; `DATA/NAME/unlabeled/...`, if it is there, is pretrained on besides.

use super::entry::Entry;
use super::listing::{folders, images};
use crate::error::{Error, Malformed, Result};
use crate::format::{read_file, tinyimagenet};
use crate::source::EncodedFile;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

/// What the name of a folder data set begins with.
pub(super) const PREFIX: &str = "folder:";

/// Files of one role.
#[derive(Debug)]
pub(super) struct Split {
    /// Its folder.
    pub(super) folder: PathBuf,
    pub(super) files: Vec<EncodedFile>,
    pub(super) labels: Option<Vec<u16>>,
}

/// All files of a data set.
#[derive(Debug)]
pub(super) struct Tree {
    /// Their names, by label.
    pub(super) classes: Vec<String>,
    pub(super) train: Split,
    pub(super) test: Split,
    pub(super) unlabeled: Option<Split>,
}

/// The folder of `folder:NAME`; `None` for other names.
///
/// # Errors
/// When NAME is no folder below `dir`.
pub(super) fn root(name: &str, dir: &Path) -> Result<Option<PathBuf>> {
    let Some(below) = name.strip_prefix(PREFIX) else { return Ok(None) };
    let inside = Path::new(below).components().all(|part| matches!(part, Component::Normal(_)));
    if below.is_empty() || !inside {
        return Err(Error::Parameter {
            name: "data set",
            expected: "folder:NAME, NAME a folder below the data folder".into(),
            got: format!("{name:?}"),
        });
    }
    Ok(Some(dir.join(below)))
}

/// The classes of a folder data set.
///
/// # Errors
/// When `train` has no folders, or more than labels can tell apart.
pub(super) fn classes(root: &Path) -> Result<Vec<String>> {
    let train = root.join("train");
    let classes = folders(&train)?;
    if classes.is_empty() || classes.len() > usize::from(u16::MAX) {
        let expected = format!("a folder for each of 1 to {} classes", u16::MAX);
        return Err(Malformed::new(expected, format!("{} folders", classes.len())).at(train));
    }
    Ok(classes)
}

/// The folder that is scored: `test`, or `val` where `test` is missing or has none of the classes (ImageNet's way).
pub(super) fn scored(root: &Path, classes: &[String]) -> Option<PathBuf> {
    let labeled = |folder: &PathBuf| classes.iter().any(|class| is_folder(&folder.join(class)));
    ["test", "val"].map(|name| root.join(name)).into_iter().find(labeled)
}

/// Lists a folder data set.
///
/// # Errors
/// When a folder is missing or cannot be read, or a class has no training image.
pub(super) fn list_folder(name: &str, root: &Path) -> Result<Tree> {
    let missing = |what: &str| Error::Missing {
        name: name.to_owned(),
        dir: root.to_owned(),
        missing: vec![what.to_owned()],
    };
    if !is_folder(&root.join("train")) {
        return Err(missing("train"));
    }
    let classes = classes(root)?;
    let test = scored(root, &classes).ok_or_else(|| missing("test or val, with folders as in train"))?;
    if let Some(other) = folders(&test)?.into_iter().find(|class| classes.binary_search(class).is_err()) {
        let expected = format!("one of the {} classes in train", classes.len());
        return Err(Malformed::new(expected, "another class").at(test.join(other)));
    }
    let unlabeled = root.join("unlabeled");
    let unlabeled = if is_folder(&unlabeled) {
        let files = some(images(&unlabeled)?, &unlabeled)?;
        Some(Split { folder: unlabeled, files, labels: None })
    } else {
        None
    };
    Ok(Tree {
        train: labeled(root.join("train"), &classes, "", true)?,
        test: labeled(test, &classes, "", false)?,
        unlabeled,
        classes,
    })
}

/// Lists TinyImageNet: trains on `train`, is scored on `val`, as its own test images have no labels.
///
/// # Errors
/// When a file is missing, unreadable or damaged.
pub(super) fn list_tinyimagenet(entry: &Entry, dir: &Path) -> Result<Tree> {
    let root = dir.join(entry.folder);
    let classes = wnids(&root, entry.classes)?;
    let (files, labels) = annotations(&root, &classes)?
        .into_iter()
        .map(|(name, label)| Ok((EncodedFile::new(root.join("val/images").join(name))?, label)))
        .collect::<Result<(Vec<_>, Vec<_>)>>()?;
    Ok(Tree {
        train: labeled(root.join("train"), &classes, "images", true)?,
        test: Split { folder: root.join("val"), files, labels: Some(labels) },
        unlabeled: None,
        classes,
    })
}

/// TinyImageNet's classes.
pub(super) fn wnids(root: &Path, classes: usize) -> Result<Vec<String>> {
    let path = root.join("wnids.txt");
    let found = tinyimagenet::parse_wnids(&read_file(&path)?).map_err(|bad| bad.at(&path))?;
    if found.len() != classes {
        return Err(Malformed::new(format!("{classes} classes"), found.len().to_string()).at(path));
    }
    Ok(found)
}

/// TinyImageNet's validation images.
pub(super) fn annotations(root: &Path, classes: &[String]) -> Result<Vec<(String, u16)>> {
    let path = root.join("val/val_annotations.txt");
    tinyimagenet::parse_annotations(&read_file(&path)?, classes).map_err(|bad| bad.at(path))
}

/// The images of each class: in `folder`/CLASS/`below`. A class without images is an error where all are `required`.
fn labeled(folder: PathBuf, classes: &[String], below: &str, required: bool) -> Result<Split> {
    let (mut files, mut labels) = (Vec::new(), Vec::new());
    for (label, class) in (0..).zip(classes) {
        let class = folder.join(class);
        let path = if below.is_empty() { class } else { class.join(below) };
        if !required && !is_folder(&path) {
            continue;
        }
        let found = some(images(&path)?, &path)?;
        labels.resize(labels.len() + found.len(), label);
        files.extend(found);
    }
    Ok(Split { folder, files, labels: Some(labels) })
}

/// Whether there is a folder; one that cannot be looked at counts: reading it tells why.
fn is_folder(path: &Path) -> bool {
    match std::fs::metadata(path) {
        Ok(metadata) => metadata.is_dir(),
        Err(error) => !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory),
    }
}

/// The files, unless there are none.
fn some(files: Vec<EncodedFile>, folder: &Path) -> Result<Vec<EncodedFile>> {
    if files.is_empty() {
        return Err(Malformed::new("JPEG, PNG or WebP images", "none").at(folder));
    }
    Ok(files)
}
