//! Archives into a folder, and never beyond it: only regular files below the set's own folder, up to a size.
//!
//! Links, devices, absolute paths and `..` are refused, not skipped: an archive that has one is not the published one.

use super::manifest::{FILE, Line, hex, render};
use crate::error::{Error, Malformed, Result};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read, Seek, Write};
use std::path::{Component, Path, PathBuf};

/// More files than any data set has.
const MOST_FILES: usize = 1_000_000;

/// Longest extended header that is read, bytes: it gives a name that does not fit into an ordinary one.
const LONGEST_HEADER: u64 = 1 << 16;

/// Files from this size on are brought to disk one by one; smaller ones are too many for that, and the checksums tell of
/// one that a power cut has taken.
const SYNC_FROM: u64 = 1 << 20;

/// Where archives are unpacked.
#[derive(Debug)]
pub struct Target {
    staging: PathBuf,
    /// The one folder that archives may fill.
    folder: String,
    largest: u64,
    written: u64,
    made: BTreeSet<PathBuf>,
    lines: Vec<Line>,
}

impl Target {
    /// Fills `staging`/`folder` with at most `largest` bytes.
    #[must_use]
    pub fn new(staging: &Path, folder: &str, largest: u64) -> Self {
        let (staging, folder) = (staging.to_owned(), folder.to_owned());
        Self { staging, folder, largest, written: 0, made: BTreeSet::new(), lines: Vec::new() }
    }

    /// Unpacks a gzipped tar file; `written` hears of the bytes so far.
    ///
    /// # Errors
    /// When it is damaged, or holds what does not belong.
    pub fn tar_gz(&mut self, reader: impl Read, written: &mut dyn FnMut(u64)) -> Result<(), Malformed> {
        let damaged = |error: std::io::Error| Malformed::new("a whole gzipped tar file", error.to_string());
        // Twice the limit: headers and padding count here too.
        let unzipped = flate2::read::GzDecoder::new(reader).take(2 * self.largest + (1 << 20));
        let mut archive = tar::Archive::new(unzipped);
        let (mut files, mut long_name) = (0, None);
        // Raw: else extended headers are read into memory, however long they are.
        for entry in archive.entries().map_err(damaged)?.raw(true) {
            let mut entry = entry.map_err(damaged)?;
            let kind = entry.header().entry_type();
            if let tar::EntryType::GNULongName | tar::EntryType::XHeader = kind {
                let mut bytes = Vec::new();
                entry.take(LONGEST_HEADER + 1).read_to_end(&mut bytes).map_err(damaged)?;
                if bytes.len() as u64 > LONGEST_HEADER {
                    let expected = format!("extended headers of at most {LONGEST_HEADER} bytes");
                    return Err(Malformed::new(expected, "a longer one"));
                }
                long_name = extended_name(kind, &bytes).or(long_name);
                continue;
            }
            let name = long_name.take().unwrap_or_else(|| entry.path_bytes().into_owned());
            let name = String::from_utf8_lossy(&name).into_owned();
            match kind {
                tar::EntryType::Directory => {
                    self.inside(&name)?;
                }
                tar::EntryType::Regular | tar::EntryType::Continuous => {
                    self.file(&name, &mut entry, written)?;
                    files += 1;
                }
                tar::EntryType::XGlobalHeader => {}
                other => return Err(unwelcome(&name, &format!("{other:?}"))),
            }
        }
        if files == 0 {
            return Err(Malformed::new("a gzipped tar file with files", "none"));
        }
        // The checksum of the gzip file lies behind the end of the tar file.
        std::io::copy(&mut archive.into_inner(), &mut std::io::sink()).map_err(damaged)?;
        Ok(())
    }

    /// Unpacks a zip file.
    ///
    /// # Errors
    /// When it is damaged, or holds what does not belong.
    pub fn zip(&mut self, reader: impl Read + Seek, written: &mut dyn FnMut(u64)) -> Result<(), Malformed> {
        let damaged = |error: &dyn std::fmt::Display| Malformed::new("a whole zip file", error.to_string());
        let mut archive = zip::ZipArchive::new(reader).map_err(|error| damaged(&error))?;
        if archive.is_empty() {
            return Err(Malformed::new("a zip file with files", "none"));
        }
        for index in 0..archive.len() {
            let mut entry = archive.by_index(index).map_err(|error| damaged(&error))?;
            let name = entry.name().map_err(|error| damaged(&error))?.into_owned();
            // The type of the file in the Unix mode, where there is one.
            let special = entry.unix_mode().map(|mode| mode & 0o170_000);
            match special {
                _ if entry.is_dir() => {
                    self.inside(&name)?;
                }
                None | Some(0 | 0o100_000) => self.file(&name, &mut entry, written)?,
                Some(other) => return Err(unwelcome(&name, &format!("special file of mode {other:o}"))),
            }
        }
        Ok(())
    }

