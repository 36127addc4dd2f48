//! A cell from configuration to row: train or resume, score, report.

use super::epoch::{self, EpochInput};
use super::keeper::Keeper;
use super::place::Place;
use super::resume;
use super::score::{self, Scores};
use super::session::{EpochPart, Session};
use super::views;
use crate::config::{CellConfig, RunOptions};
use crate::interrupt::{Attention, Interrupted};
use crate::machine;
use crate::progress::Progress;
use crate::store::{CellRow, EpochRow, Finished, FolderLock, Status, write_atomic};
use crate::tensorboard::Curves;
use anyhow::{Context, Result, ensure};
use bcl_data::DataSet;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

/// Receives each finished epoch.
pub type OnEpoch<'a> = dyn FnMut(&EpochRow) -> Result<()> + 'a;

/// Where a run's numbers go while it trains.
struct Log<'a, 'b> {
    on_epoch: &'a mut OnEpoch<'b>,
    curves: Curves,
}

/// Runs cells one after another; data sets are loaded once.
#[derive(Debug)]
pub struct Trainer<'a> {
    place: &'a Place,
    sets: HashMap<String, Arc<DataSet>>,
    resume_from: Option<PathBuf>,
    tensorboard: Option<PathBuf>,
}

impl<'a> Trainer<'a> {
    /// Nothing is loaded yet.
    #[must_use]
    pub fn new(place: &'a Place) -> Self {
        Self { place, sets: HashMap::new(), resume_from: None, tensorboard: None }
    }

    /// Goes on from this state, or from the newest one in this folder, instead of the run's own newest.
    #[must_use]
    pub fn resume_from(self, from: Option<PathBuf>) -> Self {
        Self { resume_from: from, ..self }
    }

    /// Writes an event file for each run below this folder.
    #[must_use]
    pub fn tensorboard(self, folder: Option<PathBuf>) -> Self {
        Self { tensorboard: folder, ..self }
    }

    /// Runs a cell, resuming an interrupted try of it, and returns its row and matrices. What goes wrong inside the cell
    /// (a loss that is not finite, memory that does not suffice) makes a failed row.
    ///
    /// # Errors
    /// When going on is of no use for any cell: missing data, files that cannot be read or written, a state of another
    /// configuration, another process in the run's folder; and, as [`Interrupted`], when a signal asked to stop.
    pub fn run(
        &mut self,
        cell: &CellConfig,
        options: RunOptions,
        on_epoch: &mut OnEpoch<'_>,
    ) -> Result<Finished> {
        machine::reset_peak_memory();
        // Before the first tensor of the process there is no peak to reset.
        let _ = bcl_core::device::reset_peak(self.place.device);
        let set = cell.normalized(&*self.data_set(&cell.dataset)?);
        let folder = self.folder(cell)?;
        let _lock = FolderLock::take(&folder, "--runs")?;
        write_atomic(&folder.join("config.json"), (serde_json::to_string_pretty(cell)? + "\n").as_bytes())?;
        let note = |line: &str| eprintln!("  {line}");
        let images = pretrained_images(cell, &set);
        let fresh = || Session::new(cell, self.place, (images / cell.train.batch_pairs) as u64);
        let mut session = match &self.resume_from {
            None => resume::newest(cell, self.place, &fresh, &folder, &note)?,
            Some(from) => resume::chosen(cell, self.place, &fresh, &folder, from, &note)?,
        };
        let curves = Curves::open(self.tensorboard.as_deref(), cell, session.progress.steps)?;
        let mut log = Log { on_epoch, curves };
        let (mut row, mut confusions) = (self.blank_row(cell, &set), Vec::new());
        match self.train_and_score(&mut session, cell, options, &set, &folder, &mut log) {
            Ok(scores) => {
                let unscored = row.clone();
                scores.write_to(&mut row);
                log.curves.scores(session.progress.steps, &unscored, &row)?;
                row.final_loss = session.progress.last_loss.map(|loss| rounded(loss, 6));
                row.wall_s = Some(rounded(session.progress.wall_s + scores.wall_s, 1));
                row.views_per_s = Some(rounded(session.progress.views as f64 / session.progress.wall_s, 1));
                confusions = scores.confusions(&set.class_names);
            }
            Err(error) if error.is::<Interrupted>() => return Err(error),
            Err(error) if error.chain().any(|cause| cause.is::<std::io::Error>()) => return Err(error),
            Err(error) => {
                row.status = Status::Failed;
                row.error = Some(format!("{error:#}"));
            }
        }
        row.peak_mem_mb = machine::peak_memory_mb().map(|megabytes| rounded(megabytes, 0));
        let device = bcl_core::device::memory(self.place.device).ok().flatten();
        row.peak_device_mb = device.map(|memory| rounded(memory.peak as f64 / 1e6, 0));
        row.finished_at = machine::utc_now();
        Ok(Finished { row, confusions })
    }

