//! Files that appear whole: written beside their place and moved there.

use anyhow::{Context, Result};
use std::path::Path;

/// Writes a file so that a reader, or a kill, sees the old content or the new; makes its folder.
///
/// # Errors
/// When it cannot be written; what was there stays.
pub fn write_atomic(path: &Path, content: &[u8]) -> Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    }
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".partial");
    let partial = path.with_file_name(name);
    let written = std::fs::write(&partial, content).and_then(|()| std::fs::rename(&partial, path));
    if written.is_err() {
        let _ = std::fs::remove_file(&partial); // best effort: the error matters more
    }
    written.with_context(|| format!("cannot write {}", path.display()))
}
