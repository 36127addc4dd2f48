//! What the classifiers of a finished cell took for what: a file for each, `confusion/RUN-linear.csv`.

use super::write_atomic;
use crate::eval::NamedConfusion;
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};

/// The classifiers that a cell is scored by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Classifier {
    /// The linear probe.
    Linear,
    /// The k nearest neighbours.
    Knn,
}

impl Classifier {
    /// As in the names of files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Linear => "linear",
            Self::Knn => "knn",
        }
    }

    /// For people.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Linear => "linear probe",
            Self::Knn => "kNN",
        }
    }
}

fn path(folder: &Path, run_id: &str, classifier: Classifier) -> PathBuf {
    folder.join("confusion").join(format!("{run_id}-{}.csv", classifier.name()))
}

/// Writes a cell's matrix into the folder of its experiment; one of an earlier try is replaced.
pub(super) fn write_confusion(
    folder: &Path,
    run_id: &str,
    classifier: Classifier,
    matrix: &NamedConfusion,
) -> Result<()> {
    write_atomic(&path(folder, run_id, classifier), &matrix.to_csv()?)
}

/// A cell's matrix from the folder of its experiment; `None` where there is none, as with results of an older version.
///
/// # Errors
/// When the file cannot be read or is damaged.
pub fn read_confusion(folder: &Path, run_id: &str, classifier: Classifier) -> Result<Option<NamedConfusion>> {
    let path = path(folder, run_id, classifier);
    let bytes = match std::fs::read(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        bytes => bytes.with_context(|| format!("cannot read {}", path.display()))?,
    };
    NamedConfusion::from_csv(&bytes).map(Some).with_context(|| format!("{}: damaged", path.display()))
}
