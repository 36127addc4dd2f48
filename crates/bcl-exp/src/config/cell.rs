//! One cell of a sweep, resolved: every default filled in, every value checked, nothing that does not apply.

use super::augment::AugmentSpec;
use super::loss::LossSpec;
use super::optimizer::{OptimizerSpec, ScheduleSpec};
use crate::eval::linear::check_penalty;
use anyhow::{Result, ensure};
use bcl_data::{DataSet, Policy};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// All that decides what a run computes. Two cells with equal configurations are the same run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CellConfig {
    /// A name of `bcl-exp data list`.
    pub dataset: String,
    /// Channel means to normalise by; those of the data set unless set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean: Option<[f32; 3]>,
    /// Channel standard deviations likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub std: Option<[f32; 3]>,
    /// Train on this many images only.
    pub pretrain_images: Option<usize>,
    /// Side of the views, pixels.
    pub image_size: u32,
    /// What views are made of an image; the published ones unless set.
    #[serde(default, skip_serializing_if = "AugmentSpec::is_default")]
    pub augment: AugmentSpec,
    /// What is trained.
    pub encoder: EncoderSpec,
    /// How it is trained.
    pub train: TrainSpec,
    /// The loss.
    pub loss: LossSpec,
    /// How it is scored.
    pub eval: EvalSpec,
    /// Seed of initial weights, shuffles, augmentation and probe.
    pub seed: u64,
}

/// Encoder and head.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EncoderSpec {
    /// `resnet18` and so on.
    pub arch: String,
    /// Channels of the first stage.
    pub width: i64,
    /// `cifar`, `imagenet`, `compact`.
    pub stem: String,
    /// Hidden width of the projection head.
    pub hidden: i64,
    /// Width of the projection.
    pub feature_dim: i64,
    /// `f32` or `bf16`: `auto` has been decided.
    pub precision: String,
}

impl EncoderSpec {
    /// For tables: `resnet18-w8-compact`.
    #[must_use]
    pub fn label(&self) -> String {
        format!("{}-w{}-{}", self.arch, self.width, self.stem)
    }
}

/// Optimisation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainSpec {
    /// Passes over the images.
    pub epochs: u32,
    /// Pairs in a batch.
    pub batch_pairs: usize,
    /// Pairs that the encoder sees at a time; the whole batch unless set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub micro_pairs: Option<usize>,
    /// Step size, before its schedule.
    pub learning_rate: f64,
    /// Weight decay: coupled, but for AdamW.
    pub weight_decay: f64,
    /// Adam unless set.
    #[serde(default, skip_serializing_if = "OptimizerSpec::is_default")]
    pub optimizer: OptimizerSpec,
    /// Constant unless set.
    #[serde(default, skip_serializing_if = "ScheduleSpec::is_default")]
    pub schedule: ScheduleSpec,
    /// Global norm that gradients are clipped to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip_norm: Option<f64>,
    /// Decay of the weights' average, which is what is scored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ema: Option<f64>,
}

/// Scoring.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EvalSpec {
    /// Neighbours.
    pub knn_k: u32,
    /// Temperature of the vote.
    pub knn_t: f64,
    /// `cached`, `published` or `none`.
    pub linear: String,
    /// L2 penalty of the cached probe, unless it is the usual one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub linear_penalty: Option<f64>,
    /// Epochs of the published probe; `None` for the cached one, which runs to convergence.
    pub linear_epochs: Option<u32>,
    /// Anchors of the macro-AUC.
    pub auc_anchors: usize,
}

impl EvalSpec {
    /// How the linear figures are obtained, for tables: `cached`, `cached (penalty 0.01)`, `published-100` or `none`.
    #[must_use]
    pub fn protocol(&self) -> String {
        match (self.linear_penalty, self.linear_epochs) {
            (Some(penalty), _) => format!("{} (penalty {penalty})", self.linear),
            (None, Some(epochs)) => format!("{}-{epochs}", self.linear),
            (None, None) => self.linear.clone(),
        }
    }
}