    fn train_and_score(
        &self,
        session: &mut Session,
        cell: &CellConfig,
        options: RunOptions,
        set: &DataSet,
        folder: &Path,
        log: &mut Log<'_, '_>,
    ) -> Result<Scores> {
        let pretrain = score::pretrain_images(set, cell)?;
        let total = cell.train.epochs;
        let batches = (pretrain.len() / cell.train.batch_pairs) as u64;
        ensure!(
            batches > 0,
            "{} has {} images, fewer than a batch of {} pairs",
            cell.dataset,
            pretrain.len(),
            cell.train.batch_pairs
        );
        let done = session.progress.steps;
        let mut progress = Progress::new(&cell.loss.estimator, done, u64::from(total) * batches);
        let mut keeper = Keeper::new(cell, self.place, folder, options, done);
        let begun = session.progress.part.batches;
        let mut loader = views::loader(cell, self.place, set, pretrain, session.progress.epochs, begun)?;
        let attention = Attention::begin();
        while session.progress.epochs < total {
            let alpha = self.begin_epoch(session, cell, set)?;
            let loss = cell.loss.build(alpha)?;
            let input = EpochInput { cell, place: self.place, loss: loss.as_ref(), alpha, folder };
            let mean_loss =
                epoch::run(session, &input, &mut loader, &mut keeper, &mut progress, &mut log.curves)?;
            loader.next_epoch();
            let row = self.end_epoch(session, cell, options, set, mean_loss)?;
            (log.on_epoch)(&row)?;
            log.curves.epoch(session.progress.steps, &row)?;
            keeper.after_epoch(session)?;
        }
        drop(attention);
        progress.finish();
        score::all(session.scored(), set, cell, self.place)
    }

    /// The location for the epoch that begins, or that of one that a resumed run is in the midst of.
    fn begin_epoch(&self, session: &mut Session, cell: &CellConfig, set: &DataSet) -> Result<Option<f64>> {
        let Session { model, optimization, progress } = session;
        if progress.part.batches > 0 {
            return Ok(progress.location.alpha());
        }
        let begun = Instant::now();
        let measure = || score::oracle_auc(optimization.scored(model), set, cell, self.place);
        let alpha = progress.location.begin_epoch(&cell.loss, progress.epochs, cell.train.epochs, measure)?;
        progress.wall_s += begun.elapsed().as_secs_f64();
        Ok(alpha)
    }

    /// Counts the epoch as finished, looks at the encoder if it is time to, and reports.
    fn end_epoch(
        &self,
        session: &mut Session,
        cell: &CellConfig,
        options: RunOptions,
        set: &DataSet,
        mean_loss: f64,
    ) -> Result<EpochRow> {
        let Session { model, optimization, progress } = session;
        let EpochPart { views, wall_s, waited_s, .. } = std::mem::take(&mut progress.part);
        progress.epochs += 1;
        progress.views += views;
        progress.last_loss = Some(mean_loss);
        progress.wall_s += wall_s;
        let looks = options.knn_every > 0 && progress.epochs.is_multiple_of(options.knn_every);
        let mut row = EpochRow {
            run_id: cell.run_id(),
            estimator: cell.loss.estimator.clone(),
            seed: cell.seed,
            epoch: progress.epochs,
            alpha: progress.location.alpha().map(|alpha| rounded(alpha, 6)),
            loss: rounded(mean_loss, 6),
            knn_top1: None,
            alignment: None,
            uniformity: None,
            feature_std: None,
            effective_rank: None,
            learning_rate: rounded(optimization.learning_rate(), 10),
            views_per_s: rounded(views as f64 / wall_s, 1),
            data_wait_pct: rounded(100.0 * waited_s / wall_s, 2),
            wall_s: rounded(wall_s, 2),
        };
        if looks {
            score::online(optimization.scored(model), set, cell, self.place)?.write_to(&mut row);
        }
        progress.last_knn = row.knn_top1.or(progress.last_knn);
        Ok(row)
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

    /// The run's own folder.
    fn folder(&self, cell: &CellConfig) -> Result<PathBuf> {
        let folder = self.place.runs.join(cell.run_id());
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        Ok(folder)
    }

    fn blank_row(&self, cell: &CellConfig, set: &DataSet) -> CellRow {
        let loss = &cell.loss;
        CellRow {
            run_id: cell.run_id(),
            status: Status::Ok,
            dataset: cell.dataset.clone(),
            pretrain_images: pretrained_images(cell, set) as u64,
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
            protocol: cell.eval.protocol(),
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
            peak_device_mb: None,
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

/// How many images a cell trains on.
fn pretrained_images(cell: &CellConfig, set: &DataSet) -> usize {
    cell.pretrain_images.map_or(set.pretrain.len(), |limit| limit.min(set.pretrain.len()))
}

/// Rounded to `digits` after the point: rows hold what is meant, not what a float happens to be.
pub(crate) fn rounded(value: f64, digits: i32) -> f64 {
    let scale = 10f64.powi(digits);
    (value * scale).round() / scale
}
