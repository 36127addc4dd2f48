//! A cell from configuration to row: train or resume, score, report.

use super::epoch::{self, EpochInput};
use super::place::Place;
use super::score::{self, Scores};
use super::session::Session;
use super::views;
use crate::config::{CellConfig, RunOptions};
use crate::machine;
use crate::progress::Progress;
use crate::store::{CellRow, EpochRow, Status};
use anyhow::{Context, Result, ensure};
use bcl_data::DataSet;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

/// Receives each finished epoch.
pub type OnEpoch<'a> = dyn FnMut(&EpochRow) -> Result<()> + 'a;

/// Runs cells one after another; data sets are loaded once.
#[derive(Debug)]
pub struct Trainer<'a> {
    place: &'a Place,
    sets: HashMap<String, Arc<DataSet>>,
}

impl<'a> Trainer<'a> {
    /// Nothing is loaded yet.
    #[must_use]
    pub fn new(place: &'a Place) -> Self {
        Self { place, sets: HashMap::new() }
    }

    /// Runs a cell, resuming an interrupted try of it, and returns its row. What goes wrong inside the cell
    /// (a loss that is not finite, memory that does not suffice) makes a failed row.
    ///
    /// # Errors
    /// When going on is of no use for any cell: missing data, files that cannot be read or written.
    pub fn run(
        &mut self,
        cell: &CellConfig,
        options: RunOptions,
        on_epoch: &mut OnEpoch<'_>,
    ) -> Result<CellRow> {
        machine::reset_peak_memory();
        let set = cell.normalized(&*self.data_set(&cell.dataset)?);
        let folder = self.folder(cell)?;
        let mut row = self.blank_row(cell, &set);
        match self.train_and_score(cell, options, &set, &folder, on_epoch) {
            Ok((session, scores)) => {
                row.final_loss = session.progress.last_loss.map(|loss| rounded(loss, 6));
                row.wall_s = Some(rounded(session.progress.wall_s + scores.wall_s, 1));
                row.views_per_s = Some(rounded(session.progress.views as f64 / session.progress.wall_s, 1));
                scores.write_to(&mut row);
            }
            Err(error) if error.chain().any(|cause| cause.is::<std::io::Error>()) => return Err(error),
            Err(error) => {
                row.status = Status::Failed;
                row.error = Some(format!("{error:#}"));
            }
        }
        row.peak_mem_mb = machine::peak_memory_mb().map(|megabytes| rounded(megabytes, 0));
        row.finished_at = machine::utc_now();
        Ok(row)
    }

    fn train_and_score(
        &self,
        cell: &CellConfig,
        options: RunOptions,
        set: &DataSet,
        folder: &Path,
        on_epoch: &mut OnEpoch<'_>,
    ) -> Result<(Session, Scores)> {
        let pretrain = score::pretrain_images(set, cell)?;
        let mut session = Session::resume(cell, self.place, folder, &|line| eprintln!("  {line}"))?;
        let total = cell.train.epochs;
        let batches = (pretrain.len() / cell.train.batch_pairs) as u64;
        ensure!(
            batches > 0,
            "{} has {} images, fewer than a batch of {} pairs",
            cell.dataset,
            pretrain.len(),
            cell.train.batch_pairs
        );
        let first = session.progress.epochs;
        let mut progress =
            Progress::new(&cell.loss.estimator, u64::from(first) * batches, u64::from(total) * batches);
        let mut loader = views::loader(cell, self.place, set, pretrain, first)?;
        for epoch in first..total {
            let begun = Instant::now();
            let mut location = session.progress.location.clone();
            let alpha = location.begin_epoch(&cell.loss, epoch, total, || {
                score::oracle_auc(&session.model, set, cell, self.place)
            })?;
            session.progress.location = location;
            let loss = cell.loss.build(alpha)?;
            let input = EpochInput { cell, place: self.place, loss: loss.as_ref(), alpha, epoch, folder };
            let result = epoch::run(&mut session, &input, &mut loader, &mut progress)?;
            loader.next_epoch();
            let state = &mut session.progress;
            state.epochs = epoch + 1;
            state.views += result.views;
            state.last_loss = Some(result.mean_loss);
            state.wall_s += begun.elapsed().as_secs_f64();
            let looks = options.knn_every > 0 && (epoch + 1) % options.knn_every == 0;
            let mut row = EpochRow {
                run_id: cell.run_id(),
                estimator: cell.loss.estimator.clone(),
                seed: cell.seed,
                epoch: epoch + 1,
                alpha: alpha.map(|alpha| rounded(alpha, 6)),
                loss: rounded(result.mean_loss, 6),
                knn_top1: None,
                alignment: None,
                uniformity: None,
                feature_std: None,
                effective_rank: None,
                learning_rate: session.adam.learning_rate(),
                views_per_s: rounded(result.views as f64 / result.wall.as_secs_f64(), 1),
                data_wait_pct: rounded(100.0 * result.waited.as_secs_f64() / result.wall.as_secs_f64(), 2),
                wall_s: rounded(result.wall.as_secs_f64(), 2),
            };
            if looks {
                score::online(&session.model, set, cell, self.place)?.write_to(&mut row);
            }
            on_epoch(&row)?;
            if (epoch + 1) % options.checkpoint_every == 0 || epoch + 1 == total {
                session.save(folder, cell)?;
            }
        }
        progress.finish();
        let scores = score::all(&session.model, set, cell, self.place)?;
        Ok((session, scores))
    }

