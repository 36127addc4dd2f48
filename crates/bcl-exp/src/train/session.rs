//! The state of a run between two steps: model, optimizer, location, sums of the epoch begun, and what it cost so far;
//! saved and restored whole.

use super::location::LocationState;
use super::optimization::Optimization;
use super::place::Place;
use super::running_sum::RunningSum;
use super::states;
use crate::config::{CellConfig, differences};
use anyhow::{Context, Result, ensure};
use bcl_models::{Checkpoint, Ema, EncoderConfig, Model, ModelConfig};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tch::Device;

/// The state of a run.
pub(super) struct Session {
    pub(super) model: Model,
    pub(super) optimization: Optimization,
    pub(super) progress: Progressed,
}

/// What a checkpoint holds besides tensors.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Progressed {
    /// Batches trained on, in all epochs.
    pub(super) steps: u64,
    /// Epochs finished.
    pub(super) epochs: u32,
    /// The epoch that has begun.
    pub(super) part: EpochPart,
    /// Wall-clock seconds spent training, of finished epochs.
    pub(super) wall_s: f64,
    /// Views trained on, in finished epochs.
    pub(super) views: u64,
    /// Mean loss of the last finished epoch.
    pub(super) last_loss: Option<f64>,
    /// The last kNN accuracy, per cent.
    pub(super) last_knn: Option<f64>,
    /// Location of BCL.
    pub(super) location: LocationState,
}

/// How far an epoch has come.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct EpochPart {
    /// Its batches trained on.
    pub(super) batches: u64,
    /// Their views.
    pub(super) views: u64,
    /// The sum of their losses.
    pub(super) loss: RunningSum,
    /// Wall-clock seconds they took.
    pub(super) wall_s: f64,
    /// Seconds of these waiting for data.
    pub(super) waited_s: f64,
}

/// A state that belongs to a run of another configuration.
#[derive(Debug)]
pub struct OtherConfiguration {
    /// The state.
    pub path: PathBuf,
    /// Key by key: expected, got.
    pub differences: Vec<String>,
}

impl std::fmt::Display for OtherConfiguration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: the state of another configuration:", self.path.display())?;
        self.differences.iter().try_for_each(|line| write!(f, "\n  {line}"))
    }
}

impl std::error::Error for OtherConfiguration {}

/// The model of a saved state (the average where the run keeps one), with the configuration it was trained by; `None` for
/// a checkpoint that no run has made. `path` is for messages.
///
/// # Errors
/// When the checkpoint does not hold what a run saves.
pub fn model_of(checkpoint: &Checkpoint, path: &Path, device: Device) -> Result<Option<(CellConfig, Model)>> {
    if !checkpoint.metadata.contains_key("config") {
        return Ok(None);
    }
    let cell = configuration(checkpoint, path)?;
    let mut model = new_model(&cell, device)?;
    match cell.train.ema {
        Some(_) => model.load(&Ema::part_of(checkpoint)),
        None => model.load(checkpoint),
    }
    .with_context(|| path.display().to_string())?;
    Ok(Some((cell, model)))
}

fn configuration(checkpoint: &Checkpoint, path: &Path) -> Result<CellConfig> {
    let text = checkpoint.metadata.get("config").with_context(|| {
        format!("{}: expected a checkpoint of a run, got one without its configuration", path.display())
    })?;
    serde_json::from_str(text).with_context(|| format!("{}: damaged configuration", path.display()))
}

fn new_model(cell: &CellConfig, device: Device) -> Result<Model> {
    let encoder = &cell.encoder;
    let config = ModelConfig {
        encoder: EncoderConfig {
            arch: encoder.arch.parse()?,
            width: encoder.width,
            stem: encoder.stem.parse()?,
            in_channels: 3,
        },
        hidden: encoder.hidden,
        feature_dim: encoder.feature_dim,
        precision: encoder.precision.parse()?,
    };
    Ok(Model::new(&config, cell.seed, device)?)
}

impl Session {
    /// The model that is scored.
    pub(super) fn scored(&self) -> &Model {
        self.optimization.scored(&self.model)
    }

    /// A fresh run.
    pub(super) fn new(cell: &CellConfig, place: &Place, steps_per_epoch: u64) -> Result<Self> {
        let model = new_model(cell, place.device)?;
        let optimization = Optimization::new(cell, &model, steps_per_epoch)?;
        Ok(Self { model, optimization, progress: Progressed::default() })
    }

    /// Saves the state and drops old ones; returns its file.
    pub(super) fn save(&self, folder: &Path, cell: &CellConfig, place: &Place) -> Result<PathBuf> {
        let path = states::path(folder, self.progress.steps);
        let metadata = BTreeMap::from([
            ("run_id".to_owned(), cell.run_id()),
            ("config".to_owned(), serde_json::to_string(cell)?),
            ("progress".to_owned(), serde_json::to_string(&self.progress)?),
            ("made_on".to_owned(), made_on(place)),
        ]);
        let mut tensors = self.model.named_tensors();
        tensors.extend(self.optimization.named_state()?);
        Checkpoint { tensors, metadata }.save(&path)?;
        states::drop_old(folder)?;
        Ok(path)
    }

    /// Takes a saved state; says through `note` when it cannot be gone on with to the bit.
    ///
    /// # Errors
    /// When it is damaged or, as [`OtherConfiguration`], of another run. The session is then of no further use.
    pub(super) fn restore(
        &mut self,
        path: &Path,
        cell: &CellConfig,
        place: &Place,
        note: &dyn Fn(&str),
    ) -> Result<()> {
        let checkpoint = Checkpoint::load(path)?;
        let differences = differences(cell, &configuration(&checkpoint, path)?)?;
        if !differences.is_empty() {
            return Err(OtherConfiguration { path: path.to_owned(), differences }.into());
        }
        let entry = |name: &str| {
            let entry = checkpoint.metadata.get(name);
            entry.with_context(|| format!("{}: no {name} in the metadata", path.display()))
        };
        self.progress = serde_json::from_str(entry("progress")?)
            .with_context(|| format!("{}: damaged metadata", path.display()))?;
        ensure!(
            self.progress.epochs <= cell.train.epochs,
            "{}: expected at most {} epochs, got {}",
            path.display(),
            cell.train.epochs,
            self.progress.epochs
        );
        self.model.load(&checkpoint).with_context(|| path.display().to_string())?;
        self.optimization.load(&checkpoint).with_context(|| path.display().to_string())?;
        let (expected, got) = (made_on(place), entry("made_on")?);
        if *got != expected {
            note(&format!("this state was made on {got}, this is {expected}: the last bits will differ"));
        }
        Ok(())
    }
}

/// What the last bits depend on besides the configuration.
fn made_on(place: &Place) -> String {
    format!("{} with {} thread(s)", place.device_name(), place.threads)
}
