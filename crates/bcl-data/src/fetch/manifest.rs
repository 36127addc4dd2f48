//! The checksums of an unpacked data set: a line a file, as `sha256sum` writes and checks them.
//!
//! A publisher's checksum is of the archive; once that is gone, these tell whether a byte of the set has changed.

use crate::error::{Error, Malformed, Result};
use crate::format::{open_regular, read_file_up_to};
use sha2::{Digest, Sha256};
use std::io::Read;
use std::path::{Component, Path};

/// Name of the file in the set's folder.
pub const FILE: &str = "checksums.sha256";

/// Largest list that is read, bytes: TinyImageNet's is a ninth of it.
const LARGEST: u64 = 100_000_000;

/// A file's checksum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// SHA-256, 64 hexadecimal digits in lower case.
    pub sha256: String,
    /// Path below the set's folder, with `/`.
    pub path: String,
}

/// Parses a list.
///
/// # Errors
/// When a line is no checksum and relative path.
pub fn parse(bytes: &[u8]) -> Result<Vec<Line>, Malformed> {
    let text = std::str::from_utf8(bytes).map_err(|_| Malformed::new("lines of text", "other bytes"))?;
    let line = |(number, line): (usize, &str)| {
        let bad = || {
            let start: String = line.chars().take(40).collect();
            Malformed::new("a SHA-256, two spaces and a path", format!("{start:?} in line {}", number + 1))
        };
        let (sha256, path) = line.split_once("  ").ok_or_else(bad)?;
        let digits = sha256.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let normal = Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
        let inside = !path.is_empty() && normal && !path.contains(char::is_control);
        if sha256.len() != 64 || !digits || !inside {
            return Err(bad());
        }
        Ok(Line { sha256: sha256.to_owned(), path: path.to_owned() })
    };
    text.lines().enumerate().map(line).collect()
}

/// The list as text.
#[must_use]
pub fn render(lines: &[Line]) -> String {
    lines.iter().map(|line| format!("{}  {}\n", line.sha256, line.path)).collect()
}

/// Compares every listed file with its checksum; the problems, or `None` where the folder has no list.
///
/// # Errors
/// When the list itself cannot be read.
pub fn check(folder: &Path) -> Result<Option<Vec<(String, Error)>>> {
    let path = folder.join(FILE);
    let bytes = match read_file_up_to(&path, LARGEST) {
        Err(Error::Read { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        read => read?,
    };
    let mut problems = Vec::new();
    for line in parse(&bytes).map_err(|bad| bad.at(&path))? {
        let file = folder.join(&line.path);
        let found = open_regular(&file)
            .and_then(|opened| sha256(opened).map_err(|source| Error::Read { path: file.clone(), source }));
        match found {
            Err(error) => problems.push((line.path, error)),
            Ok(found) if found != line.sha256 => {
                let expected = format!("SHA-256 {} as when it was unpacked", line.sha256);
                problems.push((line.path, Malformed::new(expected, found).at(file)));
            }
            Ok(_) => {}
        }
    }
    Ok(Some(problems))
}

/// SHA-256 of what a reader gives.
fn sha256(mut reader: impl Read) -> std::io::Result<String> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match reader.read(&mut buffer)? {
            0 => return Ok(hex(&hash.finalize())),
            count => hash.update(&buffer[..count]),
        }
    }
}

/// Lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
