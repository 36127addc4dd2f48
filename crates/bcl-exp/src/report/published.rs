//! The published numbers, kept apart from ours.

use crate::store::CellRow;
use anyhow::{Context, Result};
use serde::Deserialize;

/// The protocol of every published row.
pub(super) const PROTOCOL: &str = "authors' linear probe after 400 epochs of ResNet-50, batch 256, features 128; another protocol than ours";

/// A row of `published.csv`.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Published {
    dataset: String,
    method: String,
    alpha: String,
    beta: Option<f64>,
    tau_plus: Option<f64>,
    accuracy_pct: f64,
    source: String,
}

/// Reads the table that comes with the program.
pub(super) fn load() -> Result<Vec<Published>> {
    let text = include_str!("../../assets/published.csv");
    csv::Reader::from_reader(text.as_bytes())
        .deserialize()
        .collect::<Result<_, _>>()
        .context("the embedded table of published numbers is damaged")
}

/// The published accuracy of the same loss on the same data, with its source.
pub(super) fn find<'a>(table: &'a [Published], row: &CellRow) -> Option<(f64, &'a str)> {
    let found = table.iter().find(|entry| {
        entry.dataset == row.dataset
            && entry.method == row.estimator
            && (entry.method == "SimCLR" || entry.tau_plus == row.tau_plus)
            && entry.beta == row.beta
            && alpha_matches(&entry.alpha, row)
            && row.variant.is_none()
    })?;
    Some((found.accuracy_pct, &found.source))
}

/// `0.70`, `empirical`, `linear 0.5->0.85` or nothing.
fn alpha_matches(published: &str, row: &CellRow) -> bool {
    match (row.alpha_source.as_deref(), row.alpha) {
        (Some("fixed"), Some(alpha)) => published.parse() == Ok(alpha),
        (Some("oracle-auc"), _) => published == "empirical",
        (Some("linear"), Some(alpha)) => {
            published.strip_prefix("linear 0.5->").is_some_and(|end| end.parse() == Ok(alpha))
        }
        (None, None) => published.is_empty(),
        _ => false,
    }
}
