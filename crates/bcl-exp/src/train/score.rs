//! The scores of a cell, as its configuration asks.

use super::place::Place;
use super::trainer::rounded;
use crate::config::CellConfig;
use crate::eval::{Features, NamedConfusion, Outcome, Representation, auc, frozen, knn, linear};
use crate::store::{CellRow, Classifier, EpochRow};
use anyhow::Result;
use bcl_data::{DataSet, ImageSet, Policy};
use bcl_models::Model;
use std::time::Instant;

/// What was measured of a trained encoder.
#[derive(Debug, Clone)]
pub struct Scores {
    /// Of the k nearest neighbours.
    pub knn: Outcome,
    /// Of the linear probe, unless the protocol is `none`.
    pub linear: Option<Outcome>,
    /// In [0, 1].
    pub macro_auc: f64,
    /// Of the projections, without labels.
    pub representation: Representation,
    /// Seconds it took.
    pub wall_s: f64,
}

impl Scores {
    pub(super) fn write_to(&self, row: &mut CellRow) {
        let percent = |value: f64| rounded(value, 3);
        row.knn_top1 = Some(percent(self.knn.top1));
        row.linear_top1 = self.linear.as_ref().map(|outcome| percent(outcome.top1));
        row.linear_top5 = self.linear.as_ref().and_then(|outcome| outcome.top5).map(percent);
        row.macro_auc = Some(rounded(self.macro_auc, 5));
        [row.alignment, row.uniformity, row.feature_std, row.effective_rank] = columns(&self.representation);
    }

    /// What each classifier took for what.
    pub(super) fn confusions(self, classes: &[String]) -> Vec<(Classifier, NamedConfusion)> {
        let outcomes = [(Classifier::Linear, self.linear), (Classifier::Knn, Some(self.knn))];
        let named =
            |outcome: Outcome| NamedConfusion { classes: classes.to_vec(), confusion: outcome.confusion };
        outcomes.into_iter().filter_map(|(which, outcome)| Some((which, named(outcome?)))).collect()
    }
}

/// The images of the cell's pretraining.
///
/// # Errors
/// When a file cannot be read.
pub(super) fn pretrain_images(set: &DataSet, cell: &CellConfig) -> Result<ImageSet> {
    Ok(match cell.pretrain_images {
        None => set.pretrain.clone(),
        Some(count) => set.pretrain.subset(count)?,
    })
}

fn plain(set: &DataSet, cell: &CellConfig) -> Policy {
    Policy::plain(cell.image_size as usize).with_normalization(set.mean, set.std)
}

/// Every score of a trained encoder, which they leave as it is.
///
/// # Errors
/// When memory does not suffice, the loader stops, or the encoder changed.
pub fn all(model: &Model, set: &DataSet, cell: &CellConfig, place: &Place) -> Result<Scores> {
    Ok(frozen::kept(model, || scores(model, set, cell, place))?.0)
}

fn scores(model: &Model, set: &DataSet, cell: &CellConfig, place: &Place) -> Result<Scores> {
    let begun = Instant::now();
    let policy = plain(set, cell);
    let classes = set.classes() as i64;
    let probe = Features::extract(model, &set.probe, &policy, place.threads)?;
    let test = Features::extract(model, &set.test, &policy, place.threads)?;
    let knn = knn::classify(&probe, &test, classes, cell.eval.knn_k, cell.eval.knn_t)?;
    let classifier = match (cell.eval.linear.as_str(), cell.eval.linear_epochs) {
        ("published", epochs) => {
            let policy = Policy::published(cell.image_size as usize).with_normalization(set.mean, set.std);
            let published = linear::PublishedProbe::of(&cell.dataset, cell.seed, place.threads);
            let settings = linear::PublishedProbe { epochs: epochs.unwrap_or(published.epochs), ..published };
            Some(linear::published(model, &set.probe, &policy, classes, settings)?)
        }
        ("cached", _) => {
            let penalty = cell.eval.linear_penalty.unwrap_or(linear::PENALTY);
            Some(linear::cached(&probe, classes, penalty)?.classifier)
        }
        _ => None,
    };
    Ok(Scores {
        knn,
        linear: classifier.map(|classifier| linear::judge(&classifier, &test)).transpose()?,
        macro_auc: auc::macro_auc_of(&test, cell.eval.auc_anchors)?,
        representation: representation(model, set, cell, place)?,
        wall_s: begun.elapsed().as_secs_f64(),
    })
}

/// What is measured of an encoder during training.
pub(super) struct Online {
    /// Per cent.
    knn_top1: f64,
    representation: Representation,
}

impl Online {
    pub(super) fn write_to(&self, row: &mut EpochRow) {
        row.knn_top1 = Some(rounded(self.knn_top1, 3));
        [row.alignment, row.uniformity, row.feature_std, row.effective_rank] = columns(&self.representation);
    }
}

/// kNN and the measures without labels, during training.
pub(super) fn online(model: &Model, set: &DataSet, cell: &CellConfig, place: &Place) -> Result<Online> {
    let policy = plain(set, cell);
    let probe = Features::extract(model, &set.probe, &policy, place.threads)?;
    let test = Features::extract(model, &set.test, &policy, place.threads)?;
    let outcome = knn::classify(&probe, &test, set.classes() as i64, cell.eval.knn_k, cell.eval.knn_t)?;
    Ok(Online { knn_top1: outcome.top1, representation: representation(model, set, cell, place)? })
}

/// Projections of test images in two views of the cell's own augmentation.
fn representation(model: &Model, set: &DataSet, cell: &CellConfig, place: &Place) -> Result<Representation> {
    Representation::measure(model, set.test.images(), &cell.views(set), cell.seed, place.threads)
}

/// Alignment, uniformity, feature std, effective rank as the tables hold them.
fn columns(measured: &Representation) -> [Option<f64>; 4] {
    [
        Some(rounded(measured.alignment, 5)),
        Some(rounded(measured.uniformity, 5)),
        Some(rounded(measured.feature_std, 6)),
        Some(rounded(measured.effective_rank, 3)),
    ]
}

/// The oracle AUC: labels of the probe split, cosine scores of its features.
pub(super) fn oracle_auc(model: &Model, set: &DataSet, cell: &CellConfig, place: &Place) -> Result<f64> {
    let probe = Features::extract(model, &set.probe, &plain(set, cell), place.threads)?;
    auc::macro_auc_of(&probe, cell.eval.auc_anchors)
}
