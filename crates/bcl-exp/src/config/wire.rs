//! The experiment file as it is written: TOML tables with defaults, unknown keys refused.
//! What it means is worked out in [`mod@super::resolve`].

use super::augment::AugmentTable;
use crate::eval::linear::EPOCHS;
use serde::Deserialize;

/// A whole experiment file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExperimentFile {
    /// Names the folder under `results/`: letters, digits, `-`, `_`, `.`.
    pub name: String,
    /// One sentence for the reader of the tables.
    #[serde(default)]
    pub description: String,
    /// What to train on.
    pub data: DataTable,
    /// What views are made of an image.
    #[serde(default)]
    pub augment: AugmentTable,
    /// What to train.
    #[serde(default)]
    pub encoder: EncoderTable,
    /// How to train.
    #[serde(default)]
    pub train: TrainTable,
    /// How to score.
    #[serde(default)]
    pub eval: EvalTable,
    /// Grids: each is expanded to the product of its lists, in the order written.
    #[serde(default)]
    pub grid: Vec<GridTable>,
}

/// `[data]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataTable {
    /// A name of `bcl-exp data list`: a known data set, or `folder:NAME`.
    pub dataset: String,
    /// Channel means to normalise by, for pixels in [0, 1]; those of the data set by default.
    pub mean: Option<[f32; 3]>,
    /// Channel standard deviations likewise.
    pub std: Option<[f32; 3]>,
    /// Train on the first n images only (stratified by label where there are labels); all by default.
    pub pretrain_images: Option<usize>,
    /// Side of the views in pixels; 32 as published.
    #[serde(default = "thirty_two")]
    pub image_size: u32,
}

fn thirty_two() -> u32 {
    32
}

/// `[encoder]`; the defaults are the published ones.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EncoderTable {
    /// resnet10, resnet18, resnet34, resnet50.
    pub arch: String,
    /// Channels of the first stage; 64 is standard.
    pub width: i64,
    /// cifar, imagenet or compact.
    pub stem: String,
    /// Width of the hidden layer of the projection head.
    pub hidden: i64,
    /// Width of the projection.
    pub feature_dim: i64,
    /// f32, tf32 (f32 whose convolutions multiply in TF32 on CUDA; f32 on a processor), bf16, or auto (bf16 where the processor
    /// or the device has it).
    pub precision: String,
}

impl Default for EncoderTable {
    fn default() -> Self {
        Self {
            arch: "resnet50".into(),
            width: 64,
            stem: "cifar".into(),
            hidden: 512,
            feature_dim: 128,
            precision: "auto".into(),
        }
    }
}

/// `[train]`; the defaults are the published ones.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrainTable {
    /// Passes over the images.
    pub epochs: u32,
    /// Pairs in a batch; the negatives of an anchor are twice as many less two.
    pub batch_pairs: usize,
    /// Pairs that the encoder sees at a time, for batches whose graph does not fit into memory: the loss still sees the
    /// whole batch, batch normalisation only so many. All by default.
    pub micro_pairs: Option<usize>,
    /// adam (the authors'), adamw, sgd or lars.
    pub optimizer: String,
    /// The optimizer's step size, before its schedule.
    pub learning_rate: f64,
    /// L2 weight decay: coupled, but for adamw.
    pub weight_decay: f64,
    /// sgd, lars: share of the last step that goes on; 0.9 by default.
    pub momentum: Option<f64>,
    /// sgd, lars: Nesterov's momentum; false by default.
    pub nesterov: Option<bool>,
    /// constant (as published), cosine (to 0 at the end) or step.
    pub schedule: String,
    /// Epochs in which the step size rises to the whole; may be a fraction.
    pub warmup_epochs: f64,
    /// step: epochs between two falls of the step size.
    pub step_epochs: Option<u32>,
    /// step: what the step size is multiplied by at each; 0.1 by default.
    pub step_factor: Option<f64>,
    /// Clip the gradients to this global norm; not by default.
    pub clip_norm: Option<f64>,
    /// Score an exponential moving average of the weights with this decay, 0.999 for instance; not by default.
    pub ema: Option<f64>,
    /// Save a resumable state each so many epochs.
    pub checkpoint_every: u32,
    /// And each so many steps (batches); 0: not by steps.
    pub checkpoint_steps: u64,
    /// And after so many minutes; 0: not by time.
    pub checkpoint_minutes: u32,
}