impl CellConfig {
    /// Names the run: the first 12 hexadecimal digits of the SHA-256 of the configuration as JSON.
    #[must_use]
    pub fn run_id(&self) -> String {
        // Strings, numbers and options always serialise.
        let json = serde_json::to_vec(self).unwrap_or_default();
        Sha256::digest(&json).iter().take(6).map(|byte| format!("{byte:02x}")).collect()
    }

    /// One line for progress and logs: `BCL alpha=0.9 beta=0.9 seed=0`.
    #[must_use]
    pub fn label(&self) -> String {
        format!("{} seed={}", self.loss.label(), self.seed)
    }

    /// How training makes the views of an image, normalised as its data set asks.
    #[must_use]
    pub fn views(&self, set: &DataSet) -> Vec<Policy> {
        let policies = self.augment.policies(self.image_size).into_iter();
        policies.map(|policy| policy.with_normalization(set.mean, set.std)).collect()
    }

    /// The data set, normalised as this cell asks.
    #[must_use]
    pub fn normalized(&self, set: &DataSet) -> DataSet {
        DataSet { mean: self.mean.unwrap_or(set.mean), std: self.std.unwrap_or(set.std), ..set.clone() }
    }

    /// Checks what no other type checks.
    pub(super) fn validate(&self) -> Result<()> {
        let (train, eval, encoder) = (&self.train, &self.eval, &self.encoder);
        ensure!(
            (8..=512).contains(&self.image_size),
            "image_size: expected 8 to 512 pixels, got {}",
            self.image_size
        );
        for (name, values, lowest) in [("mean", self.mean, f32::MIN), ("std", self.std, f32::MIN_POSITIVE)] {
            ensure!(
                values.iter().flatten().all(|value| value.is_finite() && *value >= lowest),
                "data.{name}: expected three {} numbers, got {values:?}",
                if name == "std" { "positive" } else { "finite" }
            );
        }
        ensure!(train.epochs >= 1, "epochs: expected at least 1, got 0");
        ensure!(train.batch_pairs >= 2, "batch_pairs: expected at least 2, got {}", train.batch_pairs);
        if let Some(micro) = train.micro_pairs {
            ensure!(
                micro >= 2 && train.batch_pairs % micro != 1,
                "micro_pairs: expected at least 2, and no rest of 1 pair (batch normalisation needs two), got {micro} \
                 of batch_pairs = {}",
                train.batch_pairs
            );
        }
        let views = self.augment.policies(self.image_size).len();
        ensure!(
            train.micro_pairs.is_none() || views == 2,
            "micro_pairs: expected two views of an image, got {views}: more are not seen in parts"
        );
        positive("learning_rate", train.learning_rate)?;
        ensure!(
            train.weight_decay.is_finite() && train.weight_decay >= 0.0,
            "weight_decay: expected a number >= 0, got {}",
            train.weight_decay
        );
        if let Some(norm) = train.clip_norm {
            positive("clip_norm", norm)?;
        }
        if let Some(decay) = train.ema {
            ensure!((0.0..1.0).contains(&decay), "ema: expected a decay in [0, 1), got {decay}");
        }
        ensure!(eval.knn_k >= 1, "knn_k: expected at least 1, got 0");
        positive("knn_t", eval.knn_t)?;
        ensure!(eval.linear_epochs != Some(0), "linear_epochs: expected at least 1, got 0");
        eval.linear_penalty.map_or(Ok(()), check_penalty)?;
        ensure!(eval.auc_anchors >= 1, "auc_anchors: expected at least 1, got 0");
        ensure!((1..=4096).contains(&encoder.hidden), "hidden: expected 1 to 4096, got {}", encoder.hidden);
        ensure!(
            (1..=4096).contains(&encoder.feature_dim),
            "feature_dim: expected 1 to 4096, got {}",
            encoder.feature_dim
        );
        if let Some(images) = self.pretrain_images {
            ensure!(
                images >= train.batch_pairs,
                "pretrain_images: expected at least batch_pairs = {}, got {images}",
                train.batch_pairs
            );
        }
        Ok(())
    }
}

fn positive(name: &str, value: f64) -> Result<()> {
    ensure!(value.is_finite() && value > 0.0, "{name}: expected a number > 0, got {value}");
    Ok(())
}
