//! Linear probes: a linear layer on frozen features.
//!
//! [`cached`] fits multinomial logistic regression to the features of plain images, to convergence; [`published`]
//! follows the paper: augmented images, Adam, a fixed number of epochs.

use super::{Features, Outcome};
use crate::progress::Progress;
use anyhow::{Result, ensure};
use bcl_data::{Labeled, LoaderConfig, Policy, ViewLoader};
use bcl_models::Model;
use tch::{Kind, Tensor};

/// L2 penalty of the cached probe on standardised features, per image: scikit-learn's C = 1 / (penalty x N).
const PENALTY: f64 = 1e-4;

/// Most iterations of the cached probe.
const ITERATIONS: usize = 300;

/// Curvature pairs that L-BFGS remembers.
const MEMORY: usize = 10;

/// Weights C x F and bias C.
#[derive(Debug)]
pub struct LinearClassifier {
    weight: Tensor,
    bias: Tensor,
}

impl LinearClassifier {
    /// Scores N x C.
    ///
    /// # Errors
    /// When widths differ.
    pub fn scores(&self, x: &Tensor) -> Result<Tensor> {
        let _guard = tch::no_grad_guard();
        Ok(x.f_linear(&self.weight, Some(&self.bias))?)
    }
}

/// Fits by L-BFGS on standardised features (mean 0, standard deviation 1 over the probe images), and folds the
/// standardisation into the weights: no random numbers.
///
/// # Errors
/// When memory does not suffice, or a feature is not finite.
pub fn cached(probe: &Features, classes: i64) -> Result<LinearClassifier> {
    let (deviation, mean) = {
        let _guard = tch::no_grad_guard();
        let mean = probe.x.f_mean_dim([0i64].as_slice(), false, Kind::Float)?;
        (probe.x.f_std_dim([0i64].as_slice(), false, false)?.f_clamp_min(1e-6)?, mean)
    };
    let x = probe.x.f_sub(&mean)?.f_div(&deviation)?; // N x F
    let (count, width) = (x.size()[0], x.size()[1]);
    let split = |parameters: &Tensor| -> Result<(Tensor, Tensor)> {
        Ok((parameters.f_narrow(1, 0, width)?, parameters.f_narrow(1, width, 1)?.f_squeeze_dim(1)?))
    };
    let target = probe.labels.f_one_hot(classes)?.f_to_kind(Kind::Float)?; // N x C
    // Value and gradient in closed form; parameters C x (F + 1), the bias last and not penalised.
    let objective = |parameters: &Tensor| -> Result<(f64, Tensor)> {
        let (weight, bias) = split(parameters)?;
        let log_p = x.f_linear(&weight, Some(&bias))?.f_log_softmax(1, Kind::Float)?; // N x C
        let value = -log_p.f_mul(&target)?.f_sum(Kind::Double)?.f_double_value(&[])? / count as f64
            + PENALTY / 2.0 * weight.f_square()?.f_sum(Kind::Double)?.f_double_value(&[])?;
        let residual = log_p.f_exp()?.f_sub(&target)?.f_div_scalar(count as f64)?; // N x C
        let slope = residual.f_transpose(0, 1)?.f_matmul(&x)?.f_add(&weight.f_mul_scalar(PENALTY)?)?; // C x F
        let bias_slope = residual.f_sum_dim_intlist([0i64].as_slice(), false, Kind::Float)?.f_unsqueeze(1)?;
        Ok((value, Tensor::f_cat(&[slope, bias_slope], 1)?))
    };
    let _guard = tch::no_grad_guard();
    let start = Tensor::f_zeros([classes, width + 1], (Kind::Float, x.device()))?;
    let (weight, bias) = split(&minimise(start, objective)?)?;
    let weight = weight.f_div(&deviation)?;
    let bias = bias.f_sub(&weight.f_mv(&mean)?)?;
    Ok(LinearClassifier { weight, bias })
}

