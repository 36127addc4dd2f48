//! A CSV file that only grows: whole rows, each on disk before the call returns.

use super::widen::widen;
use anyhow::{Context, Result, bail};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

/// An append-only CSV of `Row`s.
#[derive(Debug)]
pub(super) struct AppendCsv<Row> {
    path: PathBuf,
    file: File,
    length: u64,
    row: PhantomData<Row>,
}

impl<Row: Serialize + DeserializeOwned> AppendCsv<Row> {
    /// Opens or creates the file. A torn last line, left by a kill in mid-write, is cut off; a file of an older version
    /// gets the columns it lacks; one with other columns is refused.
    pub(super) fn open(path: &Path, columns: &[&str]) -> Result<Self> {
        let mut file = open_file(path)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).with_context(|| format!("cannot read {}", path.display()))?;
        let complete = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
        let mut csv = Self { path: path.to_owned(), file, length: complete as u64, row: PhantomData };
        if complete < bytes.len() {
            csv.truncate().with_context(|| format!("cannot cut the torn last line of {}", path.display()))?;
        }
        let header = columns.join(",");
        match bytes[..complete].split(|&byte| byte == b'\n').next() {
            None | Some(b"") => csv.write(format!("{header}\n").as_bytes())?,
            Some(found) if found == header.as_bytes() => {}
            Some(found) => {
                let Some(wide) = widen::<Row>(path, &bytes[..complete], columns)? else {
                    bail!(
                        "{}: expected the columns\n  {header}\ngot\n  {}\nit was written by another version; move it away to begin anew",
                        path.display(),
                        String::from_utf8_lossy(found),
                    )
                };
                csv.file = open_file(path)?; // the name belongs to another file now
                csv.length = wide.len() as u64;
            }
        }
        Ok(csv)
    }

    /// Appends one row and waits until it is on disk. On failure (a full disk) the file is as before.
    pub(super) fn append(&mut self, row: &Row) -> Result<()> {
        let mut writer = csv::WriterBuilder::new().has_headers(false).from_writer(Vec::new());
        writer.serialize(row).with_context(|| format!("cannot format a row of {}", self.path.display()))?;
        let line = writer.into_inner().map_err(|error| error.into_error())?;
        self.write(&line)
    }

    fn write(&mut self, line: &[u8]) -> Result<()> {
        let result = self
            .file
            .seek(SeekFrom::Start(self.length))
            .and_then(|_| self.file.write_all(line))
            .and_then(|()| self.file.sync_data());
        if let Err(error) = result {
            // What was written of the line goes; if even that fails, the next open cuts it.
            let _ = self.truncate();
            return Err(error)
                .with_context(|| format!("cannot append to {}; nothing was lost", self.path.display()));
        }
        self.length += line.len() as u64;
        Ok(())
    }

    fn truncate(&mut self) -> std::io::Result<()> {
        self.file.set_len(self.length)?;
        self.file.sync_data()
    }
}

fn open_file(path: &Path) -> Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .with_context(|| format!("cannot open {}", path.display()))
}