    /// Copies a file that stays as it is.
    ///
    /// # Errors
    /// When it cannot be copied.
    pub fn plain(
        &mut self,
        file: &str,
        mut reader: impl Read,
        written: &mut dyn FnMut(u64),
    ) -> Result<(), Malformed> {
        self.file(&format!("{}/{file}", self.folder), &mut reader, written)
    }

    /// Writes the checksums of what was unpacked.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write_manifest(&mut self) -> Result<()> {
        self.lines.sort_by(|a, b| a.path.cmp(&b.path));
        let path = self.staging.join(&self.folder).join(FILE);
        File::create(&path)
            .and_then(|mut file| {
                file.write_all(render(&self.lines).as_bytes())?;
                file.sync_all()
            })
            .map_err(|error| Error::write(&path, error))
    }

    /// The path below the set's folder; an error for any that leaves it.
    fn inside(&self, name: &str) -> Result<PathBuf, Malformed> {
        let mut parts = Vec::new();
        // A backslash is a separator on some systems, a control character breaks the list of checksums: neither has any
        // business in these names.
        if name.contains('\\') || name.contains(char::is_control) {
            return Err(unwelcome(name, "path"));
        }
        for component in Path::new(name).components() {
            match component {
                Component::CurDir => {}
                Component::Normal(part) => parts.push(part),
                _ => return Err(unwelcome(name, "path")),
            }
        }
        match parts.split_first() {
            Some((first, rest)) if *first == self.folder.as_str() => Ok(rest.iter().collect()),
            None => Ok(PathBuf::new()),
            Some(_) => Err(unwelcome(name, "path")),
        }
    }

    fn file(
        &mut self,
        name: &str,
        reader: &mut dyn Read,
        written: &mut dyn FnMut(u64),
    ) -> Result<(), Malformed> {
        let relative = self.inside(name)?;
        if relative.as_os_str().is_empty() || self.lines.len() >= MOST_FILES {
            return Err(unwelcome(name, "file"));
        }
        let path = self.staging.join(&self.folder).join(&relative);
        let failed = |error: std::io::Error| {
            Malformed::new(format!("{} unpacked", relative.display()), error.to_string())
        };
        if let Some(parent) = path.parent()
            && self.made.insert(parent.to_owned())
        {
            std::fs::create_dir_all(parent).map_err(failed)?;
        }
        // `create_new`: a name that comes twice is refused.
        let mut file = File::options().write(true).create_new(true).open(&path).map_err(failed)?;
        let (mut hash, mut buffer, mut size) = (Sha256::new(), [0; 1 << 16], 0u64);
        loop {
            let count = reader.read(&mut buffer).map_err(failed)?;
            if count == 0 {
                break;
            }
            size += count as u64;
            self.written += count as u64;
            if self.written > self.largest {
                return Err(Malformed::new(format!("at most {} bytes unpacked", self.largest), "more"));
            }
            hash.update(&buffer[..count]);
            file.write_all(&buffer[..count]).map_err(failed)?;
            written(self.written);
        }
        if size >= SYNC_FROM {
            file.sync_all().map_err(failed)?;
        }
        let path = relative.iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>().join("/");
        self.lines.push(Line { sha256: hex(&hash.finalize()), path });
        Ok(())
    }
}

/// The name that an extended header of GNU or POSIX tar gives the next file.
fn extended_name(kind: tar::EntryType, bytes: &[u8]) -> Option<Vec<u8>> {
    if kind == tar::EntryType::GNULongName {
        return bytes.split(|&byte| byte == 0).next().map(<[u8]>::to_vec);
    }
    let mut records = tar::PaxExtensions::new(bytes).flatten();
    records.find(|record| record.key_bytes() == b"path").map(|record| record.value_bytes().to_vec())
}

fn unwelcome(name: &str, what: &str) -> Malformed {
    let name: String = name.chars().take(100).collect();
    Malformed::new("files below the data set's folder only", format!("the {what} {name:?}"))
}
