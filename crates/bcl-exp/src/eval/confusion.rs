//! Counts of what was taken for what.

use anyhow::{Context, Result, ensure};
use serde::Serialize;

/// Images by label and prediction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Confusion(Vec<Vec<u64>>);

impl Confusion {
    /// Row: label, column: prediction.
    ///
    /// # Errors
    /// When it is not square.
    pub fn new(counts: Vec<Vec<u64>>) -> Result<Self> {
        let classes = counts.len();
        for row in &counts {
            ensure!(row.len() == classes, "confusion: expected {classes} columns, got {}", row.len());
        }
        Ok(Self(counts))
    }

    /// Row: label, column: prediction.
    #[must_use]
    pub fn counts(&self) -> &[Vec<u64>] {
        &self.0
    }

    /// Images of each class.
    #[must_use]
    pub fn images(&self) -> Vec<u64> {
        self.0.iter().map(|row| row.iter().sum()).collect()
    }

    /// Per cent of each class's images that were taken for it; `None` for a class without images.
    #[must_use]
    pub fn per_class(&self) -> Vec<Option<f64>> {
        let hits = self.0.iter().enumerate().map(|(class, row)| row[class]);
        hits.zip(self.images())
            .map(|(hits, all)| (all > 0).then(|| 100.0 * hits as f64 / all as f64))
            .collect()
    }

    /// Balanced accuracy, per cent: the mean of [`Self::per_class`] over classes that have images; `None` when none has.
    #[must_use]
    pub fn balanced(&self) -> Option<f64> {
        let known: Vec<f64> = self.per_class().into_iter().flatten().collect();
        (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
    }

    /// The counts of matrices of the same classes together.
    ///
    /// # Errors
    /// When there is none, or they have other numbers of classes.
    pub fn sum<'a>(matrices: impl IntoIterator<Item = &'a Self>) -> Result<Self> {
        let mut matrices = matrices.into_iter();
        let mut sum = matrices.next().context("confusion: expected at least one matrix, got none")?.clone();
        for other in matrices {
            let (ours, theirs) = (sum.0.len(), other.0.len());
            ensure!(ours == theirs, "confusion: expected {ours} classes, got {theirs}");
            for (sum, count) in sum.0.iter_mut().flatten().zip(other.0.iter().flatten()) {
                *sum += count;
            }
        }
        Ok(sum)
    }
}
