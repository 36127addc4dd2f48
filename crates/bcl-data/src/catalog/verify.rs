//! What is where, and whether it is whole.

use super::entry::{Entry, IDX_FILES, find};
use super::load::{EMBEDDED, stl10_count};
use crate::error::{Error, Result};
use crate::format::{cifar, idx, read_file, stl10};
use std::path::{Path, PathBuf};

/// Where a data set was looked for and what was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// Its folder; empty for the embedded set.
    pub folder: PathBuf,
    /// Names of the files that are not there.
    pub missing: Vec<String>,
    /// How many files it has in all.
    pub files: usize,
    readable: bool,
}

impl Location {
    /// Whether every file is there and can be read by this version.
    #[must_use]
    pub fn is_present(&self) -> bool {
        self.missing.is_empty() && self.readable
    }

    /// One phrase for lists.
    #[must_use]
    pub fn describe(&self) -> String {
        let folder = self.folder.display();
        match (self.files, self.missing.len()) {
            (0, _) => "embedded".to_owned(),
            (_, 0) if self.readable => format!("in {folder}"),
            (_, 0) => format!("in {folder}; no reader for it in this version yet"),
            (files, missing) if files == missing => format!("not found (looked in {folder})"),
            (files, missing) => {
                format!("{missing} of {files} files missing in {folder}: {}", self.missing.join(", "))
            }
        }
    }
}

/// Looks for the files of a data set without reading them; an unknown name has one missing file, its own name.
#[must_use]
pub fn locate(name: &str, dir: &Path) -> Location {
    let Ok(entry) = find(name) else {
        return Location {
            folder: dir.join(name),
            missing: vec![name.to_owned()],
            files: 1,
            readable: false,
        };
    };
    let folder = dir.join(entry.folder);
    let missing = entry
        .files
        .iter()
        .filter(|file| present_path(&folder.join(file.name)).is_none())
        .map(|file| file.name.to_owned())
        .collect();
    Location { folder, missing, files: entry.files.len(), readable: entry.readable }
}

/// The file itself, or itself with `.gz`, whichever is there.
pub(super) fn present_path(plain: &Path) -> Option<PathBuf> {
    let packed = PathBuf::from(format!("{}.gz", plain.display()));
    [plain.to_owned(), packed].into_iter().find(|path| path.exists())
}

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
/// When the name is unknown or this version has no reader for it; damaged and missing files are in the report.
pub fn verify(name: &str, dir: &Path) -> Result<Verification> {
    let entry = find(name)?;
    if !entry.readable {
        return Err(Error::NoReader { name: name.to_owned() });
    }
    if entry.files.is_empty() {
        let files = IDX_FILES.iter().zip(EMBEDDED).map(|(name, bytes)| {
            let path = PathBuf::from(format!("embedded {name}.gz"));
            report(path.clone(), describe_idx(name, bytes, entry).map_err(|bad| bad.at(path)))
        });
        return Ok(Verification { files: files.collect() });
    }
    let folder = dir.join(entry.folder);
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
    Ok(Verification { files: files.collect() })
}

fn report(path: PathBuf, result: Result<String>) -> FileReport {
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
fn histogram(labels: &[u16], classes: usize) -> String {
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
