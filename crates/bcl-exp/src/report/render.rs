//! From a folder of results to its tables and figures on disk.

use super::{classes, figures, published, tables};
use crate::store::{read_cells, read_epochs, write_atomic};
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};

/// What was written.
#[derive(Debug)]
pub struct Rendered {
    /// The files.
    pub files: Vec<PathBuf>,
    /// The main table, for the terminal.
    pub summary: String,
}

/// Renders `results/<experiment>/` from its CSV files; what there is to draw of, as older results lack some.
///
/// # Errors
/// When there is no `cells.csv`, a file is damaged, or one cannot be written.
pub fn render(folder: &Path) -> Result<Rendered> {
    let name =
        folder.file_name().and_then(|name| name.to_str()).context("expected the folder of an experiment")?;
    let rows = read_cells(&folder.join("cells.csv"))?;
    let epochs_file = folder.join("epochs.csv");
    let epochs = if epochs_file.exists() { read_epochs(&epochs_file)? } else { Vec::new() };
    let published = published::load()?;
    let summary = tables::accuracy(name, &rows, &published);
    let mut outputs = vec![("tables/accuracy.md".to_owned(), summary.clone())];
    if let Some(grid) = tables::grid(name, &rows) {
        outputs.push(("tables/alpha-beta.md".to_owned(), grid));
    }
    if let Some(table) = tables::representation(name, &rows) {
        outputs.push(("tables/representation.md".to_owned(), table));
    }
    let confusions = classes::load(folder, &rows)?;
    if let Some(table) = classes::table(name, &rows, &confusions)? {
        outputs.push(("tables/per-class.md".to_owned(), table));
    }
    for (file, svg) in
        figures::figures(&rows, &epochs)?.into_iter().chain(classes::figures(&rows, &confusions)?)
    {
        outputs.push((format!("figures/{file}"), svg));
    }
    let mut files = Vec::new();
    for (file, content) in outputs {
        let path = folder.join(file);
        write_atomic(&path, content.as_bytes())?;
        files.push(path);
    }
    Ok(Rendered { files, summary })
}

/// Names of the experiments in a results folder.
///
/// # Errors
/// When the folder cannot be read.
pub fn index(results: &Path) -> Result<Vec<String>> {
    let entries = std::fs::read_dir(results).with_context(|| format!("cannot read {}", results.display()))?;
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.with_context(|| format!("cannot read {}", results.display()))?;
        if entry.path().join("cells.csv").is_file() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}
