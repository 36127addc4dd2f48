//! `bcl-exp eval linear|knn|auc|representation CHECKPOINT`: scores a trained encoder.

use crate::config::CellConfig;
use crate::eval::{Features, Outcome, Representation, auc, knn, linear, representation};
use crate::train::{Place, RunFlags, load_model};
use anyhow::{Result, ensure};
use bcl_data::{DataSet, Policy};
use bcl_models::Model;
use std::path::PathBuf;

/// Options of `bcl-exp eval`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The score
    #[command(subcommand)]
    pub what: What,
}

/// What is asked of every score.
#[derive(Debug, clap::Args)]
pub struct Common {
    /// A checkpoint of a run: runs/RUN_ID/epoch-NNNN.safetensors; it knows its data set and encoder
    #[arg(value_name = "CHECKPOINT")]
    pub checkpoint: PathBuf,
    /// Score on another data set than the run's
    #[arg(long, value_name = "NAME")]
    pub dataset: Option<String>,
    /// Where and with what to run
    #[command(flatten)]
    pub run: RunFlags,
}

/// The scores.
#[derive(Debug, clap::Subcommand)]
pub enum What {
    /// Linear probe
    Linear {
        /// What to score
        #[command(flatten)]
        common: Common,
        /// Fit on each of the data set's folds and report the mean (STL-10's protocol)
        #[arg(long)]
        folds: bool,
        /// cached (features of plain images, logistic regression to convergence) or published (augmented, Adam)
        #[arg(long, value_name = "PROTOCOL", default_value = "cached", value_parser = ["cached", "published"])]
        protocol: String,
        /// Epochs of the published probe
        #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
        epochs: u32,
        /// Adam's step size in the published probe
        #[arg(long, value_name = "LR", default_value_t = 1e-3)]
        learning_rate: f64,
    },
    /// Weighted k-nearest neighbours
    Knn {
        /// What to score
        #[command(flatten)]
        common: Common,
        /// Fit on each of the data set's folds and report the mean (STL-10's protocol)
        #[arg(long)]
        folds: bool,
        /// Neighbours
        #[arg(long, value_name = "K", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..))]
        k: u32,
        /// Temperature of the vote
        #[arg(long, value_name = "T", default_value_t = 0.5)]
        temperature: f64,
    },
    /// Macro-AUC of cosine scores
    Auc {
        /// What to score
        #[command(flatten)]
        common: Common,
        /// Images that are compared with all others
        #[arg(long, value_name = "N", default_value_t = 512)]
        anchors: usize,
    },
    /// Alignment, uniformity, feature std and effective rank of the projections: no labels
    Representation {
        /// What to score
        #[command(flatten)]
        common: Common,
    },
}

/// Prints one JSON object.
///
/// # Errors
/// On a damaged checkpoint, missing data, or parameters out of range.
pub fn run(args: &Args) -> Result<()> {
    let (What::Linear { common, .. }
    | What::Knn { common, .. }
    | What::Auc { common, .. }
    | What::Representation { common }) = &args.what;
    let scored = Scored::load(common)?;
    let json = match &args.what {
        What::Knn { k, temperature, folds, .. } => {
            let (classes, probe, test) = (scored.set.classes as i64, scored.probe()?, scored.test()?);
            let outcomes = scored.for_each_fold(*folds, |fold| {
                knn::classify(&probe.select(fold)?, &test, classes, *k, *temperature)
            })?;
            scored.report("knn", &outcomes, serde_json::json!({ "k": k, "temperature": temperature }))
        }
        What::Auc { anchors, .. } => serde_json::json!({
            "score": "auc",
            "macro_auc": auc::macro_auc_of(&scored.test()?, *anchors)?,
            "anchors": anchors,
            "dataset": scored.cell.dataset,
        }),
        What::Representation { .. } => {
            let (set, cell) = (&scored.set, &scored.cell);
            let images = set.test.images();
            let threads = scored.place.threads;
            let measures =
                Representation::measure(&scored.model, images, &cell.views(set), cell.seed, threads)?;
            serde_json::json!({
                "score": "representation",
                "dataset": cell.dataset,
                "run_id": cell.run_id(),
                "images": images.len().min(representation::SAMPLE),
                "dimensions": cell.encoder.feature_dim,
                "measures": measures,
            })
        }
        What::Linear { protocol, epochs, learning_rate, folds, .. } => {
            let outcomes = scored.linear(protocol, *epochs, *learning_rate, *folds)?;
            let settings = serde_json::json!({
                "protocol": protocol,
                "epochs": (protocol == "published").then_some(epochs),
                "encoder_batch_norm": "running statistics",
            });
            scored.report("linear", &outcomes, settings)
        }
    };
    println!("{}", serde_json::to_string_pretty(&json)?);
    Ok(())
}

