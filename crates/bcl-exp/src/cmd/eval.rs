//! `bcl-exp eval linear|knn|auc|representation CHECKPOINT`: scores a trained encoder.

use crate::config::CellConfig;
use crate::encoder::{Encoder, ShapeFlags};
use crate::eval::{Features, Outcome, Representation, auc, knn, linear, representation};
use crate::train::{Place, RunFlags};
use anyhow::{Context, Result, ensure};
use bcl_data::{DataSet, Policy};
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
    /// A checkpoint of a run, runs/RUN_ID/step-NNNNNNNN.safetensors, which knows its data set and encoder; or weights under
    /// torchvision's or the authors' names (scripts/convert_weights.py makes safetensors of a .pth file)
    #[arg(value_name = "FILE")]
    pub checkpoint: PathBuf,
    /// Score on another data set than the run's; weights from elsewhere need it
    #[arg(long, value_name = "NAME")]
    pub dataset: Option<String>,
    /// Weights from elsewhere
    #[command(flatten)]
    pub shape: ShapeFlags,
    /// Side of the images that weights from elsewhere see, pixels [default: 32]
    #[arg(long, value_name = "PIXELS", value_parser = clap::value_parser!(u32).range(8..=512))]
    pub image_size: Option<u32>,
    /// Channel means that weights from elsewhere were trained with [default: the data set's]
    #[arg(long, value_name = "R,G,B", value_parser = triple)]
    pub mean: Option<[f32; 3]>,
    /// Channel standard deviations likewise
    #[arg(long, value_name = "R,G,B", value_parser = triple)]
    pub std: Option<[f32; 3]>,
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
            let (classes, probe, test) = (scored.set.classes() as i64, scored.probe()?, scored.test()?);
            let outcomes = scored.for_each_fold(*folds, |fold| {
                knn::classify(&probe.select(fold)?, &test, classes, *k, *temperature)
            })?;
            scored.report("knn", &outcomes, serde_json::json!({ "k": k, "temperature": temperature }))
        }
        What::Auc { anchors, .. } => serde_json::json!({
            "score": "auc",
            "macro_auc": auc::macro_auc_of(&scored.test()?, *anchors)?,
            "anchors": anchors,
            "dataset": scored.dataset,
        }),
        What::Representation { .. } => serde_json::json!({
            "score": "representation",
            "dataset": scored.dataset,
            "run_id": scored.run_id(),
            "images": scored.set.test.images().len().min(representation::SAMPLE),
            "dimensions": scored.encoder.model.config().feature_dim,
            "measures": scored.representation()?,
        }),
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
    encoder: Encoder,
    dataset: String,
    set: DataSet,
    image_size: usize,
    seed: u64,
    place: Place,
}

impl Scored {
    fn load(common: &Common) -> Result<Self> {
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

    fn run_id(&self) -> Option<String> {
        self.encoder.run.as_ref().map(CellConfig::run_id)
    }

    fn policy(&self, build: fn(usize) -> Policy) -> Policy {
        build(self.image_size).with_normalization(self.set.mean, self.set.std)
    }

    /// The measures without labels, in the views that the encoder was trained on; the published ones for weights from elsewhere.
    fn representation(&self) -> Result<Representation> {
        ensure!(self.encoder.head, "representation: expected a projection head, got an encoder alone");
        let views = match &self.encoder.run {
            Some(cell) => cell.views(&self.set),
            None => vec![self.policy(Policy::published), self.policy(Policy::published)],
        };
        Representation::measure(
            &self.encoder.model,
            self.set.test.images(),
            &views,
            self.seed,
            self.place.threads,
        )
    }

    fn probe(&self) -> Result<Features> {
        Features::extract(
            &self.encoder.model,
            &self.set.probe,
            &self.policy(Policy::plain),
            self.place.threads,
        )
    }

    fn test(&self) -> Result<Features> {
        Features::extract(
            &self.encoder.model,
            &self.set.test,
            &self.policy(Policy::plain),
            self.place.threads,
        )
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
        let name = &self.dataset;
        ensure!(
            !self.set.folds.is_empty(),
            "--folds: {name} has none (stl10 has, with its fold_indices.txt)"
        );
        self.set.folds.iter().map(|fold| score(Some(fold))).collect()
    }

    fn linear(&self, protocol: &str, epochs: u32, learning_rate: f64, folds: bool) -> Result<Vec<Outcome>> {
        let (classes, test) = (self.set.classes() as i64, self.test()?);
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
            seed: self.seed,
            threads: self.place.threads,
        };
        let policy = self.policy(Policy::published);
        self.for_each_fold(folds, |fold| {
            let probe =
                fold.map_or_else(|| Ok(self.set.probe.clone()), |fold| self.set.probe.select(fold))?;
            linear::judge(&linear::published(&self.encoder.model, &probe, &policy, classes, settings)?, &test)
        })
    }

    /// The outcome, or the mean over the folds with each of them.
    fn report(&self, score: &str, outcomes: &[Outcome], settings: serde_json::Value) -> serde_json::Value {
        let top1: Vec<f64> = outcomes.iter().map(|outcome| outcome.top1).collect();
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let top5: Option<Vec<f64>> = outcomes.iter().map(|outcome| outcome.top5).collect();
        let mut json = serde_json::json!({
            "score": score,
            "dataset": self.dataset,
            "run_id": self.run_id(),
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

/// Three numbers.
fn triple(text: &str) -> Result<[f32; 3], String> {
    let numbers: Option<Vec<f32>> = text.split(',').map(|number| number.trim().parse().ok()).collect();
    let numbers = numbers.and_then(|numbers| <[f32; 3]>::try_from(numbers).ok());
    let numbers = numbers.filter(|numbers| numbers.iter().all(|number| number.is_finite()));
    numbers.ok_or_else(|| format!("expected three numbers, R,G,B, got {text:?}"))
}
