//! What a representation looks like without labels: alignment, uniformity, spread and rank of the projections.

use anyhow::{Context, Result, bail, ensure};
use bcl_data::{ImageSet, LoaderConfig, Policy, ViewLoader};
use bcl_models::{Model, Statistics};
use tch::{Kind, Tensor};

/// Images measured: enough for a mean to 1 % and a rank of some hundreds, seconds on a processor.
pub const SAMPLE: usize = 2048;

/// Images encoded, and rows compared, at a time.
const BLOCK: i64 = 512;

/// Measures of normalised projections, the space that the loss sees.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Representation {
    /// E ‖z1 − z2‖² over the two views of an image (Wang and Isola 2020, α = 2), in [0, 4]: 0 when views coincide.
    pub alignment: f64,
    /// log E exp(−2 ‖z − z'‖²) over pairs of images (Wang and Isola 2020, t = 2), the mean of both views, in
    /// [−8, 0]: 0 when all images coincide, near −4 when they are spread over the sphere.
    pub uniformity: f64,
    /// Mean over dimensions of the standard deviation of the first view: 1 / sqrt(D) when spread over the sphere, 0
    /// when collapsed.
    pub feature_std: f64,
    /// exp of the entropy of the singular values (Roy and Vetterli 2007; RankMe, Garrido et al. 2023) of the first
    /// view, in [1, D].
    pub effective_rank: f64,
}

impl Representation {
    /// Measures two views' rows of length 1. Memory grows with N, not N².
    ///
    /// # Shapes
    /// `z1`, `z2`: N x D, row i of both from image i; N at least 2.
    ///
    /// # Errors
    /// On other shapes, or values that are not finite.
    pub fn of(z1: &Tensor, z2: &Tensor) -> Result<Self> {
        let size = z1.size();
        ensure!(
            size.len() == 2 && size[0] >= 2 && z2.size() == size,
            "representation: expected two N x D with N at least 2, got {size:?} and {:?}",
            z2.size()
        );
        let _guard = tch::no_grad_guard();
        let (z1, z2) = (z1.f_to_kind(Kind::Double)?, z2.f_to_kind(Kind::Double)?);
        let number = |value: Tensor| -> Result<f64> { Ok(value.f_double_value(&[])?) };
        let alignment = number(z1.f_sub(&z2)?.f_square()?.f_sum(Kind::Double)?)? / size[0] as f64;
        ensure!(alignment.is_finite(), "representation: the projections are not finite");
        Ok(Self {
            alignment,
            uniformity: f64::midpoint(uniformity(&z1)?, uniformity(&z2)?),
            feature_std: number(z1.f_std_dim([0i64].as_slice(), true, false)?.f_mean(Kind::Double)?)?,
            effective_rank: effective_rank(&z1)?,
        })
    }

    /// Measures [`SAMPLE`] images (all when there are fewer), evenly over the classes, in two views by `policies`,
    /// with running batch statistics. The views depend on `seed` alone.
    ///
    /// # Errors
    /// When there are fewer than two images or policies, memory does not suffice, or the loader stops.
    pub fn measure(
        model: &Model,
        set: &ImageSet,
        policies: &[Policy],
        seed: u64,
        threads: usize,
    ) -> Result<Self> {
        let _guard = tch::no_grad_guard();
        let policies = policies.get(..2).context("representation: expected two views of an image")?;
        // Streams of their own: training counts its epochs from 0.
        let config =
            LoaderConfig { seed, epoch: u64::MAX, ..LoaderConfig::evaluation(BLOCK as usize, threads) };
        let mut views = [Vec::new(), Vec::new()];
        for batch in ViewLoader::new(set.subset(SAMPLE)?, policies.to_vec(), config)? {
            let batch = batch?;
            let [first, second] = &batch.views[..] else {
                bail!("representation: expected two views of an image, got {}", batch.views.len());
            };
            views[0].push(model.forward(first, Statistics::Running)?.z);
            views[1].push(model.forward(second, Statistics::Running)?.z);
        }
        ensure!(!views[0].is_empty(), "representation: expected at least two images, got none");
        Self::of(&Tensor::f_cat(&views[0], 0)?, &Tensor::f_cat(&views[1], 0)?)
    }
}

/// log of the mean over i ≠ j of exp(−2 ‖z_i − z_j‖²) = exp(4 z_i·z_j − 4). `z`: N x D, f64.
fn uniformity(z: &Tensor) -> Result<f64> {
    let kernel = |scores: &Tensor| -> Result<f64> {
        Ok(scores.f_mul_scalar(4.0)?.f_sub_scalar(4.0)?.f_exp()?.f_sum(Kind::Double)?.f_double_value(&[])?)
    };
    let (count, bank) = (z.size()[0], z.f_transpose(0, 1)?); // D x N
    let mut sum = 0.0;
    for start in (0..count).step_by(BLOCK as usize) {
        let rows = z.f_narrow(0, start, BLOCK.min(count - start))?; // R x D
        sum += kernel(&rows.f_matmul(&bank)?)?; // R x N
    }
    let own = kernel(&z.f_square()?.f_sum_dim_intlist([1i64].as_slice(), false, Kind::Double)?)?;
    Ok(((sum - own) / (count * (count - 1)) as f64).ln())
}

/// exp of the entropy of the singular values' shares. `z`: N x D, f64.
fn effective_rank(z: &Tensor) -> Result<f64> {
    let (_, values, _) = z.f_svd(true, false)?;
    let shares = values.f_div(&values.f_sum(Kind::Double)?)?;
    let entropy = shares.f_xlogy(&shares)?.f_sum(Kind::Double)?.f_neg()?.f_double_value(&[])?;
    Ok(entropy.exp())
}