impl Default for TrainTable {
    fn default() -> Self {
        Self {
            epochs: 400,
            batch_pairs: 256,
            micro_pairs: None,
            optimizer: "adam".into(),
            learning_rate: 1e-3,
            weight_decay: 1e-6,
            momentum: None,
            nesterov: None,
            schedule: "constant".into(),
            warmup_epochs: 0.0,
            step_epochs: None,
            step_factor: None,
            clip_norm: None,
            ema: None,
            checkpoint_every: 1,
            checkpoint_steps: 0,
            checkpoint_minutes: 10,
        }
    }
}

/// `[eval]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EvalTable {
    /// Neighbours of the kNN vote, at most the number of probe images.
    pub knn_k: u32,
    /// Temperature of the kNN vote.
    pub knn_t: f64,
    /// Score by kNN each so many epochs while training; 0 only at the end.
    pub knn_every: u32,
    /// `cached` (features of plain images, to convergence), `published` (augmented, Adam) or `none`.
    pub linear: String,
    /// `cached`: L2 penalty on standardised features, at least 0; 1e-4 by default. scikit-learn's C = 1 / (penalty x images).
    pub linear_penalty: Option<f64>,
    /// Epochs of the published probe.
    pub linear_epochs: u32,
    /// Anchors of the macro-AUC.
    pub auc_anchors: usize,
}

impl Default for EvalTable {
    fn default() -> Self {
        Self {
            knn_k: 200,
            knn_t: 0.5,
            knn_every: 0,
            linear: "cached".into(),
            linear_penalty: None,
            linear_epochs: EPOCHS,
            auc_anchors: 512,
        }
    }
}

/// `[[grid]]`: every key takes one value or a list; the product of the lists makes the cells.
/// A key that an estimator does not know is left out of its cells, so one grid can hold several estimators.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GridTable {
    /// SimCLR, DCL (Debiased, Chuang 2020), HCL, BCL, Oracle (labels).
    pub estimator: OneOrMany<String>,
    /// BCL: location, in [0.5, 1]; where a ramp ends.
    pub alpha: Option<OneOrMany<f64>>,
    /// BCL: fixed, linear (the authors' 20 steps), smooth, oracle-auc (labels), self-estimated.
    pub alpha_source: Option<OneOrMany<String>>,
    /// BCL with `oracle-auc`: epochs between two measurements; by default 20 measurements in a run.
    pub alpha_every: Option<OneOrMany<u32>>,
    /// BCL: concentration, in [0, 1] (with `formulation = "vmf"` at least 0).
    pub beta: Option<OneOrMany<f64>>,
    /// HCL: hardness exponent, at least 0.
    pub hcl_beta: Option<OneOrMany<f64>>,
    /// DCL, HCL, BCL: class prior; 1 / classes by default.
    pub tau_plus: Option<OneOrMany<f64>>,
    /// Temperature; 0.5 by default.
    pub temperature: Option<OneOrMany<f64>>,
    /// Seeds; 0 by default.
    pub seed: Option<OneOrMany<u64>>,
    /// BCL: `density` (the closed form, default) or `vmf` (the first formulation).
    pub formulation: Option<OneOrMany<String>>,
    /// BCL: `exact` (default) or `reference` (the authors' guards).
    pub compat: Option<OneOrMany<String>>,
}

/// A value or a list of values.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged, expecting = "expected one value or a list of them, numbers without quotes")]
pub enum OneOrMany<T> {
    /// `key = value`
    One(T),
    /// `key = [value, ...]`
    Many(Vec<T>),
}

impl<T: Clone> OneOrMany<T> {
    /// The values, in the order written.
    #[must_use]
    pub fn values(&self) -> Vec<T> {
        match self {
            Self::One(value) => vec![value.clone()],
            Self::Many(values) => values.clone(),
        }
    }
}
