//! Not written yet.

use std::path::{Path, PathBuf};

/// What was rendered.
#[derive(Debug)]
pub struct Rendered {
    /// Files.
    pub files: Vec<PathBuf>,
    /// Summary.
    pub summary: String,
}

/// Renders.
///
/// # Errors
/// None.
pub fn render(_folder: &Path) -> anyhow::Result<Rendered> {
    Ok(Rendered { files: Vec::new(), summary: String::new() })
}
