//! The probe on cached features: multinomial logistic regression to convergence.

use super::LinearClassifier;
use super::lbfgs::minimise;
use crate::eval::Features;
use anyhow::{Result, ensure};
use tch::{Kind, Tensor};

/// The L2 penalty unless another is asked for.
pub const PENALTY: f64 = 1e-4;

/// A fitted probe, and how the fit went.
#[derive(Debug)]
pub struct CachedProbe {
    /// For features as they are: the standardisation is folded into it.
    pub classifier: LinearClassifier,
    /// Iterations of L-BFGS.
    pub iterations: u32,
    /// Whether the gradient vanished, as far as f32 can tell, before the iterations ran out.
    pub converged: bool,
}

/// Checks an L2 penalty.
///
/// # Errors
/// When it is negative or not finite.
pub fn check_penalty(penalty: f64) -> Result<()> {
    ensure!(
        penalty.is_finite() && penalty >= 0.0,
        "penalty of the linear probe: expected a number >= 0, got {penalty}"
    );
    Ok(())
}

/// Fits by L-BFGS on standardised features (mean 0, standard deviation 1 over the probe images): no random numbers.
///
/// Minimises the mean cross-entropy plus `penalty` / 2 times the sum of the squared weights, the bias left free. This is
/// scikit-learn's `LogisticRegression` with C = 1 / (`penalty` x N) on the same features; with two classes, where it has
/// one row of weights instead of two, C = 2 / (`penalty` x N).
///
/// # Errors
/// When memory does not suffice, the penalty is out of range, or a feature is not finite.
pub fn cached(probe: &Features, classes: i64, penalty: f64) -> Result<CachedProbe> {
    check_penalty(penalty)?;
    let _guard = tch::no_grad_guard();
    let mean = probe.x.f_mean_dim([0i64].as_slice(), false, Kind::Float)?;
    let deviation = probe.x.f_std_dim([0i64].as_slice(), false, false)?.f_clamp_min(1e-6)?;
    let x = probe.x.f_sub(&mean)?.f_div(&deviation)?; // N x F
    let (count, width) = (x.size()[0], x.size()[1]);
    let split = |parameters: &Tensor| -> Result<(Tensor, Tensor)> {
        Ok((parameters.f_narrow(1, 0, width)?, parameters.f_narrow(1, width, 1)?.f_squeeze_dim(1)?))
    };
    let target = probe.labels.f_one_hot(classes)?.f_to_kind(Kind::Float)?; // N x C
    // Value and gradient in closed form; parameters C x (F + 1), the bias last.
    let objective = |parameters: &Tensor| -> Result<(f64, Tensor)> {
        let (weight, bias) = split(parameters)?;
        let log_p = x.f_linear(&weight, Some(&bias))?.f_log_softmax(1, Kind::Float)?; // N x C
        let value = -log_p.f_mul(&target)?.f_sum(Kind::Double)?.f_double_value(&[])? / count as f64
            + penalty / 2.0 * weight.f_square()?.f_sum(Kind::Double)?.f_double_value(&[])?;
        let residual = log_p.f_exp()?.f_sub(&target)?.f_div_scalar(count as f64)?; // N x C
        let slope = residual.f_transpose(0, 1)?.f_matmul(&x)?.f_add(&weight.f_mul_scalar(penalty)?)?; // C x F
        let bias_slope = residual.f_sum_dim_intlist([0i64].as_slice(), false, Kind::Float)?.f_unsqueeze(1)?;
        Ok((value, Tensor::f_cat(&[slope, bias_slope], 1)?))
    };
    let start = Tensor::f_zeros([classes, width + 1], (Kind::Float, x.device()))?;
    let minimum = minimise(start, objective)?;
    let (weight, bias) = split(&minimum.point)?;
    let weight = weight.f_div(&deviation)?;
    let bias = bias.f_sub(&weight.f_mv(&mean)?)?;
    Ok(CachedProbe {
        classifier: LinearClassifier { weight, bias },
        iterations: minimum.iterations,
        converged: minimum.converged,
    })
}
