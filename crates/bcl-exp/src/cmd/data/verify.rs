//! `bcl-exp data verify`.

use anyhow::{Context, Result, bail, ensure};
use bcl_data::catalog;
use std::path::Path;

pub(super) const HELP: &str = "\
Examples:
  bcl-exp data verify                       every set that is found in data/
  bcl-exp data verify stl10 --data DIR
  bcl-exp data verify folder:pets

Sizes, labels and formats are checked, every image file is decoded. A set that `data fetch` unpacked has checksums.sha256 in its
folder besides, by which one changed byte is found. The exit status is 1 when a file is missing or damaged.";

/// Reads every file; a damaged or missing one is named.
pub(super) fn run(names: &[String], data: &Path) -> Result<()> {
    let chosen: Vec<String> = if names.is_empty() {
        match std::fs::read_dir(data) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                eprintln!("{}: no such folder; the embedded data set alone is read", data.display());
            }
            listed => drop(listed.with_context(|| format!("cannot read {}", data.display()))?),
        }
        catalog::names(data).into_iter().filter(|name| catalog::locate(name, data).is_present()).collect()
    } else {
        names.to_vec()
    };
    ensure!(!chosen.is_empty(), "no data set was found in {}", data.display());
    let mut damaged = 0;
    for name in &chosen {
        damaged += report(name, data)?;
    }
    if damaged > 0 {
        bail!("{damaged} file(s) are missing or damaged");
    }
    Ok(())
}

/// Prints the state of each file of a set, and says how many are not whole.
pub(super) fn report(name: &str, data: &Path) -> Result<usize> {
    let report = crate::data::verify(name, data)?;
    println!("{name}:");
    for file in &report.files {
        let state = if file.problem.is_none() { "ok   " } else { "WRONG" };
        println!("  {state} {}: {}", file.path.display(), file.describe());
    }
    Ok(report.files.iter().filter(|file| file.problem.is_some()).count())
}
