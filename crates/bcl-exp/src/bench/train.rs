//! A training step of a small encoder: two forward passes, loss, backward pass, Adam; f32 and bf16.

use super::clock::{Case, Timing, interleaved};
use anyhow::Result;
use bcl_core::{Estimator, LossConfig};
use bcl_models::{
    AdamConfig, Arch, EncoderConfig, Model, ModelConfig, Optimizer, OptimizerConfig, Precision, Statistics,
    Stem,
};
use std::time::Duration;
use tch::{Device, Kind, Tensor};

/// Pairs in a step.
const PAIRS: i64 = 128;

/// Times a step in both precisions; also says how many views a step takes.
///
/// # Errors
/// When memory does not suffice.
pub fn run(device: Device, budget: Duration) -> Result<(Vec<Timing>, u64)> {
    let encoder = EncoderConfig { arch: Arch::ResNet18, width: 16, stem: Stem::Cifar, in_channels: 3 };
    let mut config = LossConfig::new(Estimator::Bcl);
    (config.alpha, config.beta) = (0.9, 0.9);
    let loss = config.build()?;
    let views = Tensor::f_rand([2, PAIRS, 3, 32, 32], (Kind::Float, device))?;
    let (view1, view2) = (views.get(0), views.get(1));
    let step = |model: &Model, adam: &mut Optimizer| -> Result<()> {
        let (z1, z2) =
            (model.forward(&view1, Statistics::Batch)?.z, model.forward(&view2, Statistics::Batch)?.z);
        adam.zero_grad(model)?;
        loss.forward(&z1, &z2)?.f_backward()?;
        adam.step(model)?;
        if let Device::Cuda(index) = device {
            tch::Cuda::synchronize(index as i64);
        }
        Ok(())
    };
    let mut runs = Vec::new();
    for precision in [Precision::Bf16, Precision::F32] {
        let config = ModelConfig { encoder, hidden: 512, feature_dim: 128, precision };
        let model = Model::new(&config, 0, device)?;
        let adam = Optimizer::new(&model, OptimizerConfig::Adam(AdamConfig::default()))?;
        runs.push((precision, model, adam));
    }
    let step = &step;
    let mut cases: Vec<Case<'_>> = runs
        .iter_mut()
        .map(|(precision, model, adam)| Case::new(precision.to_string(), move || step(model, adam)))
        .collect();
    Ok((interleaved(&mut cases, budget)?, 2 * PAIRS as u64))
}
