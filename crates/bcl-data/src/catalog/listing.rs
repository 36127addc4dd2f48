//! What image files a folder holds, in the order of torchvision's `ImageFolder`.

use crate::error::{Error, Malformed, Result};
use crate::source::EncodedFile;
use std::path::{Path, PathBuf};

/// Deepest nesting of folders: links may run in circles.
const DEEPEST: usize = 32;

/// Endings of files that are read.
const READ: [&str; 4] = ["jpg", "jpeg", "png", "webp"];

/// Endings of images that `ImageFolder` would read too: leaving them out in silence would be another data set.
const REFUSED: [&str; 6] = ["bmp", "gif", "pgm", "ppm", "tif", "tiff"];

/// Names of the folders in a folder, sorted; hidden ones are left out.
///
/// # Errors
/// When it cannot be read, or a name is no Unicode.
pub(super) fn folders(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for path in entries(folder)?.into_iter().filter(|path| path.is_dir()) {
        match path.file_name().and_then(|name| name.to_str()) {
            Some(name) => names.push(name.to_owned()),
            None => return Err(Malformed::new("a name in Unicode", "other bytes").at(path)),
        }
    }
    Ok(names)
}

/// The images in a folder and the folders in it: by folder, then by name. Hidden files and files that are no images are left
/// out.
///
/// # Errors
/// When a folder cannot be read, an image is of a format that has no decoder here, or is no regular file.
pub(super) fn images(folder: &Path) -> Result<Vec<EncodedFile>> {
    let mut found = Vec::new();
    walk(folder, 0, &mut found)?;
    Ok(found)
}

fn walk(folder: &Path, depth: usize, found: &mut Vec<EncodedFile>) -> Result<()> {
    if depth > DEEPEST {
        return Err(Malformed::new(format!("folders at most {DEEPEST} deep"), "more").at(folder));
    }
    let (folders, files): (Vec<PathBuf>, Vec<PathBuf>) =
        entries(folder)?.into_iter().partition(|path| path.is_dir());
    for file in files {
        let ending =
            file.extension().and_then(|ending| ending.to_str()).unwrap_or_default().to_ascii_lowercase();
        if READ.contains(&ending.as_str()) {
            found.push(EncodedFile::new(file)?);
        } else if REFUSED.contains(&ending.as_str()) {
            return Err(Malformed::new("JPEG, PNG or WebP images", format!("a .{ending} file")).at(file));
        }
    }
    folders.iter().try_for_each(|folder| walk(folder, depth + 1, found))
}

/// What is in a folder, sorted by name, without what is hidden.
fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let unreadable = |source| Error::Read { path: folder.to_owned(), source };
    let hidden = |path: &Path| path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if !hidden(&path) {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}
