//! Whether a data set is whole.

use super::entry::{Entry, IDX_FILES, find};
use super::load::{EMBEDDED, stl10_count, stl10_folds};
use super::locate::{present_path, unreadable};
use super::tree;
use super::verify_tree::{verify_folder, verify_tinyimagenet};
use crate::error::{Error, Result};
use crate::event::OnEvent;
use crate::fetch::manifest;
use crate::format::{cifar, idx, read_file, stl10};
use std::path::{Path, PathBuf};

/// What `verify` found.
#[derive(Debug)]
pub struct Verification {
    /// One a file.
    pub files: Vec<FileReport>,
}

/// The state of one file.
#[derive(Debug)]
pub struct FileReport {
    /// The file.
    pub path: PathBuf,
    /// What it holds, when it is whole.
    pub content: String,
    /// What is wrong with it.
    pub problem: Option<Error>,
}

impl FileReport {
    /// One phrase: the content or the problem.
    #[must_use]
    pub fn describe(&self) -> String {
        self.problem.as_ref().map_or_else(|| self.content.clone(), ToString::to_string)
    }
}

/// Reads every file of a data set.
///
/// # Errors
/// When the name is unknown; damaged and missing files are in the report.
pub fn verify(name: &str, dir: &Path) -> Result<Verification> {
    verify_with(name, dir, &mut |_| {})
}

/// As [`verify`]; what takes long tells so.
///
/// # Errors
/// When the name is unknown; damaged and missing files are in the report.
pub fn verify_with(name: &str, dir: &Path, on_event: &mut OnEvent<'_>) -> Result<Verification> {
    if let Some(root) = tree::root(name, dir)? {
        return Ok(Verification { files: verify_folder(name, &root, on_event) });
    }
    let entry = find(name)?;
    if entry.files.is_empty() {
        let files = IDX_FILES.iter().zip(EMBEDDED).map(|(name, bytes)| {
            let path = PathBuf::from(format!("embedded {name}.gz"));
            report(path.clone(), describe_idx(name, bytes, entry).map_err(|bad| bad.at(path)))
        });
        return Ok(Verification { files: files.collect() });
    }
    let folder = dir.join(entry.folder);
    if let Some(source) = unreadable(&folder) {
        let error = Error::Read { path: folder.clone(), source };
        return Ok(Verification { files: vec![report(folder, Err(error))] });
    }
    if name == "tinyimagenet" {
        let files = verify_tinyimagenet(entry, dir, on_event);
        return Ok(Verification { files: with_checksums(&folder, files)? });
    }
    let files = entry.files.iter().map(|file| {
        let plain = folder.join(file.name);
        match present_path(&plain) {
            None => {
                let missing = vec![file.name.to_owned()];
                report(plain, Err(Error::Missing { name: name.to_owned(), dir: folder.clone(), missing }))
            }
            Some(path) => report(path.clone(), describe_file(&path, file, entry)),
        }
    });
    let files = files.chain(folds_report(entry, &folder)).collect();
    Ok(Verification { files: with_checksums(&folder, files)? })
}

/// Adds what the checksums say that a download left, where there are any: they know every byte.
fn with_checksums(folder: &Path, mut files: Vec<FileReport>) -> Result<Vec<FileReport>> {
    for (file, problem) in manifest::check(folder)?.into_iter().flatten() {
        let path = folder.join(file);
        match files.iter_mut().find(|report| report.path == path) {
            Some(report) if report.problem.is_some() => {} // what the format says is told already
            Some(report) => report.problem = Some(problem),
            None => files.push(report(path, Err(problem))),
        }
    }
    Ok(files)
}

/// STL-10's folds, which come with it but are not needed.
fn folds_report(entry: &Entry, folder: &Path) -> Option<FileReport> {
    let images = stl10_count(&folder.join("train_X.bin")).ok().filter(|_| entry.name == "stl10")?;
    let folds = stl10_folds(folder, images).transpose()?;
    let content = folds.map(|folds| format!("{} folds of {} images", folds.len(), folds[0].len()));
    Some(report(folder.join("fold_indices.txt"), content))
}

pub(super) fn report(path: PathBuf, result: Result<String>) -> FileReport {
    match result {
        Ok(content) => FileReport { path, content, problem: None },
        Err(problem) => FileReport { path, content: String::new(), problem: Some(problem) },
    }
}

fn describe_file(path: &Path, file: &super::FileSpec, entry: &Entry) -> Result<String> {
    if entry.name == "stl10" && file.name.ends_with("_X.bin") {
        let images = stl10_count(path)?; // gigabytes without a checksum of their own: the length is what can be told
        let side = stl10::SIDE;
        return match file.bytes {
            Some(expected) if expected != (images * stl10::IMAGE_BYTES) as u64 => {
                let expected = format!("{} images", expected / stl10::IMAGE_BYTES as u64);
                Err(crate::error::Malformed::new(expected, format!("{images} images")).at(path))
            }
            _ => Ok(format!("{images} images of {side} x {side}")),
        };
    }
    let bytes = read_file(path)?;
    if IDX_FILES.contains(&file.name) {
        return describe_idx(file.name, &bytes, entry).map_err(|bad| bad.at(path));
    }
    if let Some(expected) = file.bytes
        && bytes.len() as u64 != expected
    {
        let got = format!("{} bytes", bytes.len());
        return Err(crate::error::Malformed::new(format!("{expected} bytes"), got).at(path));
    }
    if entry.name == "stl10" {
        let labels = stl10::parse_labels(&bytes, bytes.len()).map_err(|bad| bad.at(path))?;
        return Ok(format!("{} labels; {}", labels.len(), histogram(&labels, entry.classes)));
    }
    let layout = if entry.classes == 100 { cifar::Layout::Cifar100 } else { cifar::Layout::Cifar10 };
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    cifar::parse(&bytes, layout, &mut pixels, &mut labels).map_err(|bad| bad.at(path))?;
    Ok(format!("{} images; {}", labels.len(), histogram(&labels, entry.classes)))
}

fn describe_idx(
    name: &str,
    bytes: &[u8],
    entry: &Entry,
) -> std::result::Result<String, crate::error::Malformed> {
    if name.contains("images") {
        let images = idx::parse_images(bytes)?;
        let count = images.pixels.len() / (images.height * images.width);
        Ok(format!("{count} images of {} x {}", images.height, images.width))
    } else {
        let labels = idx::parse_labels(bytes, entry.classes)?;
        Ok(format!("{} labels; {}", labels.len(), histogram(&labels, entry.classes)))
    }
}

/// How many images a class has.
pub(super) fn histogram(labels: &[u16], classes: usize) -> String {
    let mut counts = vec![0usize; classes];
    for &label in labels {
        counts[usize::from(label)] += 1;
    }
    match (counts.iter().min(), counts.iter().max()) {
        (Some(low), Some(high)) if low == high => format!("{low} of each of {classes} classes"),
        (Some(low), Some(high)) => format!("{low} to {high} of each of {classes} classes"),
        _ => String::new(),
    }
}
