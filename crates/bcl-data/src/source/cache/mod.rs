//! Images that are decoded once, into a file that later runs read.
//!
//! The file is named by what it is of and holds a key of the files that it was made from (names, lengths, times of change):
//! when they change, or it is damaged, it is made again. It is made under a lock, beside its place, and moved there whole,
//! so that processes may start together and be killed at any time. Where it cannot be written the images are decoded for
//! this process alone, which is said.

mod read;
mod write;

use super::ImageSource;
use super::encoded::{EncodedFile, without_cache};
use crate::error::{Error, Result};
use crate::event::{Event, OnEvent};
use read::CachedImages;
use sha2::{Digest, Sha256};
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where a cache lies.
#[derive(Debug, Clone)]
pub(crate) struct CachePlace {
    /// Folder of the data sets; the cache is in `.cache` there, and names of files are taken relative to it.
    pub(crate) dir: PathBuf,
    /// What it is of: `tinyimagenet.train`.
    pub(crate) name: String,
}

impl CachePlace {
    fn folder(&self) -> PathBuf {
        self.dir.join(".cache")
    }

    /// The cache itself.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder().join(format!("{}.images", self.name))
    }
}

/// Why there is no cache.
enum Failure {
    /// An image cannot be decoded: without a cache neither.
    Image(Error),
    /// The cache cannot be written.
    Disk(PathBuf, std::io::Error),
}

/// The images of these files, in their order, by way of the cache.
///
/// # Errors
/// When a file cannot be read, or is no whole image.
pub(crate) fn decoded(
    place: &CachePlace,
    files: &[EncodedFile],
    on_event: &mut OnEvent<'_>,
) -> Result<Arc<dyn ImageSource>> {
    match cached(place, files, on_event) {
        Ok(images) => Ok(Arc::new(images)),
        Err(Failure::Image(error)) => Err(error),
        Err(Failure::Disk(path, error)) => {
            let path = path.display();
            on_event(Event::Note(&format!(
                "{path} cannot be written ({error}): decoding for this run alone"
            )));
            Ok(without_cache(files)?.into())
        }
    }
}

fn cached(
    place: &CachePlace,
    files: &[EncodedFile],
    on_event: &mut OnEvent<'_>,
) -> std::result::Result<CachedImages, Failure> {
    let (path, key) = (place.path(), key(&place.dir, files));
    if let Ok(images) = CachedImages::open(&path, &key) {
        return Ok(images);
    }
    let _lock = lock(place, on_event).map_err(|error| Failure::Disk(place.folder(), error))?;
    match CachedImages::open(&path, &key) {
        Ok(images) => return Ok(images), // another process has made it meanwhile
        Err(reason) if path.exists() => on_event(Event::Note(&format!("{reason}: it is made again"))),
        Err(_) => {}
    }
    write::write(&path, &key, files, &mut |done| {
        on_event(Event::Step { what: &format!("decoding {}", place.name), done, total: files.len() });
    })?;
    CachedImages::open(&path, &key).map_err(Failure::Image)
}

/// Waits until no other process writes; the kernel frees the lock when this one ends, however it ends.
fn lock(place: &CachePlace, on_event: &mut OnEvent<'_>) -> std::io::Result<File> {
    std::fs::create_dir_all(place.folder())?;
    let path = place.folder().join(format!("{}.lock", place.name));
    let file = File::options().write(true).create(true).truncate(false).open(path)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            on_event(Event::Note(&format!("another process is decoding {}: waiting for it", place.name)));
            file.lock()?;
        }
        Err(TryLockError::Error(error)) => return Err(error),
    }
    Ok(file)
}

/// Names the content of the files, as far as it can be told without reading them.
fn key(dir: &Path, files: &[EncodedFile]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for file in files {
        let name = file.path.strip_prefix(dir).unwrap_or(&file.path).as_os_str().as_encoded_bytes();
        hash.update((name.len() as u64).to_le_bytes());
        hash.update(name);
        hash.update(file.bytes.to_le_bytes());
        hash.update(file.modified.to_le_bytes());
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests;