    /// Loads a data set once.
    pub(crate) fn data_set(&mut self, name: &str) -> Result<Arc<DataSet>> {
        if let Some(set) = self.sets.get(name) {
            return Ok(Arc::clone(set));
        }
        let set = Arc::new(crate::data::load(name, &self.place.data)?);
        self.sets.insert(name.to_owned(), Arc::clone(&set));
        Ok(set)
    }

    /// The run's own folder, with its resolved configuration.
    fn folder(&self, cell: &CellConfig) -> Result<PathBuf> {
        let folder = self.place.runs.join(cell.run_id());
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        let path = folder.join("config.json");
        let json = serde_json::to_string_pretty(cell)? + "\n";
        std::fs::write(&path, json).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(folder)
    }

    fn blank_row(&self, cell: &CellConfig, set: &DataSet) -> CellRow {
        let loss = &cell.loss;
        let images = cell.pretrain_images.map_or(set.pretrain.len(), |limit| limit.min(set.pretrain.len()));
        CellRow {
            run_id: cell.run_id(),
            status: Status::Ok,
            dataset: cell.dataset.clone(),
            pretrain_images: images as u64,
            image_size: cell.image_size,
            encoder: cell.encoder.label(),
            feature_dim: cell.encoder.feature_dim as u32,
            precision: cell.encoder.precision.clone(),
            estimator: loss.estimator.clone(),
            alpha: loss.alpha,
            alpha_source: loss.alpha_source.map(|source| source.name().to_owned()),
            beta: loss.beta,
            hcl_beta: loss.hcl_beta,
            tau_plus: loss.tau_plus,
            variant: loss.variant(),
            temperature: loss.temperature,
            batch_pairs: cell.train.batch_pairs as u32,
            epochs: cell.train.epochs,
            seed: cell.seed,
            protocol: cell
                .eval
                .linear_epochs
                .map_or_else(|| cell.eval.linear.clone(), |epochs| format!("{}-{epochs}", cell.eval.linear)),
            knn_k: Some(cell.eval.knn_k),
            knn_t: Some(cell.eval.knn_t),
            knn_top1: None,
            linear_top1: None,
            linear_top5: None,
            macro_auc: None,
            alignment: None,
            uniformity: None,
            feature_std: None,
            effective_rank: None,
            final_loss: None,
            wall_s: None,
            views_per_s: None,
            peak_mem_mb: None,
            device: self.place.device_name(),
            threads: self.place.threads as u32,
            libtorch: bcl_core::libtorch::version()
                .unwrap_or_else(|| bcl_core::libtorch::EXPECTED_VERSION.into()),
            git: machine::git_revision(),
            finished_at: String::new(),
            error: None,
        }
    }
}

/// Rounded to `digits` after the point: rows hold what is meant, not what a float happens to be.
pub(crate) fn rounded(value: f64, digits: i32) -> f64 {
    let scale = 10f64.powi(digits);
    (value * scale).round() / scale
}
