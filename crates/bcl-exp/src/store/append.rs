//! A CSV file that only grows: whole rows, each on disk before the call returns.

use super::growing::GrowingFile;
use super::widen::widen;
use anyhow::{Context, Result, bail};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

/// An append-only CSV of `Row`s.
#[derive(Debug)]
pub(super) struct AppendCsv<Row> {
    path: PathBuf,
    file: GrowingFile,
    row: PhantomData<Row>,
}

impl<Row: Serialize + DeserializeOwned> AppendCsv<Row> {
    /// Opens or creates the file. A torn last line, left by a kill in mid-write, is cut off; a file of an older version
    /// gets the columns it lacks; one with other columns is refused.
    pub(super) fn open(path: &Path, columns: &[&str]) -> Result<Self> {
        let (mut file, bytes) = GrowingFile::open(path)?;
        let complete = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
        if complete < bytes.len() {
            file.cut(complete as u64).context("a torn last line")?;
        }
        let header = columns.join(",");
        match bytes[..complete].split(|&byte| byte == b'\n').next() {
            None | Some(b"") => file.append_durably(format!("{header}\n").as_bytes())?,
            Some(found) if found == header.as_bytes() => {}
            Some(found) => {
                if !widen::<Row>(path, &bytes[..complete], columns)? {
                    bail!(
                        "{}: expected the columns\n  {header}\ngot\n  {}\nit was written by another version; move it away to begin anew",
                        path.display(),
                        String::from_utf8_lossy(found),
                    )
                }
                file = GrowingFile::open(path)?.0; // the name belongs to another file now
            }
        }
        Ok(Self { path: path.to_owned(), file, row: PhantomData })
    }

    /// Appends one row and waits until it is on disk. On failure (a full disk) the file is as before.
    pub(super) fn append(&mut self, row: &Row) -> Result<()> {
        let mut writer = csv::WriterBuilder::new().has_headers(false).from_writer(Vec::new());
        writer.serialize(row).with_context(|| format!("cannot format a row of {}", self.path.display()))?;
        let line = writer.into_inner().map_err(|error| error.into_error())?;
        self.file.append_durably(&line)
    }
}
