//! Forward and backward of each loss beside what libtorch users would write, in one run.

use super::clock::{Case, Timing, interleaved};
use anyhow::Result;
use bcl_core::{Batch, ContrastiveLoss, Estimator, Evaluation, LossConfig, Reduction};
use std::time::Duration;
use tch::{Device, Kind, Tensor};

/// Above this many pairs the authors' cubic comparison is left out: 2B x N x N bytes and more.
const CUBIC_LIMIT: i64 = 256;

/// Times every loss at one batch size, f32, embeddings `dim` wide.
///
/// # Errors
/// When a loss refuses its input.
pub fn run(pairs: i64, dim: i64, device: Device, budget: Duration) -> Result<Vec<Timing>> {
    let normal = |seed: i64| {
        tch::manual_seed(seed);
        let z = Tensor::randn([pairs, dim], (Kind::Float, Device::Cpu)).to_device(device);
        let norm = z.norm_scalaropt_dim(2.0, [1i64].as_slice(), true);
        (&z / norm).set_requires_grad(true)
    };
    let (z1, z2) = (normal(1), normal(2));
    let losses: Vec<Box<dyn ContrastiveLoss>> =
        [Estimator::SimClr, Estimator::Dcl, Estimator::Hcl, Estimator::Bcl]
            .into_iter()
            .map(|estimator| {
                let mut config = LossConfig::new(estimator);
                (config.alpha, config.beta) = (0.9, 0.9);
                config.build()
            })
            .collect::<Result<_, _>>()?;
    for loss in &losses {
        let _ = loss.forward(&z1, &z2)?; // reports what the timed closures cannot
    }
    let step = |value: &Tensor| {
        value.backward();
        synchronize(device);
    };
    let evaluations: &[(&str, Evaluation)] = match device {
        Device::Cpu => &[("fused", Evaluation::Fused), ("plain", Evaluation::Plain)],
        _ => &[("plain", Evaluation::Plain), ("blockwise", Evaluation::Blockwise)],
    };
    let mut cases: Vec<Case<'_>> = Vec::new();
    for &(how, evaluation) in evaluations {
        for loss in &losses {
            let (z1, z2) = (&z1, &z2);
            cases.push(Case::new(format!("{} {how}", loss.name()), move || {
                let batch = Batch::two_views(z1, z2).map(|batch| batch.evaluation(evaluation));
                if let Ok(value) = batch.and_then(|batch| loss.forward_batch(&batch, Reduction::Mean)) {
                    step(&value);
                }
            }));
        }
    }
    cases.push(Case::new("InfoNCE by cross_entropy", || step(&cross_entropy(&z1, &z2))));
    cases.push(Case::new("BCL by sort + searchsorted", || step(&sorted_bcl(&z1, &z2))));
    if pairs <= CUBIC_LIMIT {
        cases.push(Case::new("BCL by cubic comparison", || step(&cubic_bcl(&z1, &z2))));
    }
    cases.push(Case::new("three matrix products", || {
        let _ = tch::no_grad(|| three_products(&z1, &z2));
        synchronize(device);
    }));
    Ok(interleaved(&mut cases, budget))
}

fn synchronize(device: Device) {
    if let Device::Cuda(index) = device {
        tch::Cuda::synchronize(index as i64);
    }
}

/// 2B x 2B logits without the diagonal's, and the column of each row's positive.
fn logits(z1: &Tensor, z2: &Tensor) -> (Tensor, Tensor) {
    let pairs = z1.size()[0];
    let z = Tensor::cat(&[z1, z2], 0);
    let mask = Tensor::eye(2 * pairs, (Kind::Bool, z.device()));
    let logits = (z.matmul(&z.tr()) / 0.5).masked_fill(&mask, f64::NEG_INFINITY);
    let target = Tensor::arange(2 * pairs, (Kind::Int64, z.device())).roll([pairs], [0]);
    (logits, target)
}

fn cross_entropy(z1: &Tensor, z2: &Tensor) -> Tensor {
    let (logits, target) = logits(z1, z2);
    logits.cross_entropy_for_logits(&target)
}

/// The negatives of each row, 2B x (2B - 2), and the positives, 2B x 1, as scores.
fn scores(z1: &Tensor, z2: &Tensor) -> (Tensor, Tensor) {
    let pairs = z1.size()[0];
    let z = Tensor::cat(&[z1, z2], 0);
    let all = z.matmul(&z.tr());
    let eye = Tensor::eye(2 * pairs, (Kind::Bool, z.device()));
    let keep = eye.logical_or(&eye.roll([pairs], [1])).logical_not();
    let positive = (z1 * z2).sum_dim_intlist([1i64].as_slice(), true, Kind::Float);
    (all.masked_select(&keep).view([2 * pairs, 2 * pairs - 2]), Tensor::cat(&[&positive, &positive], 0))
}

fn bcl_from_cdf(scores: &Tensor, positive: &Tensor, cdf: &Tensor) -> Tensor {
    let (alpha, beta, tau) = (0.9, 0.9, 0.1);
    let a = (1.0 - 2.0 * alpha) * (1.0 - 2.0 * tau);
    let b = 1.0 - a;
    let r = (cdf * (4.0 * a) + b * b).sqrt();
    let phi = cdf * 2.0 / (&r + b);
    let share = alpha * (1.0 - beta) + (1.0 - alpha) * beta;
    let omega: Tensor =
        ((1.0 - &phi) * (alpha * (1.0 - beta)) + &phi * ((1.0 - alpha) * beta)) * 2.0 / (r * share);
    let positive = (positive / 0.5).exp();
    let negative =
        ((scores / 0.5).exp() * omega.detach()).sum_dim_intlist([1i64].as_slice(), true, Kind::Float);
    -(&positive / (&positive + negative)).log().mean(Kind::Float)
}

fn sorted_bcl(z1: &Tensor, z2: &Tensor) -> Tensor {
    let (scores, positive) = scores(z1, z2);
    let (sorted, _) = scores.detach().sort(1, false);
    let rank = scores.detach().searchsorted(&sorted, false, true, "right", None::<Tensor>);
    let cdf = rank.to_kind(Kind::Float) / scores.size()[1] as f64;
    bcl_from_cdf(&scores, &positive, &cdf)
}

/// Each score compared with every other of its row, as the authors' code does.
fn cubic_bcl(z1: &Tensor, z2: &Tensor) -> Tensor {
    let (scores, positive) = scores(z1, z2);
    let detached = scores.detach();
    let below = detached.unsqueeze(1).le_tensor(&detached.unsqueeze(2)); // 2B x N x N
    let cdf = below.to_kind(Kind::Float).mean_dim([2i64].as_slice(), false, Kind::Float);
    bcl_from_cdf(&scores, &positive, &cdf)
}

/// The products that no evaluation of value and gradient can do without.
fn three_products(z1: &Tensor, z2: &Tensor) -> Tensor {
    let z = Tensor::cat(&[z1, z2], 0);
    let s = z.matmul(&z.tr());
    s.matmul(&z) + s.tr().matmul(&z)
}
