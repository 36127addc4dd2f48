//! What libtorch users would write: the baselines of the benchmark, as tensor operations.
//!
//! `z1`, `z2`: B x D, f32, rows of length 1. Temperature 0.5, alpha = beta = 0.9, tau+ = 0.1.

use tch::{Kind, Tensor};

/// 2B x 2B logits without the diagonal's, and the column of each row's positive.
fn logits(z1: &Tensor, z2: &Tensor) -> (Tensor, Tensor) {
    let pairs = z1.size()[0];
    let z = Tensor::cat(&[z1, z2], 0);
    let mask = Tensor::eye(2 * pairs, (Kind::Bool, z.device()));
    let logits = (z.matmul(&z.tr()) / 0.5).masked_fill(&mask, f64::NEG_INFINITY);
    let target = Tensor::arange(2 * pairs, (Kind::Int64, z.device())).roll([pairs], [0]);
    (logits, target)
}

/// InfoNCE.
pub(super) fn cross_entropy(z1: &Tensor, z2: &Tensor) -> Tensor {
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

/// BCL, the ranks by sort and searchsorted.
pub(super) fn sorted_bcl(z1: &Tensor, z2: &Tensor) -> Tensor {
    let (scores, positive) = scores(z1, z2);
    let (sorted, _) = scores.detach().sort(1, false);
    let rank = scores.detach().searchsorted(&sorted, false, true, "right", None::<Tensor>);
    let cdf = rank.to_kind(Kind::Float) / scores.size()[1] as f64;
    bcl_from_cdf(&scores, &positive, &cdf)
}

/// BCL, each score compared with every other of its row, as the authors' code does.
pub(super) fn cubic_bcl(z1: &Tensor, z2: &Tensor) -> Tensor {
    let (scores, positive) = scores(z1, z2);
    let detached = scores.detach();
    let below = detached.unsqueeze(1).le_tensor(&detached.unsqueeze(2)); // 2B x N x N
    let cdf = below.to_kind(Kind::Float).mean_dim([2i64].as_slice(), false, Kind::Float);
    bcl_from_cdf(&scores, &positive, &cdf)
}

/// The products that no evaluation of value and gradient can do without.
pub(super) fn three_products(z1: &Tensor, z2: &Tensor) -> Tensor {
    let z = Tensor::cat(&[z1, z2], 0);
    let s = z.matmul(&z.tr());
    s.matmul(&z) + s.tr().matmul(&z)
}