/// L-BFGS with backtracking (Nocedal and Wright, Algorithm 7.4) for a smooth convex function.
fn minimise(mut point: Tensor, objective: impl Fn(&Tensor) -> Result<(f64, Tensor)>) -> Result<Tensor> {
    let dot =
        |a: &Tensor, b: &Tensor| -> Result<f64> { Ok(a.f_mul(b)?.f_sum(Kind::Double)?.f_double_value(&[])?) };
    let (mut value, mut slope) = objective(&point)?;
    ensure!(value.is_finite(), "linear probe: the features are not finite");
    let mut pairs: Vec<(Tensor, Tensor, f64)> = Vec::new(); // step, change of slope, their product
    for _ in 0..ITERATIONS {
        if slope.f_abs()?.f_max()?.f_double_value(&[])? < 1e-5 {
            break;
        }
        // Two-loop recursion.
        let mut direction = slope.f_neg()?;
        let mut shares = Vec::with_capacity(pairs.len());
        for (step, change, product) in pairs.iter().rev() {
            let share = dot(step, &direction)? / product;
            direction = direction.f_sub(&change.f_mul_scalar(share)?)?;
            shares.push(share);
        }
        if let Some((_, change, product)) = pairs.last() {
            direction = direction.f_mul_scalar(product / dot(change, change)?)?;
        }
        for ((step, change, product), share) in pairs.iter().zip(shares.iter().rev()) {
            let correction = share - dot(change, &direction)? / product;
            direction = direction.f_add(&step.f_mul_scalar(correction)?)?;
        }
        let descent = dot(&slope, &direction)?;
        let mut length = 1.0;
        let accepted = loop {
            let next = point.f_add(&direction.f_mul_scalar(length)?)?;
            let (next_value, next_slope) = objective(&next)?;
            if next_value <= value + 1e-4 * length * descent {
                break Some((next, next_value, next_slope));
            }
            length /= 2.0;
            if length < 1e-6 {
                break None;
            }
        };
        let Some((next, next_value, next_slope)) = accepted else {
            break; // as low as f32 can tell
        };
        let (step, change) = (next.f_sub(&point)?, next_slope.f_sub(&slope)?);
        let product = dot(&step, &change)?;
        if product > 1e-12 {
            pairs.push((step, change, product));
            if pairs.len() > MEMORY {
                drop(pairs.remove(0));
            }
        }
        (point, value, slope) = (next, next_value, next_slope);
    }
    Ok(point)
}

/// How the published probe is trained.
#[derive(Debug, Clone, Copy)]
pub struct PublishedProbe {
    /// Passes over the probe images; 100 as published.
    pub epochs: u32,
    /// Adam's step size; 1e-3 as published.
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

/// Trains a linear layer on features of augmented probe images, the encoder frozen with running batch statistics.
///
/// # Errors
/// When the loader stops, or the encoder changed, which would be a bug.
pub fn published(
    model: &Model,
    probe: &Labeled,
    policy: &Policy,
    classes: i64,
    settings: PublishedProbe,
) -> Result<LinearClassifier> {
    let before = model.encoder_hash()?;
    let width = model.config().encoder.features_dim();
    let options = (Kind::Float, model.device());
    // torch.nn.Linear begins uniform; a linear model's fit does not need its symmetry broken.
    let weight = Tensor::f_zeros([classes, width], options)?.f_set_requires_grad(true)?;
    let bias = Tensor::f_zeros([classes], options)?.f_set_requires_grad(true)?;
    let mut adam = [Moments::new(&weight)?, Moments::new(&bias)?];
    let mut progress = Progress::new("linear probe", 0, u64::from(settings.epochs));
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
        }
        ensure!(last.is_finite(), "linear probe: the loss is {last} after epoch {}", epoch + 1);
        progress.step(|| format!("loss {last:.4}"));
    }
    progress.finish();
    ensure!(model.encoder_hash()? == before, "linear probe: the frozen encoder has changed");
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

/// Judges a classifier on a split.
///
/// # Errors
/// When widths differ.
pub fn judge(classifier: &LinearClassifier, test: &Features) -> Result<Outcome> {
    Outcome::new(&classifier.scores(&test.x)?, &test.labels)
}
