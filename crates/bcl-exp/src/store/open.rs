//! The results of one experiment, open for appending.

use super::append::AppendCsv;
use super::confusion::write_confusion;
use super::lock::FolderLock;
use super::{CellRow, Classifier, EpochRow, Status, read_cells, read_epochs};
use crate::eval::NamedConfusion;
use anyhow::{Context, Result};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// A cell that has ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Finished {
    /// Its row.
    pub row: CellRow,
    /// What its classifiers took for what; none for a failed one.
    pub confusions: Vec<(Classifier, NamedConfusion)>,
}

/// `results/<experiment>/` with its two CSV files, and a confusion matrix for each classifier of a finished cell.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    cells: AppendCsv<CellRow>,
    epochs: AppendCsv<EpochRow>,
    ended: HashMap<String, Status>,
    last_epoch: HashMap<String, u32>,
    _lock: FolderLock,
}

impl Store {
    /// Opens or creates the folder, takes its lock and reads what has been finished.
    ///
    /// # Errors
    /// When another process writes there, a file is damaged or has other columns, or the folder cannot be made.
    pub fn open(results: &Path, experiment: &str) -> Result<Self> {
        let folder = results.join(experiment);
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        let lock = FolderLock::take(&folder, "--results")?;
        let cells = AppendCsv::open(&folder.join("cells.csv"), CellRow::COLUMNS)?;
        let epochs = AppendCsv::open(&folder.join("epochs.csv"), EpochRow::COLUMNS)?;
        let ended =
            read_cells(&folder.join("cells.csv"))?.into_iter().map(|row| (row.run_id, row.status)).collect();
        let mut last_epoch = HashMap::new();
        for row in read_epochs(&folder.join("epochs.csv"))? {
            let last = last_epoch.entry(row.run_id).or_insert(0);
            *last = row.epoch.max(*last);
        }
        Ok(Self { folder, cells, epochs, ended, last_epoch, _lock: lock })
    }

    /// Where the files lie.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// How a cell ended, if it has; the last row of it counts.
    #[must_use]
    pub fn status(&self, run_id: &str) -> Option<Status> {
        self.ended.get(run_id).copied()
    }

    /// Writes the matrices of a cell, then appends its row: a finished cell has its matrices.
    ///
    /// # Errors
    /// As for [`Store::append_cell`].
    pub fn append(&mut self, cell: &Finished) -> Result<()> {
        for (classifier, matrix) in &cell.confusions {
            write_confusion(&self.folder, &cell.row.run_id, *classifier, matrix)?;
        }
        self.append_cell(&cell.row)
    }

    /// Appends the row of a finished or failed cell.
    ///
    /// # Errors
    /// When the row cannot be brought to disk; the file is then as it was.
    pub fn append_cell(&mut self, row: &CellRow) -> Result<()> {
        self.cells.append(row)?;
        self.ended.insert(row.run_id.clone(), row.status);
        Ok(())
    }

    /// Appends an epoch, unless an earlier try of the same cell has written it already.
    ///
    /// # Errors
    /// As for [`Store::append_cell`].
    pub fn append_epoch(&mut self, row: &EpochRow) -> Result<()> {
        if self.last_epoch.get(&row.run_id).is_some_and(|&last| last >= row.epoch) {
            return Ok(());
        }
        self.epochs.append(row)?;
        self.last_epoch.insert(row.run_id.clone(), row.epoch);
        Ok(())
    }
}
