//! Shared by the tests: devices, random embeddings, and the losses once more in plain f64 loops.
#![allow(dead_code, missing_docs, unreachable_pub, reason = "each test file uses a part")]

pub mod device;

use bcl_core::{ClassPrior, Concentration, Location};
use bcl_core::{Estimator, Formulation, LossConfig, OrderStats};
use tch::{Device, Kind, Tensor};

/// What every body runs on: the device of `BCL_TEST_DEVICE`.
pub fn devices() -> Vec<Device> {
    vec![device::device()]
}

/// Rows of length 1 from a small congruential generator, f64: the same on every device and thread.
pub fn embeddings(rows: i64, dim: i64, seed: u64) -> Tensor {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let values: Vec<f64> = (0..rows * dim)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1u64 << 53) as f64 - 0.5
        })
        .collect();
    bcl_core::normalize(&Tensor::from_slice(&values).view([rows, dim])).unwrap()
}

pub fn to_vec(tensor: &Tensor) -> Vec<f64> {
    Vec::<f64>::try_from(tensor.detach().to_device(Device::Cpu).to_kind(Kind::Double).flatten(0, -1)).unwrap()
}

pub fn scalar(tensor: &Tensor) -> f64 {
    tensor.to_kind(Kind::Double).double_value(&[])
}

/// Every estimator at settings that exercise it.
pub fn configs(temperature: f64) -> Vec<LossConfig> {
    let base = |estimator| LossConfig { temperature, ..LossConfig::new(estimator) };
    let bcl = |alpha, beta, tau_plus| LossConfig { alpha, beta, tau_plus, ..base(Estimator::Bcl) };
    vec![
        base(Estimator::SimClr),
        base(Estimator::Dcl),
        LossConfig { tau_plus: 0.0, ..base(Estimator::Dcl) },
        base(Estimator::Hcl),
        LossConfig { hcl_beta: 2.5, ..base(Estimator::Hcl) },
        bcl(0.9, 0.9, 0.1),
        bcl(0.7, 1.0, 0.01),
        bcl(1.0, 0.3, 0.2),
        bcl(0.6, 0.0, 0.5),
        LossConfig { formulation: Formulation::VonMisesFisher, ..bcl(0.8, 1.5, 0.1) },
        base(Estimator::Oracle),
    ]
}

/// The loss of each anchor by loops over two views, rows of z as slices of `dim`.
pub fn naive(config: &LossConfig, z1: &Tensor, z2: &Tensor, labels: &[i64]) -> Vec<f64> {
    let (pairs, dim) = (z1.size()[0] as usize, z1.size()[1] as usize);
    let z = to_vec(&Tensor::cat(&[z1, z2], 0));
    let row = |i: usize| &z[i * dim..(i + 1) * dim];
    let dot = |i: usize, j: usize| row(i).iter().zip(row(j)).map(|(a, b)| a * b).sum::<f64>();
    (0..2 * pairs)
        .map(|i| {
            let partner = (i + pairs) % (2 * pairs);
            let others: Vec<usize> = (0..2 * pairs).filter(|&j| j != i && j != partner).collect();
            let scores: Vec<f64> = others.iter().map(|&j| dot(i, j)).collect();
            let same: Vec<bool> = others.iter().map(|&j| labels[j % pairs] == labels[i % pairs]).collect();
            naive_anchor(config, dot(i, partner), &scores, &same)
        })
        .collect()
}

/// One anchor, straight from the definitions; shifted by the positive so that f64 does not overflow.
pub fn naive_anchor(config: &LossConfig, positive: f64, scores: &[f64], same: &[bool]) -> f64 {
    let t = config.temperature;
    let n = scores.len() as f64;
    let x: Vec<f64> = scores.iter().map(|s| ((s - positive) / t).exp()).collect();
    let floor = n * ((-1.0 - positive) / t).exp();
    let tau = config.tau_plus;
    let negatives = match config.estimator {
        Estimator::SimClr => x.iter().sum(),
        Estimator::Dcl => ((x.iter().sum::<f64>() - tau * n) / (1.0 - tau)).max(floor),
        Estimator::Hcl => {
            let highest = scores.iter().copied().fold(f64::MIN, f64::max);
            let y: Vec<f64> = scores.iter().map(|s| ((s - highest) * config.hcl_beta / t).exp()).collect();
            let mean = y.iter().sum::<f64>() / n;
            let sum: f64 = x.iter().zip(&y).map(|(x, y)| x * y / mean).sum();
            ((sum - tau * n) / (1.0 - tau)).max(floor)
        }
        Estimator::Bcl => naive_weights(config, scores).iter().zip(&x).map(|(w, x)| w * x).sum(),
        Estimator::Oracle => {
            let kept: Vec<f64> = x.iter().zip(same).filter(|(_, same)| !**same).map(|(x, _)| *x).collect();
            if kept.is_empty() { 0.0 } else { n / kept.len() as f64 * kept.iter().sum::<f64>() }
        }
    };
    negatives.ln_1p()
}

/// ω by counting: F_j = #{k : s_k <= s_j} / N.
pub fn naive_weights(config: &LossConfig, scores: &[f64]) -> Vec<f64> {
    let tilted = config.formulation == Formulation::VonMisesFisher;
    let model = OrderStats::new(
        Location::new(config.alpha).unwrap(),
        Concentration::new(if tilted { 0.5 } else { config.beta }).unwrap(),
        ClassPrior::new(config.tau_plus).unwrap(),
    )
    .unwrap();
    let n = scores.len() as f64;
    let cdf = scores.iter().map(|s| scores.iter().filter(|other| *other <= s).count() as f64 / n);
    if !tilted {
        return cdf.map(|cdf| model.omega(cdf)).collect();
    }
    let highest = scores.iter().copied().fold(f64::MIN, f64::max);
    let raw: Vec<f64> = cdf
        .zip(scores)
        .map(|(cdf, s)| ((s - highest) * config.beta / config.temperature).exp() * model.posterior(cdf))
        .collect();
    let mean = raw.iter().sum::<f64>() / n;
    raw.iter().map(|raw| raw / mean).collect()
}
