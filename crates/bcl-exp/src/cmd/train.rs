//! `bcl-exp train`: one run from flags, its result as a row and a line.

use super::loss::LossFlags;
use crate::config::augment::AugmentTable;
use crate::config::wire::{DataTable, EncoderTable, EvalTable, ExperimentFile, TrainTable};
use crate::config::{self, CellConfig, RunOptions};
use crate::interrupt;
use crate::store::{Status, Store};
use crate::train::{RunFlags, TrainFlags, Trainer};
use anyhow::{Result, bail};
use std::path::PathBuf;

/// Options of `bcl-exp train`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Data set, as `bcl-exp data list` names it
    #[arg(long, value_name = "NAME", default_value = "fashion-mini")]
    pub dataset: String,
    /// Side of the views in pixels
    #[arg(long, value_name = "PIXELS", default_value_t = 32)]
    pub image_size: u32,
    /// Train on the first N images only
    #[arg(long, value_name = "N")]
    pub pretrain_images: Option<usize>,
    /// resnet10, resnet18, resnet34 or resnet50
    #[arg(long, value_name = "NAME", default_value = "resnet18")]
    pub arch: String,
    /// Channels of the first stage; 64 is standard
    #[arg(long, value_name = "N", default_value_t = 16)]
    pub width: i64,
    /// cifar (3x3), imagenet (7x7, stride 2, max-pool) or compact (3x3, stride 2)
    #[arg(long, value_name = "NAME", default_value = "cifar")]
    pub stem: String,
    /// Width of the projection
    #[arg(long, value_name = "D", default_value_t = 128)]
    pub feature_dim: i64,
    /// f32, tf32 (f32 with convolutions in TF32, on CUDA), bf16 or auto
    #[arg(long, value_name = "NAME", default_value = "auto")]
    pub precision: String,
    /// Passes over the images
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub epochs: u32,
    /// Pairs in a batch
    #[arg(long, value_name = "B", default_value_t = 256)]
    pub batch_pairs: usize,
    /// Adam's step size
    #[arg(long, value_name = "LR", default_value_t = 1e-3)]
    pub learning_rate: f64,
    /// Adam's coupled weight decay
    #[arg(long, value_name = "WD", default_value_t = 1e-6)]
    pub weight_decay: f64,
    /// Seed of initial weights, shuffles, augmentation and probe
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// Score by kNN each so many epochs; 0 only at the end
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub knn_every: u32,
    /// Save a resumable state after so many minutes besides after each epoch; 0 only then
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub checkpoint_minutes: u32,
    /// And each so many steps (batches); 0 not by steps
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub checkpoint_steps: u64,
    /// Go on from this saved state, or from the newest in this folder, if its configuration is that of the flags; a run
    /// that was interrupted goes on by itself
    #[arg(long, value_name = "PATH")]
    pub resume_from: Option<PathBuf>,
    /// cached, published or none
    #[arg(long, value_name = "PROTOCOL", default_value = "cached")]
    pub linear: String,
    /// L2 penalty of the cached probe on standardised features; scikit-learn's C = 1 / (penalty x images) [default: 1e-4]
    #[arg(long, value_name = "P")]
    pub linear_penalty: Option<f64>,
    /// Where BCL's alpha comes from: fixed, linear, smooth, oracle-auc or self-estimated
    #[arg(long, value_name = "SOURCE")]
    pub alpha_source: Option<String>,
    /// With oracle-auc: epochs between two measurements [default: 20 measurements in a run]
    #[arg(long, value_name = "N")]
    pub alpha_every: Option<u32>,
    /// The loss
    #[command(flatten)]
    pub loss: LossFlags,
    /// Folder under --results for the row
    #[arg(long, value_name = "NAME", default_value = "train")]
    pub name: String,
    /// Where results are kept
    #[arg(long, value_name = "DIR", default_value = "results")]
    pub results: PathBuf,
    /// Where and with what to run
    #[command(flatten)]
    pub run: RunFlags,
    /// What makes the views, and what is logged
    #[command(flatten)]
    pub training: TrainFlags,
}

/// Trains, or resumes, the run that the flags describe.
///
/// # Errors
/// On values out of range, missing data, and a run that failed.
pub fn run(args: &Args) -> Result<()> {
    let place = args.run.place()?.augmenting(&args.training);
    let cell = cell(args, place.device)?;
    let options = RunOptions {
        checkpoint_every: 1,
        checkpoint_steps: args.checkpoint_steps,
        checkpoint_minutes: args.checkpoint_minutes,
        knn_every: args.knn_every,
    };
    config::check_name(&args.name)?;
    interrupt::listen()?;
    let mut trainer = Trainer::new(&place)
        .resume_from(args.resume_from.clone())
        .tensorboard(args.training.tensorboard.clone());
    trainer.data_set(&cell.dataset)?; // missing data is told before anything is written
    let mut store = Store::open(&args.results, &args.name)?;
    let id = cell.run_id();
    if store.status(&id) == Some(Status::Ok) {
        println!("{id} has finished before: see {}", store.folder().join("cells.csv").display());
        return Ok(());
    }
    eprintln!("{} ({id})", cell.label());
    let finished = trainer.run(&cell, options, &mut |epoch| store.append_epoch(epoch))?;
    store.append(&finished)?;
    let row = finished.row;
    if let Some(error) = row.error {
        bail!("{error}");
    }
    println!("{}", serde_json::to_string_pretty(&row)?);
    Ok(())
}

fn cell(args: &Args, device: tch::Device) -> Result<CellConfig> {
    let file = ExperimentFile {
        name: args.name.clone(),
        description: String::new(),
        data: DataTable {
            dataset: args.dataset.clone(),
            mean: None,
            std: None,
            pretrain_images: args.pretrain_images,
            image_size: args.image_size,
        },
        augment: AugmentTable::default(),
        encoder: EncoderTable {
            arch: args.arch.clone(),
            width: args.width,
            stem: args.stem.clone(),
            feature_dim: args.feature_dim,
            precision: args.precision.clone(),
            ..EncoderTable::default()
        },
        train: TrainTable {
            epochs: args.epochs,
            batch_pairs: args.batch_pairs,
            learning_rate: args.learning_rate,
            weight_decay: args.weight_decay,
            ..TrainTable::default()
        },
        eval: EvalTable {
            linear: args.linear.clone(),
            linear_penalty: args.linear_penalty,
            ..EvalTable::default()
        },
        grid: Vec::new(),
    };
    let mut request = args.loss.request();
    request.alpha_source.clone_from(&args.alpha_source);
    request.alpha_every = args.alpha_every;
    config::resolve_cell(&file, &request, args.seed, &args.run.data, device)
}
