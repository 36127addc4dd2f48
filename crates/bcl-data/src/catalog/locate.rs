//! What is where.

use super::entry::{entries, find};
use super::listing::folders;
use super::tree::{self, PREFIX};
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
    /// Why the folder cannot be looked into, where it is there: what is in it is not known.
    pub unreadable: Option<String>,
}

impl Location {
    /// Whether every file is there.
    #[must_use]
    pub fn is_present(&self) -> bool {
        self.missing.is_empty() && self.unreadable.is_none()
    }

    /// One phrase for lists.
    #[must_use]
    pub fn describe(&self) -> String {
        let folder = self.folder.display();
        if let Some(reason) = &self.unreadable {
            return format!("cannot read {folder}: {reason}");
        }
        match (self.files, self.missing.len()) {
            (0, _) => "embedded".to_owned(),
            (_, 0) => format!("in {folder}"),
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
    if let Ok(Some(root)) = tree::root(name, dir) {
        return locate_folder(root);
    }
    let Ok(entry) = find(name) else {
        let missing = vec![name.to_owned()];
        return Location { folder: dir.join(name), missing, files: 1, unreadable: None };
    };
    let folder = dir.join(entry.folder);
    let unreadable = unreadable(&folder).filter(|_| !entry.files.is_empty()).map(|error| error.to_string());
    let missing = entry
        .files
        .iter()
        .filter(|_| unreadable.is_none())
        .filter(|file| present_path(&folder.join(file.name)).is_none())
        .map(|file| file.name.to_owned())
        .collect();
    Location { folder, missing, files: entry.files.len(), unreadable }
}

/// Why a folder cannot be listed, unless it is not there.
pub(super) fn unreadable(folder: &Path) -> Option<std::io::Error> {
    std::fs::read_dir(folder).err().filter(|error| error.kind() != std::io::ErrorKind::NotFound)
}

/// The two splits of a folder data set.
fn locate_folder(folder: PathBuf) -> Location {
    let classes = tree::classes(&folder).unwrap_or_default();
    let unreadable = unreadable(&folder).map(|error| error.to_string());
    let mut missing = Vec::new();
    if classes.is_empty() {
        missing.push("train/CLASS".to_owned());
    }
    if tree::scored(&folder, &classes).is_none() {
        missing.push("test/CLASS or val/CLASS".to_owned());
    }
    Location { folder, missing, files: 2, unreadable }
}

/// The names of all data sets: the known ones, and each folder of `dir` that is one by its form.
#[must_use]
pub fn names(dir: &Path) -> Vec<String> {
    let known = entries().iter().map(|entry| entry.name.to_owned());
    let own = folders(dir).unwrap_or_default();
    let unknown = own.into_iter().filter(|folder| entries().iter().all(|entry| entry.folder != folder));
    let found =
        unknown.map(|folder| PREFIX.to_owned() + &folder).filter(|name| locate(name, dir).is_present());
    known.chain(found).collect()
}

/// The file itself, or itself with `.gz`, whichever is there.
pub(super) fn present_path(plain: &Path) -> Option<PathBuf> {
    let packed = PathBuf::from(format!("{}.gz", plain.display()));
    [plain.to_owned(), packed].into_iter().find(|path| path.exists())
}
