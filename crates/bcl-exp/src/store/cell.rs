//! One row a finished cell of a sweep: what was run, what came out, where and with what.

use serde::{Deserialize, Serialize};

/// How a cell ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Trained and evaluated.
    Ok,
    /// Stopped by an error, told in `error`.
    Failed,
}

/// A row of `cells.csv`. A value that does not apply or was not measured is `None`, an empty field.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CellRow {
    /// Hash of the resolved configuration of the cell: 12 hexadecimal digits.
    pub run_id: String,
    /// Whether the cell finished.
    pub status: Status,
    /// Data set, as `bcl-exp data list` names it.
    pub dataset: String,
    /// Images trained on in an epoch, before the last incomplete batch is dropped.
    pub pretrain_images: u64,
    /// Side of the square views, pixels.
    pub image_size: u32,
    /// Architecture, first-stage channels and stem, for instance `resnet18-w8-compact`.
    pub encoder: String,
    /// Width of the projection that the loss sees.
    pub feature_dim: u32,
    /// `f32` or `bf16` compute.
    pub precision: String,
    /// `SimCLR`, `DCL` (Debiased, Chuang 2020), `HCL`, `BCL` or `Oracle`.
    pub estimator: String,
    /// Location parameter asked for: the fixed value, or where a ramp ends.
    pub alpha: Option<f64>,
    /// Where alpha comes from: `fixed`, `linear`, `smooth`, `oracle-auc`, `self-estimated`.
    pub alpha_source: Option<String>,
    /// Concentration parameter of BCL.
    pub beta: Option<f64>,
    /// Hardness exponent of HCL: another thing than `beta`.
    pub hcl_beta: Option<f64>,
    /// Class prior.
    pub tau_plus: Option<f64>,
    /// Which BCL: empty for the closed form, else `vmf`, `reference` or `vmf+reference`.
    pub variant: Option<String>,
    /// Temperature of the loss.
    pub temperature: f64,
    /// Pairs in a batch.
    pub batch_pairs: u32,
    /// Epochs trained.
    pub epochs: u32,
    /// Seed of initial weights, shuffles and augmentation.
    pub seed: u64,
    /// How the linear figures were obtained: `cached` or `published`, with the number of probe epochs.
    pub protocol: String,
    /// Neighbours of the kNN classifier.
    pub knn_k: Option<u32>,
    /// Temperature of the kNN vote.
    pub knn_t: Option<f64>,
    /// kNN accuracy on the test split, per cent.
    pub knn_top1: Option<f64>,
    /// Linear-probe accuracy on the test split, per cent.
    pub linear_top1: Option<f64>,
    /// Linear-probe top-5 accuracy, per cent.
    pub linear_top5: Option<f64>,
    /// Macro-AUC of the features on the test split, in [0, 1].
    pub macro_auc: Option<f64>,
    /// Mean squared distance of the projections of two views of a test image.
    pub alignment: Option<f64>,
    /// log E exp(-2 d^2) over the projections of pairs of test images.
    pub uniformity: Option<f64>,
    /// Mean standard deviation of a projection's dimensions.
    pub feature_std: Option<f64>,
    /// exp of the entropy of the projections' singular values.
    pub effective_rank: Option<f64>,
    /// Mean loss of the last epoch.
    pub final_loss: Option<f64>,
    /// Wall-clock seconds of training and evaluation, resumed parts added up.
    pub wall_s: Option<f64>,
    /// Views trained on a second.
    pub views_per_s: Option<f64>,
    /// Largest resident memory while the cell ran, MB.
    pub peak_mem_mb: Option<f64>,
    /// Largest sum of tensors on a CUDA device while the cell ran (`torch.cuda.max_memory_allocated`), MB.
    pub peak_device_mb: Option<f64>,
    /// `cpu` or `cuda:N`.
    pub device: String,
    /// Threads libtorch used: reductions depend on it.
    pub threads: u32,
    /// libtorch version.
    pub libtorch: String,
    /// Revision that the program was built from, with `-dirty` when its files had changes; empty where that was no checkout.
    pub git: Option<String>,
    /// UTC time, RFC 3339.
    pub finished_at: String,
    /// What stopped a failed cell.
    pub error: Option<String>,
}

impl CellRow {
    /// The columns, in order.
    pub const COLUMNS: &[&str] = &[
        "run_id",
        "status",
        "dataset",
        "pretrain_images",
        "image_size",
        "encoder",
        "feature_dim",
        "precision",
        "estimator",
        "alpha",
        "alpha_source",
        "beta",
        "hcl_beta",
        "tau_plus",
        "variant",
        "temperature",
        "batch_pairs",
        "epochs",
        "seed",
        "protocol",
        "knn_k",
        "knn_t",
        "knn_top1",
        "linear_top1",
        "linear_top5",
        "macro_auc",
        "alignment",
        "uniformity",
        "feature_std",
        "effective_rank",
        "final_loss",
        "wall_s",
        "views_per_s",
        "peak_mem_mb",
        "peak_device_mb",
        "device",
        "threads",
        "libtorch",
        "git",
        "finished_at",
        "error",
    ];
}
