//! Reading results back, each problem named by path and line.

use super::{CellRow, EpochRow};
use anyhow::{Context, Result, bail};
use serde::de::DeserializeOwned;
use std::path::Path;

/// Reads every complete row of a `cells.csv`.
///
/// A last line that a kill cut short is left out; any other damage is an error with its line.
///
/// # Errors
/// When the file cannot be read, its columns differ, or a row does not parse.
pub fn read_cells(path: &Path) -> Result<Vec<CellRow>> {
    read(path)
}

/// Reads every complete row of an `epochs.csv`; see [`read_cells`].
///
/// # Errors
/// As for [`read_cells`].
pub fn read_epochs(path: &Path) -> Result<Vec<EpochRow>> {
    read(path)
}

fn read<Row: DeserializeOwned>(path: &Path) -> Result<Vec<Row>> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let complete = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
    if complete == 0 {
        if bytes.is_empty() {
            return Ok(Vec::new());
        }
        bail!("{}: expected a header line, got {} bytes without a line end", path.display(), bytes.len());
    }
    let mut reader = csv::Reader::from_reader(&bytes[..complete]);
    let mut rows = Vec::new();
    for row in reader.deserialize() {
        rows.push(
            row.with_context(|| format!("{}: damaged row after {} good ones", path.display(), rows.len()))?,
        );
    }
    Ok(rows)
}
