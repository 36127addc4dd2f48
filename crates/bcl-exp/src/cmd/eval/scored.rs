//! A trained encoder with what it is scored on.

use super::Common;
use super::answer::{Answer, Found};
use crate::config::CellConfig;
use crate::encoder::Encoder;
use crate::eval::{Features, Outcome, Representation};
use crate::train::Place;
use anyhow::{Context, Result, ensure};
use bcl_data::{DataSet, Labeled, Policy};
use bcl_models::Model;
use serde_json::Value;

/// How every score uses the encoder.
pub(super) const ENCODER: &str = "frozen, batch normalisation with running statistics";

/// A model with what it is scored on.
pub(super) struct Scored {
    encoder: Encoder,
    pub(super) dataset: String,
    pub(super) set: DataSet,
    image_size: usize,
    pub(super) seed: u64,
    pub(super) place: Place,
}

impl Scored {
    pub(super) fn load(common: &Common) -> Result<Self> {
        let place = common.run.place()?;
        let encoder = Encoder::load(&common.checkpoint, &common.shape, place.device)?;
        let (dataset, image_size, seed, mean, std) = match &encoder.run {
            Some(cell) => {
                let given = common.image_size.is_some() || common.mean.is_some() || common.std.is_some();
                ensure!(
                    !given,
                    "a run's checkpoint knows its images; leave out --image-size, --mean and --std"
                );
                // Those were for the run's data set.
                let own = common.dataset.as_ref().is_none_or(|name| *name == cell.dataset);
                let (mean, std) = if own { (cell.mean, cell.std) } else { (None, None) };
                (Some(&cell.dataset), cell.image_size, cell.seed, mean, std)
            }
            None => (None, common.image_size.unwrap_or(32), 0, common.mean, common.std),
        };
        let dataset = common.dataset.as_ref().or(dataset).with_context(|| {
            format!("{}: weights from elsewhere need --dataset NAME", common.checkpoint.display())
        })?;
        let dataset = dataset.clone();
        let set = crate::data::load(&dataset, &place.data)?;
        let set = DataSet { mean: mean.unwrap_or(set.mean), std: std.unwrap_or(set.std), ..set };
        Ok(Self { encoder, dataset, set, image_size: image_size as usize, seed, place })
    }

    pub(super) fn model(&self) -> &Model {
        &self.encoder.model
    }

    pub(super) fn classes(&self) -> i64 {
        self.set.classes() as i64
    }

    pub(super) fn policy(&self, build: fn(usize) -> Policy) -> Policy {
        build(self.image_size).with_normalization(self.set.mean, self.set.std)
    }

    /// Features of the plain probe images.
    pub(super) fn probe(&self) -> Result<Features> {
        self.features(&self.set.probe)
    }

    /// Features of the plain test images.
    pub(super) fn test(&self) -> Result<Features> {
        self.features(&self.set.test)
    }

    fn features(&self, images: &Labeled) -> Result<Features> {
        Features::extract(self.model(), images, &self.policy(Policy::plain), self.place.threads)
    }

    /// The measures without labels, in the views that the encoder was trained on; the published ones for weights from elsewhere.
    pub(super) fn representation(&self) -> Result<Representation> {
        ensure!(self.encoder.head, "representation: expected a projection head, got an encoder alone");
        let views = match &self.encoder.run {
            Some(cell) => cell.views(&self.set),
            None => vec![self.policy(Policy::published), self.policy(Policy::published)],
        };
        let images = self.set.test.images();
        Representation::measure(self.model(), images, &views, self.seed, self.place.threads)
    }

    /// The outcome of the whole probe split (`None`), or, when asked for, of each of its folds.
    pub(super) fn for_each_fold(
        &self,
        folds: bool,
        mut score: impl FnMut(Option<&[u32]>) -> Result<Outcome>,
    ) -> Result<Vec<Outcome>> {
        if !folds {
            return Ok(vec![score(None)?]);
        }
        let name = &self.dataset;
        ensure!(
            !self.set.folds.is_empty(),
            "--folds: {name} has none (stl10 has, with its fold_indices.txt)"
        );
        self.set.folds.iter().map(|fold| score(Some(fold))).collect()
    }

    /// The answer of a classifier: one outcome, or one for each fold.
    pub(super) fn classified(&self, score: &'static str, settings: Value, outcomes: Vec<Outcome>) -> Answer {
        self.answer(score, settings, Found::Classified { classes: self.set.class_names.clone(), outcomes })
    }

    /// The answer of measures by their names.
    pub(super) fn measured(&self, score: &'static str, settings: Value, measures: Value) -> Answer {
        self.answer(score, settings, Found::Measured(measures))
    }

    fn answer(&self, score: &'static str, settings: Value, found: Found) -> Answer {
        let run_id = self.encoder.run.as_ref().map(CellConfig::run_id);
        Answer { score, run_id, dataset: self.dataset.clone(), settings, found }
    }
}
