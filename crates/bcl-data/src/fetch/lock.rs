//! One process at a time fetches a data set.

use crate::error::{Error, Result};
use std::fs::{File, TryLockError};
use std::path::Path;

/// Held while a set is fetched; the system drops it when the process ends, however it ends.
#[derive(Debug)]
pub(super) struct FetchLock {
    _file: File,
}

impl FetchLock {
    pub(super) fn take(dir: &Path, set: &str) -> Result<Self> {
        let path = dir.join(format!(".fetch-{set}.lock"));
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(|error| Error::write(&path, error))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(Error::Content {
                path,
                expected: format!("one process that fetches {set}"),
                got: "a second one; wait for the first".into(),
            }),
            Err(TryLockError::Error(error)) => Err(Error::write(&path, error)),
        }
    }
}

/// Brings a folder's entries to disk.
pub(super) fn sync_folder(folder: &Path) -> Result<()> {
    #[cfg(unix)]
    File::open(folder).and_then(|file| file.sync_all()).map_err(|error| Error::write(folder, error))?;
    Ok(())
}
