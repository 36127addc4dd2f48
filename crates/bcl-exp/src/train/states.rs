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
    let unreadable = || format!("cannot read {}", folder.display());
    let mut states = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(unreadable)? {
        let path = entry.with_context(unreadable)?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let steps = name.strip_prefix("step-").and_then(|name| name.strip_suffix(".safetensors"));
        if let Some(steps) = steps.and_then(|steps| steps.parse().ok()) {
            states.push((steps, path));
        }
    }
    states.sort();
    Ok(states)
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
