//! From an experiment file to cells: defaults, checks, the product of each grid's lists.

use super::cell::{CellConfig, EncoderSpec, EvalSpec, TrainSpec};
use super::loss::LossRequest;
use super::optimizer::{OptimizerSpec, ScheduleSpec};
use super::wire::{ExperimentFile, GridTable};
use crate::eval::linear::PENALTY;
use crate::sweep;
use anyhow::{Context, Result, bail, ensure};
use bcl_models::{Arch, Precision, Stem};
use std::collections::HashSet;
use std::path::Path;

/// What a sweep needs: the cells, and what does not change their results.
#[derive(Debug, Clone, PartialEq)]
pub struct Experiment {
    /// Folder under `results/`.
    pub name: String,
    /// One sentence.
    pub description: String,
    /// The cells in order, each once.
    pub cells: Vec<CellConfig>,
    /// Settings that change no result.
    pub options: RunOptions,
}

/// Settings of a run that change no result and so do not name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunOptions {
    /// Save a resumable state each so many epochs.
    pub checkpoint_every: u32,
    /// And each so many steps; 0: not by steps.
    pub checkpoint_steps: u64,
    /// And after so many minutes; 0: not by time.
    pub checkpoint_minutes: u32,
    /// Score by kNN each so many epochs; 0 only at the end.
    pub knn_every: u32,
}

/// Resolves a parsed file. `device` decides what `precision = "auto"` means; a folder data set is looked at in `data`, for its
/// number of classes.
///
/// # Errors
/// On any value out of range, with the table and key it stands in.
pub fn resolve(file: &ExperimentFile, data: &Path, device: tch::Device) -> Result<Experiment> {
    ensure!(file.train.checkpoint_every >= 1, "train.checkpoint_every: expected at least 1, got 0");
    let mut cells = Vec::new();
    let mut seen = HashSet::new();
    for (index, grid) in file.grid.iter().enumerate() {
        let expanded = expand(grid);
        ensure!(!expanded.is_empty(), "[[grid]] {}: an empty list leaves no cell", index + 1);
        for (request, seed) in expanded {
            let cell = resolve_cell(file, &request, seed, data, device)
                .with_context(|| format!("[[grid]] {} of the experiment", index + 1))?;
            if seen.insert(cell.run_id()) {
                cells.push(cell);
            }
        }
    }
    let options = RunOptions {
        checkpoint_every: file.train.checkpoint_every,
        checkpoint_steps: file.train.checkpoint_steps,
        checkpoint_minutes: file.train.checkpoint_minutes,
        knn_every: file.eval.knn_every,
    };
    Ok(Experiment { name: file.name.clone(), description: file.description.clone(), cells, options })
}

/// Resolves one cell: the tables of `file` with the loss of `request`.
///
/// # Errors
/// On an unknown name or a value out of range.
pub fn resolve_cell(
    file: &ExperimentFile,
    request: &LossRequest,
    seed: u64,
    data: &Path,
    device: tch::Device,
) -> Result<CellConfig> {
    let classes = bcl_data::catalog::classes(&file.data.dataset, data)?;
    let (encoder, train, eval) = (&file.encoder, &file.train, &file.eval);
    let arch: Arch = encoder.arch.parse()?;
    let stem: Stem = encoder.stem.parse()?;
    let precision: Precision = encoder.precision.parse()?;
    let linear_epochs = match eval.linear.as_str() {
        "published" => Some(eval.linear_epochs),
        "cached" | "none" => None,
        other => bail!("eval.linear: expected cached, published or none, got {other:?}"),
    };
    ensure!(
        eval.linear_penalty.is_none() || eval.linear == "cached",
        "eval.linear_penalty: expected it with linear = \"cached\" only, got it with {:?}",
        eval.linear
    );
    let cell = CellConfig {
        dataset: file.data.dataset.clone(),
        mean: file.data.mean,
        std: file.data.std,
        pretrain_images: file.data.pretrain_images,
        image_size: file.data.image_size,
        augment: file.augment.resolve(file.data.image_size)?,
        encoder: EncoderSpec {
            arch: arch.to_string(),
            width: encoder.width,
            stem: stem.to_string(),
            hidden: encoder.hidden,
            feature_dim: encoder.feature_dim,
            precision: precision.resolve(device).to_string(),
        },
        train: TrainSpec {
            epochs: train.epochs,
            batch_pairs: train.batch_pairs,
            micro_pairs: train.micro_pairs.filter(|&micro| micro < train.batch_pairs),
            learning_rate: train.learning_rate,
            weight_decay: train.weight_decay,
            optimizer: OptimizerSpec::resolve(train)?,
            schedule: ScheduleSpec::resolve(train)?,
            clip_norm: train.clip_norm,
            ema: train.ema,
        },
        loss: request.resolve(1.0 / classes as f64)?,
        eval: EvalSpec {
            knn_k: eval.knn_k,
            knn_t: eval.knn_t,
            linear: eval.linear.clone(),
            linear_penalty: eval.linear_penalty.filter(|&penalty| penalty != PENALTY),
            linear_epochs,
            auc_anchors: eval.auc_anchors,
        },
        seed,
    };
    cell.validate()?;
    Ok(cell)
}

/// The product of a grid's lists, the seed varying fastest.
fn expand(grid: &GridTable) -> Vec<(LossRequest, u64)> {
    use sweep::axis;
    let seeds = grid.seed.as_ref().map_or_else(|| vec![0], super::wire::OneOrMany::values);
    let mut requests = vec![LossRequest::default()];
    requests = axis(&requests, Some(&grid.estimator), |cell, value| cell.estimator = value);
    requests = axis(&requests, grid.formulation.as_ref(), |cell, value| cell.formulation = Some(value));
    requests = axis(&requests, grid.compat.as_ref(), |cell, value| cell.compat = Some(value));
    requests = axis(&requests, grid.temperature.as_ref(), |cell, value| cell.temperature = Some(value));
    requests = axis(&requests, grid.tau_plus.as_ref(), |cell, value| cell.tau_plus = Some(value));
    requests = axis(&requests, grid.hcl_beta.as_ref(), |cell, value| cell.hcl_beta = Some(value));
    requests = axis(&requests, grid.alpha_source.as_ref(), |cell, value| cell.alpha_source = Some(value));
    requests = axis(&requests, grid.alpha_every.as_ref(), |cell, value| cell.alpha_every = Some(value));
    requests = axis(&requests, grid.alpha.as_ref(), |cell, value| cell.alpha = Some(value));
    requests = axis(&requests, grid.beta.as_ref(), |cell, value| cell.beta = Some(value));
    requests.iter().flat_map(|request| seeds.iter().map(|&seed| (request.clone(), seed))).collect()
}
