//! A run between two epochs: model, optimizer, location, and what it cost so far; saved and restored whole.

use super::location::LocationState;
use super::place::Place;
use crate::config::CellConfig;
use anyhow::{Context, Result, ensure};
use bcl_models::{Adam, AdamConfig, Checkpoint, EncoderConfig, Model, ModelConfig};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Older states kept beside the newest, in case that one is damaged.
const KEPT: usize = 2;

/// The state of a run.
pub(super) struct Session {
    pub(super) model: Model,
    pub(super) adam: Adam,
    pub(super) progress: Progressed,
}

/// What a checkpoint holds besides tensors.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Progressed {
    /// Epochs finished.
    pub(super) epochs: u32,
    /// Wall-clock seconds spent training.
    pub(super) wall_s: f64,
    /// Views trained on.
    pub(super) views: u64,
    /// Mean loss of the last epoch.
    pub(super) last_loss: Option<f64>,
    /// Location of BCL.
    pub(super) location: LocationState,
}

/// The model of a saved state, with the configuration it was trained by.
///
/// # Errors
/// When the file is missing, damaged, or does not hold what a run saves.
pub fn load_model(path: &Path, place: &Place) -> Result<(CellConfig, Model)> {
    let checkpoint = Checkpoint::load(path)?;
    let text = checkpoint.metadata.get("config").with_context(|| {
        format!("{}: expected a checkpoint of a run, got one without its configuration", path.display())
    })?;
    let cell: CellConfig =
        serde_json::from_str(text).with_context(|| format!("{}: damaged configuration", path.display()))?;
    let mut model = new_model(&cell, place)?;
    model.load(&checkpoint).with_context(|| path.display().to_string())?;
    Ok((cell, model))
}

fn new_model(cell: &CellConfig, place: &Place) -> Result<Model> {
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
    Ok(Model::new(&config, cell.seed, place.device)?)
}

impl Session {
    /// A fresh run.
    pub(super) fn new(cell: &CellConfig, place: &Place) -> Result<Self> {
        let model = new_model(cell, place)?;
        let adam = AdamConfig {
            lr: cell.train.learning_rate,
            weight_decay: cell.train.weight_decay,
            ..AdamConfig::default()
        };
        let adam = Adam::new(&model, adam)?;
        Ok(Self { model, adam, progress: Progressed::default() })
    }

    /// Restores the newest undamaged state in `folder`, if there is one; says so through `note`.
    pub(super) fn resume(
        cell: &CellConfig,
        place: &Place,
        folder: &Path,
        note: &dyn Fn(&str),
    ) -> Result<Self> {
        let mut session = Self::new(cell, place)?;
        for (epochs, path) in states(folder)?.into_iter().rev() {
            match session.restore(&path, cell) {
                Ok(()) => {
                    note(&format!("resuming after epoch {epochs}"));
                    return Ok(session);
                }
                Err(error) => {
                    note(&format!("{error:#}; trying an older state"));
                    session = Self::new(cell, place)?; // a half-restored model is of no use
                }
            }
        }
        Ok(session)
    }

    /// Saves the state after an epoch and drops old ones.
    pub(super) fn save(&self, folder: &Path, cell: &CellConfig) -> Result<()> {
        let path = folder.join(format!("epoch-{:04}.safetensors", self.progress.epochs));
        let metadata = BTreeMap::from([
            ("run_id".to_owned(), cell.run_id()),
            ("config".to_owned(), serde_json::to_string(cell)?),
            ("progress".to_owned(), serde_json::to_string(&self.progress)?),
        ]);
        let mut tensors = self.model.named_tensors();
        tensors.extend(self.adam.named_state()?);
        Checkpoint { tensors, metadata }.save(&path)?;
        let states = states(folder)?;
        for (_, old) in states.iter().take(states.len().saturating_sub(KEPT)) {
            // An old state too many does no harm.
            let _ = std::fs::remove_file(old);
        }
        Ok(())
    }

    fn restore(&mut self, path: &Path, cell: &CellConfig) -> Result<()> {
        let checkpoint = Checkpoint::load(path)?;
        let entry = |name: &str| {
            checkpoint
                .metadata
                .get(name)
                .with_context(|| format!("{}: no {name} in the metadata", path.display()))
        };
        let (found, expected) = (entry("run_id")?, cell.run_id());
        ensure!(*found == expected, "{}: expected the state of run {expected}, got {found}", path.display());
        let progress = serde_json::from_str(entry("progress")?)
            .with_context(|| format!("{}: damaged metadata", path.display()))?;
        self.model.load(&checkpoint)?;
        self.adam.load(&checkpoint)?;
        self.progress = progress;
        Ok(())
    }
}

/// The saved states, oldest first.
fn states(folder: &Path) -> Result<Vec<(u32, PathBuf)>> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut states = Vec::new();
    for entry in entries {
        let path = entry.with_context(|| format!("cannot read {}", folder.display()))?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let epochs = name.strip_prefix("epoch-").and_then(|name| name.strip_suffix(".safetensors"));
        if let Some(epochs) = epochs.and_then(|epochs| epochs.parse().ok()) {
            states.push((epochs, path));
        }
    }
    states.sort();
    Ok(states)
}
