//! Rows of results.

use bcl_exp::store::{CellRow, EpochRow, Status};

/// A finished row of the quick kind.
pub fn cell(run_id: &str, estimator: &str, seed: u64) -> CellRow {
    let bcl = estimator == "BCL";
    CellRow {
        run_id: run_id.into(),
        status: Status::Ok,
        dataset: "cifar10".into(),
        pretrain_images: 50_000,
        image_size: 32,
        encoder: "resnet18-w16-cifar".into(),
        feature_dim: 128,
        precision: "f32".into(),
        estimator: estimator.into(),
        alpha: bcl.then_some(0.9),
        alpha_source: bcl.then(|| "fixed".into()),
        beta: bcl.then_some(0.9),
        hcl_beta: (estimator == "HCL").then_some(1.0),
        tau_plus: (estimator != "SimCLR").then_some(0.1),
        variant: None,
        temperature: 0.5,
        batch_pairs: 256,
        epochs: 20,
        seed,
        protocol: "cached".into(),
        knn_k: Some(200),
        knn_t: Some(0.5),
        knn_top1: Some(70.0),
        linear_top1: Some(80.0),
        linear_top5: Some(99.0),
        macro_auc: Some(0.75),
        alignment: Some(0.5),
        uniformity: Some(-3.0),
        feature_std: Some(0.08),
        effective_rank: Some(40.0),
        final_loss: Some(4.5),
        wall_s: Some(60.0),
        views_per_s: Some(2000.0),
        peak_mem_mb: Some(900.0),
        peak_device_mb: None,
        device: "cpu".into(),
        threads: 2,
        libtorch: "2.11.0".into(),
        git: Some("0123456789".into()),
        finished_at: "2026-01-02T03:04:05Z".into(),
        error: None,
    }
}

pub fn epoch(run_id: &str, epoch: u32, loss: f64) -> EpochRow {
    EpochRow {
        run_id: run_id.into(),
        estimator: "SimCLR".into(),
        seed: 0,
        epoch,
        alpha: None,
        loss,
        knn_top1: None,
        alignment: None,
        uniformity: None,
        feature_std: None,
        effective_rank: None,
        learning_rate: 1e-3,
        views_per_s: 2000.0,
        data_wait_pct: 0.5,
        wall_s: 3.0,
    }
}
