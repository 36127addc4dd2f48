//! Files of an older version: the same columns in the same order, some of today's not yet among them.

use super::write_atomic;
use anyhow::{Context, Result};
use serde::de::DeserializeOwned;
use std::path::{Path, PathBuf};

/// Rewrites `content`, the whole rows of the file at `path`, with today's columns, those it lacks empty, and keeps
/// what it was as `NAME-N-columns.csv` beside it; a kill leaves the old file or the new one. False, and nothing done,
/// unless the file is an older one and reads as `Row`s.
///
/// # Errors
/// When a file cannot be written; the old content is then still there.
pub(super) fn widen<Row: DeserializeOwned>(path: &Path, content: &[u8], columns: &[&str]) -> Result<bool> {
    let mut reader = csv::Reader::from_reader(content);
    let Ok(found) = reader.headers().cloned() else { return Ok(false) };
    let places: Vec<Option<usize>> =
        columns.iter().map(|column| found.iter().position(|other| other == *column)).collect();
    let kept: Vec<usize> = places.iter().flatten().copied().collect();
    if kept.is_empty() || kept.iter().copied().ne(0..found.len()) {
        return Ok(false); // a foreign column, or another order
    }
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(columns)?;
    for record in reader.records() {
        let Ok(record) = record else { return Ok(false) };
        writer.write_record(places.iter().map(|place| place.map_or("", |place| &record[place])))?;
    }
    let wide = writer.into_inner().map_err(|error| error.into_error())?;
    if csv::Reader::from_reader(&wide[..]).deserialize::<Row>().any(|row| row.is_err()) {
        return Ok(false);
    }
    write_atomic(&kept_as(path, found.len(), content)?, content)?;
    write_atomic(path, &wide)?;
    Ok(true)
}

/// The first free name; a copy of the same content, left by a kill in between, counts as free.
fn kept_as(path: &Path, columns: usize, content: &[u8]) -> Result<PathBuf> {
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let mut kept = path.with_file_name(format!("{stem}-{columns}-columns.csv"));
    let mut number = 1;
    while kept.exists()
        && std::fs::read(&kept).with_context(|| format!("cannot read {}", kept.display()))? != content
    {
        number += 1;
        kept = path.with_file_name(format!("{stem}-{columns}-columns-{number}.csv"));
    }
    Ok(kept)
}
