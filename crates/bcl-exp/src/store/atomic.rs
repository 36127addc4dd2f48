//! Files that appear whole: written beside their place and moved there.

use anyhow::{Context, Result};
use std::fs::File;
use std::io::Write;
use std::path::Path;

/// Writes a file so that a reader, a kill or a power cut sees the old content or the new; makes its folder. A link stays a
/// link to what is written, and a device or a pipe (`/dev/stdout`) is written to: nothing may take its place.
///
/// # Errors
/// When it cannot be written; what was there stays.
pub fn write_atomic(path: &Path, content: &[u8]) -> Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    }
    let failed = || format!("cannot write {}", path.display());
    let place = match std::fs::metadata(path) {
        Ok(there) if !there.is_file() && !there.is_dir() => {
            return std::fs::write(path, content).with_context(failed);
        }
        Ok(_) => std::fs::canonicalize(path).with_context(failed)?,
        Err(_) => path.to_owned(),
    };
    let mut name = place.file_name().unwrap_or_default().to_owned();
    name.push(".partial");
    let partial = place.with_file_name(name);
    let written = File::create(&partial)
        .and_then(|mut file| file.write_all(content).and_then(|()| file.sync_data()))
        .and_then(|()| std::fs::rename(&partial, &place));
    if written.is_err() {
        let _ = std::fs::remove_file(&partial); // best effort: the error matters more
    }
    written.with_context(failed)
}
