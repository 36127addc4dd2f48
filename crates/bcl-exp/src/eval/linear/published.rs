//! The published probe: a linear layer trained on features of augmented images.

use super::LinearClassifier;
use crate::progress::Progress;
use anyhow::{Result, ensure};
use bcl_data::{Labeled, LoaderConfig, Policy, ViewLoader};
use bcl_models::Model;
use tch::{Kind, Tensor};

/// Epochs of the published probe.
pub const EPOCHS: u32 = 100;

/// How the published probe is trained.
#[derive(Debug, Clone, Copy)]
pub struct PublishedProbe {
    /// Passes over the probe images; [`EPOCHS`] as published.
    pub epochs: u32,
    /// Adam's step size; 1e-3 as published, 1e-2 on STL-10.
    pub learning_rate: f64,
    /// Adam's coupled weight decay; 1e-6 as published.
    pub weight_decay: f64,
    /// Images in a batch; 512 as published.
    pub batch: usize,
    /// Names the augmentation's streams.
    pub seed: u64,
    /// Threads that augment.
    pub threads: usize,
}

impl PublishedProbe {
    /// As published for a data set.
    #[must_use]
    pub fn of(dataset: &str, seed: u64, threads: usize) -> Self {
        // The authors' step size on STL-10, which has few labelled images, is ten times that elsewhere.
        let learning_rate = if dataset == "stl10" { 1e-2 } else { 1e-3 };
        Self { epochs: EPOCHS, learning_rate, weight_decay: 1e-6, batch: 512, seed, threads }
    }
}

/// Trains a linear layer on features of augmented probe images, the encoder frozen with running batch statistics.
///
/// # Errors
/// When the step size is out of range, the loader stops, or the loss is not finite.
pub fn published(
    model: &Model,
    probe: &Labeled,
    policy: &Policy,
    classes: i64,
    settings: PublishedProbe,
) -> Result<LinearClassifier> {
    let rate = settings.learning_rate;
    ensure!(
        rate.is_finite() && rate > 0.0,
        "learning rate of the linear probe: expected a number > 0, got {rate}"
    );
    let width = model.config().encoder.features_dim();
    let options = (Kind::Float, model.device());
    // torch.nn.Linear begins uniform; a linear model's fit does not need its symmetry broken.
    let weight = Tensor::f_zeros([classes, width], options)?.f_set_requires_grad(true)?;
    let bias = Tensor::f_zeros([classes], options)?.f_set_requires_grad(true)?;
    let mut adam = [Moments::new(&weight)?, Moments::new(&bias)?];
    let batches = probe.images().len().div_ceil(settings.batch) as u64;
    let mut progress = Progress::new("linear probe", 0, u64::from(settings.epochs) * batches);
    for epoch in 0..settings.epochs {
        let config = LoaderConfig {
            drop_last: false,
            // Streams of the probe are other ones than those of training.
            ..LoaderConfig::training(settings.batch, !settings.seed, u64::from(epoch), settings.threads)
        };
        let mut last = f64::NAN;
        for batch in ViewLoader::new(probe.images().clone(), vec![policy.clone()], config)? {
            let batch = batch?;
            let labels = Tensor::from_slice(&batch.labels.unwrap_or_default()).to_device(model.device());
            let scores = model.features(&batch.views[0])?.f_linear(&weight, Some(&bias))?;
            let loss =
                scores.f_cross_entropy_loss(&labels, None::<Tensor>, tch::Reduction::Mean, -100, 0.0)?;
            let gradients = Tensor::f_run_backward(&[&loss], &[&weight, &bias], false, false)?;
            last = loss.f_double_value(&[])?;
            for ((parameter, gradient), moments) in [&weight, &bias].iter().zip(&gradients).zip(&mut adam) {
                moments.step(parameter, gradient, &settings)?;
            }
            progress.step(|| format!("epoch {}/{}, loss {last:.4}", epoch + 1, settings.epochs));
        }
        ensure!(last.is_finite(), "linear probe: the loss is {last} after epoch {}", epoch + 1);
    }
    progress.finish();
    Ok(LinearClassifier { weight: weight.detach(), bias: bias.detach() })
}

/// Adam's state for one tensor of the probe.
#[derive(Debug)]
struct Moments {
    first: Tensor,
    second: Tensor,
    steps: i32,
}

impl Moments {
    fn new(parameter: &Tensor) -> Result<Self> {
        let zeros = || parameter.f_detach()?.f_zeros_like();
        Ok(Self { first: zeros()?, second: zeros()?, steps: 0 })
    }

    fn step(&mut self, parameter: &Tensor, gradient: &Tensor, settings: &PublishedProbe) -> Result<()> {
        let _guard = tch::no_grad_guard();
        let gradient = gradient.f_add(&parameter.f_mul_scalar(settings.weight_decay)?)?;
        self.steps += 1;
        let _ = self.first.f_lerp_(&gradient, 0.1)?;
        let _ = self.second.f_lerp_(&gradient.f_square()?, 0.001)?;
        let size = settings.learning_rate / (1.0 - 0.9f64.powi(self.steps));
        let root = (1.0 - 0.999f64.powi(self.steps)).sqrt();
        let scale = self.second.f_sqrt()?.f_div_scalar(root)?.f_add_scalar(1e-8)?;
        let _ = parameter.shallow_clone().f_sub_(&self.first.f_div(&scale)?.f_mul_scalar(size)?)?;
        Ok(())
    }
}
