//! Finding and parsing an experiment file.

use super::wire::ExperimentFile;
use anyhow::{Context, Result, ensure};
use std::path::Path;

/// Reads a TOML experiment file.
///
/// # Errors
/// When the file is missing, is no TOML, has an unknown key, or names no grid; the message shows the line.
pub fn load(path: &Path) -> Result<ExperimentFile> {
    let text = std::fs::read_to_string(path).with_context(|| {
        format!("cannot read the experiment file {} (experiments/ holds the ready ones)", path.display())
    })?;
    parse(&text).with_context(|| path.display().to_string())
}

/// Parses the text of an experiment file.
///
/// # Errors
/// As for [`load`].
pub fn parse(text: &str) -> Result<ExperimentFile> {
    let file: ExperimentFile = toml::from_str(text)?;
    check_name(&file.name)?;
    ensure!(!file.grid.is_empty(), "expected at least one [[grid]] table, got none");
    Ok(file)
}

/// Checks that an experiment's name can be a folder's.
///
/// # Errors
/// When it is empty, begins with a point, or has a character other than letters, digits, `-`, `_` and `.`.
pub fn check_name(name: &str) -> Result<()> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    ensure!(
        !name.is_empty() && !name.starts_with('.') && name.chars().all(plain),
        "name: expected letters, digits, '-', '_' and '.', got {name:?}"
    );
    Ok(())
}
