//! `bcl-exp --grid [FILE]`: expands an experiment and runs every cell that has not ended yet.

use crate::config::{self, CellConfig, Experiment};
use crate::interrupt;
use crate::machine;
use crate::progress::duration;
use crate::report;
use crate::store::{CellRow, Status, Store, read_cells};
use crate::train::{RunFlags, TrainFlags, Trainer};
use anyhow::{Result, bail};
use bcl_core::evaluation::Memory;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Options of `bcl-exp --grid`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where results are kept; a folder for each experiment
    #[arg(long, value_name = "DIR", default_value = "results")]
    pub results: PathBuf,
    /// Print the cells, and what is left to do, without running them
    #[arg(long)]
    pub dry_run: bool,
    /// Run cells again that failed before
    #[arg(long)]
    pub retry_failed: bool,
    /// Where and with what to run
    #[command(flatten)]
    pub run: RunFlags,
    /// What makes the views, and what is logged
    #[command(flatten)]
    pub training: TrainFlags,
}

/// Runs or resumes the sweep in `file`, then prints its tables.
///
/// # Errors
/// On a bad experiment file, results that another process is writing, missing data, a full disk, and, at the
/// end, when cells failed.
pub fn run(file: &Path, args: &Args) -> Result<()> {
    let place = args.run.place()?.augmenting(&args.training);
    let experiment = config::resolve(&config::load(file)?, &place.data, place.device)?;
    if args.dry_run {
        return dry_run(&experiment, args);
    }
    interrupt::listen()?;
    let mut trainer = Trainer::new(&place).tensorboard(args.training.tensorboard.clone());
    // Missing data is told before anything is written or trained.
    let rows = rows(&experiment, args)?;
    for cell in &experiment.cells {
        if !rows.iter().any(|row| row.run_id == cell.run_id()) {
            trainer.data_set(&cell.dataset)?;
        }
    }
    let mut store = Store::open(&args.results, &experiment.name)?;
    let failed = run_cells(&experiment, &mut store, args, &mut trainer)?;

    let rendered = report::render(store.folder())?;
    println!("{}", rendered.summary);
    println!("written to {}:", store.folder().display());
    for name in ["cells.csv", "epochs.csv"] {
        println!("  {}", store.folder().join(name).display());
    }
    for path in &rendered.files {
        println!("  {}", path.display());
    }
    if failed > 0 {
        bail!("{failed} cell(s) failed; see the error column of cells.csv, --retry-failed runs them again");
    }
    Ok(())
}

/// Runs what is left; returns how many cells of the experiment have failed, now or before.
fn run_cells(
    experiment: &Experiment,
    store: &mut Store,
    args: &Args,
    trainer: &mut Trainer<'_>,
) -> Result<usize> {
    let total = experiment.cells.len();
    let open = |store: &Store, id: &str| match store.status(id) {
        None => true,
        Some(Status::Failed) => args.retry_failed,
        Some(Status::Ok) => false,
    };
    let left = experiment.cells.iter().filter(|cell| open(store, &cell.run_id())).count();
    eprintln!("{}: {total} cells, {} done, {left} to run", experiment.name, total - left);
    let begun = Instant::now();
    let mut ran = 0;
    for (index, cell) in experiment.cells.iter().enumerate() {
        let id = cell.run_id();
        if !open(store, &id) {
            continue;
        }
        eprintln!("[{}/{total}] {} ({id})", index + 1, cell.label());
        let finished = trainer.run(cell, experiment.options, &mut |epoch| store.append_epoch(epoch))?;
        store.append(&finished)?;
        ran += 1;
        let row = finished.row;
        match (&row.error, row.knn_top1, row.linear_top1) {
            (Some(error), ..) => eprintln!("[{}/{total}] FAILED: {error}", index + 1),
            (None, knn, linear) => {
                let percent = |value: Option<f64>| value.map_or("-".into(), |value| format!("{value:.2} %"));
                let per_cell = begun.elapsed().as_secs_f64() / f64::from(ran);
                eprintln!(
                    "[{}/{total}] kNN {}, linear {}; {} left",
                    index + 1,
                    percent(knn),
                    percent(linear),
                    duration(per_cell * (left as f64 - f64::from(ran))),
                );
            }
        }
    }
    Ok(experiment.cells.iter().filter(|cell| store.status(&cell.run_id()) == Some(Status::Failed)).count())
}

/// The rows so far, read without taking the lock.
fn rows(experiment: &Experiment, args: &Args) -> Result<Vec<CellRow>> {
    let cells = args.results.join(&experiment.name).join("cells.csv");
    if cells.exists() { read_cells(&cells) } else { Ok(Vec::new()) }
}

/// Prints the cells and their state.
fn dry_run(experiment: &Experiment, args: &Args) -> Result<()> {
    let rows = rows(experiment, args)?;
    println!("{}: {} cells", experiment.name, experiment.cells.len());
    for cell in &experiment.cells {
        let id = cell.run_id();
        let state = match rows.iter().rev().find(|row| row.run_id == id) {
            None => "to run".to_owned(),
            Some(row) if row.status == Status::Failed => "failed".to_owned(),
            Some(row) => row.wall_s.map_or("done".into(), |seconds| format!("done in {}", duration(seconds))),
        };
        println!("  {id}  {:<58} {state}", cell.label());
    }
    let threads = args.run.threads.unwrap_or_else(machine::default_threads);
    let of_loss = |cell: &CellConfig| {
        Memory::two_views(cell.train.batch_pairs, cell.encoder.feature_dim as usize, threads).total()
    };
    if let Some(bytes) = experiment.cells.iter().map(of_loss).max() {
        println!("the loss takes {:.1} MB beside its embeddings on a processor", bytes as f64 / 1e6);
    }
    let each: Vec<f64> = rows.iter().filter_map(|row| row.wall_s).collect();
    let left =
        experiment.cells.iter().filter(|cell| !rows.iter().any(|row| row.run_id == cell.run_id())).count();
    if each.is_empty() {
        println!("{left} to run; the cost is known once one has run");
    } else {
        let mean = each.iter().sum::<f64>() / each.len() as f64;
        let memory = rows.iter().filter_map(|row| row.peak_mem_mb).fold(0.0, f64::max);
        println!(
            "{left} to run, about {} at {} a cell; memory {memory:.0} MB",
            duration(mean * left as f64),
            duration(mean)
        );
    }
    Ok(())
}
