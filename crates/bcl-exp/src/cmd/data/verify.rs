//! `bcl-exp data verify`.

use anyhow::{Result, bail, ensure};
use bcl_data::catalog;
use std::path::Path;

/// Reads every file; a damaged or missing one is named.
pub(super) fn run(names: &[String], data: &Path) -> Result<()> {
    let chosen: Vec<String> = if names.is_empty() {
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
