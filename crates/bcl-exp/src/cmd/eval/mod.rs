//! `bcl-exp eval linear|knn|auc|representation CHECKPOINT`: scores a trained encoder.

mod answer;
mod scored;

use crate::encoder::ShapeFlags;
use crate::eval::linear::PublishedProbe;
use crate::eval::{auc, frozen, knn, linear, representation};
use crate::store::write_atomic;
use crate::train::RunFlags;
use answer::Answer;
use anyhow::{Result, ensure};
use bcl_data::Policy;
use scored::Scored;
use serde_json::json;
use std::path::{Path, PathBuf};

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
    /// Write the score as JSON too, with the confusion matrix where there is one
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
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
        /// How the probe is trained
        #[command(flatten)]
        probe: Probe,
        /// What is reported
        #[command(flatten)]
        report: Classified,
    },
    /// Weighted k-nearest neighbours
    Knn {
        /// What to score
        #[command(flatten)]
        common: Common,
        /// What is reported
        #[command(flatten)]
        report: Classified,
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

/// What is asked of a classifier.
#[derive(Debug, clap::Args)]
pub struct Classified {
    /// Fit on each of the data set's folds and report the mean (STL-10's protocol)
    #[arg(long)]
    pub folds: bool,
    /// Write the confusion matrix as CSV: a line for each true class, a column for each predicted one, under the names of the
    /// classes; counts of test images, with --folds summed over the folds
    #[arg(long, value_name = "FILE")]
    pub confusion: Option<PathBuf>,
}

/// How a linear probe is trained.
#[derive(Debug, clap::Args)]
pub struct Probe {
    /// cached (features of plain images, logistic regression to convergence) or published (augmented, Adam)
    #[arg(long, value_name = "PROTOCOL", default_value = "cached", value_parser = ["cached", "published"])]
    pub protocol: String,
    /// L2 penalty of the cached probe on standardised features; scikit-learn's C = 1 / (penalty x images) [default: 1e-4]
    #[arg(long, value_name = "P")]
    pub penalty: Option<f64>,
    /// Epochs of the published probe [default: 100]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub epochs: Option<u32>,
    /// Adam's step size in the published probe [default: as published for the data set, 1e-2 on stl10, else 1e-3]
    #[arg(long, value_name = "LR")]
    pub learning_rate: Option<f64>,
}

/// Prints a table, and writes JSON where `--out`, the confusion matrix where `--confusion` says.
///
/// # Errors
/// On a damaged checkpoint, missing data, parameters out of range or of another protocol, a file that cannot be
/// written, and when the encoder was changed by its score.
pub fn run(args: &Args) -> Result<()> {
    let (What::Linear { common, .. }
    | What::Knn { common, .. }
    | What::Auc { common, .. }
    | What::Representation { common }) = &args.what;
    if let What::Linear { probe, .. } = &args.what {
        probe.check()?;
    }
    let scored = Scored::load(common)?;
    let score = || match &args.what {
        What::Linear { probe, report, .. } if probe.protocol == "published" => {
            published(&scored, probe, report.folds)
        }
        What::Linear { probe, report, .. } => cached(&scored, probe, report.folds),
        What::Knn { k, temperature, report, .. } => neighbours(&scored, *k, *temperature, report.folds),
        What::Auc { anchors, .. } => macro_auc(&scored, *anchors),
        What::Representation { .. } => without_labels(&scored),
    };
    let (mut answer, hash) = frozen::kept(scored.model(), score)?;
    answer.settings["encoder_sha256"] = json!(hash);
    print!("{}", answer.text()?);
    let write = |path: &Path, content: &[u8]| -> Result<()> {
        write_atomic(path, content)?;
        println!("\nwritten to {}", path.display());
        Ok(())
    };
    if let Some(path) = &common.out {
        write(path, (serde_json::to_string_pretty(&answer.json()?)? + "\n").as_bytes())?;
    }
    if let What::Linear { report, .. } | What::Knn { report, .. } = &args.what
        && let (Some(path), Some(matrix)) = (&report.confusion, answer.confusion()?)
    {
        write(path, &matrix.to_csv()?)?;
    }
    Ok(())
}

impl Probe {
    /// Refuses what the protocol has no use for.
    fn check(&self) -> Result<()> {
        let published = self.protocol == "published";
        ensure!(!published || self.penalty.is_none(), "--penalty: expected it with --protocol cached only");
        for (flag, given) in
            [("epochs", self.epochs.is_some()), ("learning-rate", self.learning_rate.is_some())]
        {
            ensure!(published || !given, "--{flag}: expected it with --protocol published only");
        }
        self.penalty.map_or(Ok(()), linear::check_penalty)
    }
}

fn cached(scored: &Scored, probe: &Probe, folds: bool) -> Result<Answer> {
    let penalty = probe.penalty.unwrap_or(linear::PENALTY);
    let (features, test) = (scored.probe()?, scored.test()?);
    let mut fits = Vec::new();
    let outcomes = scored.for_each_fold(folds, |fold| {
        let fit = linear::cached(&features.select(fold)?, scored.classes(), penalty)?;
        let outcome = linear::judge(&fit.classifier, &test);
        fits.push(fit);
        outcome
    })?;
    let settings = json!({
        "protocol": "cached: multinomial logistic regression on the features of plain images",
        "penalty": penalty,
        "features": "standardised over the probe images",
        "encoder": scored::ENCODER,
        "optimizer": "L-BFGS",
        "iterations": fits.iter().map(|fit| fit.iterations).max(),
        "converged": fits.iter().all(|fit| fit.converged),
    });
    Ok(scored.classified("linear", settings, outcomes))
}

fn published(scored: &Scored, probe: &Probe, folds: bool) -> Result<Answer> {
    let published = PublishedProbe::of(&scored.dataset, scored.seed, scored.place.threads);
    let settings = PublishedProbe {
        epochs: probe.epochs.unwrap_or(published.epochs),
        learning_rate: probe.learning_rate.unwrap_or(published.learning_rate),
        ..published
    };
    let (test, policy) = (scored.test()?, scored.policy(Policy::published));
    let outcomes = scored.for_each_fold(folds, |fold| {
        let images =
            fold.map_or_else(|| Ok(scored.set.probe.clone()), |fold| scored.set.probe.select(fold))?;
        let classifier = linear::published(scored.model(), &images, &policy, scored.classes(), settings)?;
        linear::judge(&classifier, &test)
    })?;
    let told = json!({
        "protocol": "published: a linear layer on the features of augmented images",
        "features": "as they are, not standardised",
        "encoder": scored::ENCODER,
        "optimizer": "Adam",
        "epochs": settings.epochs,
        "learning_rate": settings.learning_rate,
        "weight_decay": settings.weight_decay,
        "batch": settings.batch,
        "seed": settings.seed,
    });
    Ok(scored.classified("linear", told, outcomes))
}

fn neighbours(scored: &Scored, k: u32, temperature: f64, folds: bool) -> Result<Answer> {
    let (features, test) = (scored.probe()?, scored.test()?);
    let outcomes = scored.for_each_fold(folds, |fold| {
        knn::classify(&features.select(fold)?, &test, scored.classes(), k, temperature)
    })?;
    let settings = json!({
        "k": k,
        "temperature": temperature,
        "features": "of length 1, compared by cosine",
        "encoder": scored::ENCODER,
    });
    Ok(scored.classified("knn", settings, outcomes))
}

fn macro_auc(scored: &Scored, anchors: usize) -> Result<Answer> {
    let settings = json!({
        "anchors": anchors,
        "features": "of length 1, compared by cosine",
        "encoder": scored::ENCODER,
    });
    let value = auc::macro_auc_of(&scored.test()?, anchors)?;
    Ok(scored.measured("auc", settings, json!({ "macro_auc": value })))
}

fn without_labels(scored: &Scored) -> Result<Answer> {
    let images = scored.set.test.images().len().min(representation::SAMPLE);
    let settings = json!({
        "projections": format!("of length 1 in {} dimensions", scored.model().config().feature_dim),
        "images": format!("{images}, in two views as in training"),
        "encoder": scored::ENCODER,
    });
    let measures = scored.representation()?;
    Ok(scored.measured("representation", settings, serde_json::to_value(measures)?))
}

/// Three numbers.
fn triple(text: &str) -> Result<[f32; 3], String> {
    let numbers: Option<Vec<f32>> = text.split(',').map(|number| number.trim().parse().ok()).collect();
    let numbers = numbers.and_then(|numbers| <[f32; 3]>::try_from(numbers).ok());
    let numbers = numbers.filter(|numbers| numbers.iter().all(|number| number.is_finite()));
    numbers.ok_or_else(|| format!("expected three numbers, R,G,B, got {text:?}"))
}