/// A model with what it is scored on.
struct Scored {
    cell: CellConfig,
    model: Model,
    set: DataSet,
    place: Place,
}

impl Scored {
    fn load(common: &Common) -> Result<Self> {
        let place = common.run.place()?;
        let (mut cell, model) = load_model(&common.checkpoint, &place)?;
        if let Some(name) = &common.dataset {
            cell.dataset.clone_from(name);
            (cell.mean, cell.std) = (None, None); // those were for the run's data set
        }
        let set = cell.normalized(&crate::data::load(&cell.dataset, &place.data)?);
        Ok(Self { cell, model, set, place })
    }

    fn policy(&self, build: fn(usize) -> Policy) -> Policy {
        build(self.cell.image_size as usize).with_normalization(self.set.mean, self.set.std)
    }

    fn probe(&self) -> Result<Features> {
        Features::extract(&self.model, &self.set.probe, &self.policy(Policy::plain), self.place.threads)
    }

    fn test(&self) -> Result<Features> {
        Features::extract(&self.model, &self.set.test, &self.policy(Policy::plain), self.place.threads)
    }

    /// The outcome of the whole probe split (`None`), or, when asked for, of each of its folds.
    fn for_each_fold(
        &self,
        folds: bool,
        mut score: impl FnMut(Option<&[u32]>) -> Result<Outcome>,
    ) -> Result<Vec<Outcome>> {
        if !folds {
            return Ok(vec![score(None)?]);
        }
        let name = &self.cell.dataset;
        ensure!(
            !self.set.folds.is_empty(),
            "--folds: {name} has none (stl10 has, with its fold_indices.txt)"
        );
        self.set.folds.iter().map(|fold| score(Some(fold))).collect()
    }

    fn linear(&self, protocol: &str, epochs: u32, learning_rate: f64, folds: bool) -> Result<Vec<Outcome>> {
        let (classes, test) = (self.set.classes as i64, self.test()?);
        if protocol != "published" {
            let probe = self.probe()?;
            return self.for_each_fold(folds, |fold| {
                linear::judge(&linear::cached(&probe.select(fold)?, classes)?, &test)
            });
        }
        let settings = linear::PublishedProbe {
            epochs,
            learning_rate,
            weight_decay: 1e-6,
            batch: 512,
            seed: self.cell.seed,
            threads: self.place.threads,
        };
        let policy = self.policy(Policy::published);
        self.for_each_fold(folds, |fold| {
            let probe =
                fold.map_or_else(|| Ok(self.set.probe.clone()), |fold| self.set.probe.select(fold))?;
            linear::judge(&linear::published(&self.model, &probe, &policy, classes, settings)?, &test)
        })
    }

    /// The outcome, or the mean over the folds with each of them.
    fn report(&self, score: &str, outcomes: &[Outcome], settings: serde_json::Value) -> serde_json::Value {
        let top1: Vec<f64> = outcomes.iter().map(|outcome| outcome.top1).collect();
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let top5: Option<Vec<f64>> = outcomes.iter().map(|outcome| outcome.top5).collect();
        let mut json = serde_json::json!({
            "score": score,
            "dataset": self.cell.dataset,
            "run_id": self.cell.run_id(),
            "settings": settings,
            "top1": mean(&top1),
            "top5": top5.map(|top5| mean(&top5)),
        });
        match outcomes {
            [one] => {
                json["per_class"] = serde_json::json!(one.per_class);
                json["confusion"] = serde_json::json!(one.confusion);
            }
            _ => json["top1_of_folds"] = serde_json::json!(top1),
        }
        json
    }
}
