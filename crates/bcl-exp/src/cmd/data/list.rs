//! The table of data sets.

use bcl_data::{catalog, fetch};
use std::path::Path;

pub(super) const HELP: &str = "\
Images of your own (JPEG, PNG, WebP, of any sizes) are the data set folder:NAME:
  DIR/NAME/train/CLASS/...     trained on, and what probes learn from
  DIR/NAME/test/CLASS/...      scored (or val)
  DIR/NAME/unlabeled/...       trained on besides, if it is there

Image files are decoded once, into DIR/.cache, which may be removed at any time.";

/// One line a data set.
pub(in crate::cmd) fn print_list(data: &Path) {
    for name in catalog::names(data) {
        let location = catalog::locate(&name, data);
        let mut state = location.describe();
        if location.missing.is_empty() && location.files > 0 {
            state += &format!(", {}", megabytes(size_on_disk(&location.folder)));
        } else if let Ok(source) = fetch::source(&name)
            && !location.missing.is_empty()
        {
            state += &format!("; `bcl-exp data fetch {name}` downloads {}", megabytes(source.download));
        }
        // What is listed has classes, unless it vanished just now.
        let classes = catalog::classes(&name, data).unwrap_or_default();
        println!("  {name:<14} {classes:>4} classes  {state}");
    }
}

/// Bytes of the files in a folder and below; what cannot be read counts nothing.
fn size_on_disk(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => size_on_disk(&entry.path()),
            Ok(metadata) => metadata.len(),
            Err(_) => 0,
        })
        .sum()
}

/// For people.
pub(super) fn megabytes(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{} MB", bytes / 1_000_000),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}
