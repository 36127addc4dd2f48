//! The states of a run as files: `step-00000120.safetensors`, the newest two kept, damaged ones set aside.

use anyhow::{Context, Result};
use std::path::{Path, PathBuf};

/// States kept: the newest, and one in case that it is damaged.
const KEPT: usize = 2;

/// Where the state after `steps` batches lies.
pub(super) fn path(folder: &Path, steps: u64) -> PathBuf {
    folder.join(format!("step-{steps:08}.safetensors"))
}

/// The states in a folder with their steps, oldest first.
pub(super) fn list(folder: &Path) -> Result<Vec<(u64, PathBuf)>> {
    numbered(folder, "step-")
}

/// The files `PREFIX<number>.safetensors` by number.
fn numbered(folder: &Path, prefix: &str) -> Result<Vec<(u64, PathBuf)>> {
    let unreadable = || format!("cannot read {}", folder.display());
    let mut states = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(unreadable)? {
        let path = entry.with_context(unreadable)?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let number = name.strip_prefix(prefix).and_then(|name| name.strip_suffix(".safetensors"));
        if let Some(number) = number.and_then(|number| number.parse().ok()) {
            states.push((number, path));
        }
    }
    states.sort();
    Ok(states)
}

/// The states of an older version in a folder (`epoch-0012.safetensors`), which is no longer read.
pub(super) fn of_an_older_version(folder: &Path) -> Result<Vec<PathBuf>> {
    Ok(numbered(folder, "epoch-")?.into_iter().map(|(_, path)| path).collect())
}

/// Drops all but the newest.
pub(super) fn drop_old(folder: &Path) -> Result<()> {
    let states = list(folder)?;
    for (_, old) in states.iter().take(states.len().saturating_sub(KEPT)) {
        // An old state too many does no harm.
        let _ = std::fs::remove_file(old);
    }
    Ok(())
}

/// Renames a damaged state so that it is neither tried again nor counted; nothing is deleted.
pub(super) fn set_aside(path: &Path) -> Result<PathBuf> {
    let aside = path.with_extension("damaged");
    std::fs::rename(path, &aside).with_context(|| format!("cannot rename {}", path.display()))?;
    Ok(aside)
}
