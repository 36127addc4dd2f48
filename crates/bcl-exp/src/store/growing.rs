//! A file that only grows: what is appended is there whole, or not at all.

use anyhow::{Context, Result};
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// A file and how much of it is known to be whole.
#[derive(Debug)]
pub(crate) struct GrowingFile {
    path: PathBuf,
    file: File,
    length: u64,
}

impl GrowingFile {
    /// Opens or creates the file; returns what is in it, too.
    pub(crate) fn open(path: &Path) -> Result<(Self, Vec<u8>)> {
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .with_context(|| format!("cannot open {}", path.display()))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).with_context(|| format!("cannot read {}", path.display()))?;
        Ok((Self { path: path.to_owned(), file, length: bytes.len() as u64 }, bytes))
    }

    /// Keeps the first `length` bytes.
    pub(crate) fn cut(&mut self, length: u64) -> Result<()> {
        self.length = length;
        self.truncate().with_context(|| format!("cannot cut {} to {length} bytes", self.path.display()))
    }

    /// Appends. On failure (a full disk) the file is as before.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.grow(bytes, |_| Ok(()))
    }

    /// Appends, and waits until it is on disk.
    pub(crate) fn append_durably(&mut self, bytes: &[u8]) -> Result<()> {
        self.grow(bytes, File::sync_data)
    }

    fn grow(&mut self, bytes: &[u8], settle: impl FnOnce(&File) -> std::io::Result<()>) -> Result<()> {
        let result = self
            .file
            .seek(SeekFrom::Start(self.length))
            .and_then(|_| self.file.write_all(bytes))
            .and_then(|()| settle(&self.file));
        if let Err(error) = result {
            // What was written of it goes; if even that fails, the next open cuts it.
            let _ = self.truncate();
            return Err(error)
                .with_context(|| format!("cannot append to {}; nothing was lost", self.path.display()));
        }
        self.length += bytes.len() as u64;
        Ok(())
    }

    fn truncate(&mut self) -> std::io::Result<()> {
        self.file.set_len(self.length)?;
        self.file.sync_data()
    }
}
