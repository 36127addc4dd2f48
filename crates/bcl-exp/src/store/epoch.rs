//! One row an epoch of a cell.

use serde::{Deserialize, Serialize};

/// A row of `epochs.csv`; join on `run_id` with `cells.csv`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpochRow {
    /// The cell, as in `cells.csv`.
    pub run_id: String,
    /// Estimator, repeated from the cell for convenience.
    pub estimator: String,
    /// Seed, repeated from the cell.
    pub seed: u64,
    /// Epoch, from 1.
    pub epoch: u32,
    /// Location parameter in use in this epoch.
    pub alpha: Option<f64>,
    /// Mean loss over the epoch's batches.
    pub loss: f64,
    /// kNN accuracy after this epoch, per cent, where it was measured.
    pub knn_top1: Option<f64>,
    /// As in `cells.csv`, after this epoch, where kNN was measured.
    pub alignment: Option<f64>,
    /// As in `cells.csv`, likewise.
    pub uniformity: Option<f64>,
    /// As in `cells.csv`, likewise.
    pub feature_std: Option<f64>,
    /// As in `cells.csv`, likewise.
    pub effective_rank: Option<f64>,
    /// Learning rate in use at the end of the epoch.
    pub learning_rate: f64,
    /// Views trained on a second.
    pub views_per_s: f64,
    /// Share of the epoch spent waiting for data, per cent.
    pub data_wait_pct: f64,
    /// Wall-clock seconds of the epoch.
    pub wall_s: f64,
}

impl EpochRow {
    /// The columns, in order.
    pub const COLUMNS: &[&str] = &[
        "run_id",
        "estimator",
        "seed",
        "epoch",
        "alpha",
        "loss",
        "knn_top1",
        "alignment",
        "uniformity",
        "feature_std",
        "effective_rank",
        "learning_rate",
        "views_per_s",
        "data_wait_pct",
        "wall_s",
    ];
}
