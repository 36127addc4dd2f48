//! Clipping gradients by their global norm, as `torch.nn.utils.clip_grad_norm_` does.

use crate::error::{Error, Result};
use crate::model::Model;
use tch::{Kind, Tensor};

/// Elements that are summed in f32 before the sums are added in f64.
const ROW: i64 = 1 << 12;

/// Scales the gradients of all parameters so that their length taken together is at most `max_norm`; returns the length
/// before (no dimensions, f64, on the model's device: nobody waits for it).
///
/// # Errors
/// When `max_norm` is not above 0 and finite, or libtorch fails.
pub fn clip_gradients(model: &Model, max_norm: f64) -> Result<Tensor> {
    if !(max_norm.is_finite() && max_norm > 0.0) {
        let got = max_norm.to_string();
        return Err(Error::Parameter { name: "clip norm", expected: "a finite number > 0", got });
    }
    let norm = gradient_norm(model)?;
    let scale = norm.f_add_scalar(1e-6)?.f_reciprocal()?.f_mul_scalar(max_norm)?.f_clamp_max(1.0)?;
    let _ = model.parameters.gradient.shallow_clone().f_mul_(&scale.f_to_kind(Kind::Float)?)?;
    Ok(norm)
}

/// The length of the gradients of all parameters taken together.
fn gradient_norm(model: &Model) -> Result<Tensor> {
    let _guard = tch::no_grad_guard();
    model.parameters.adopt_gradients()?;
    let gradient = &model.parameters.gradient;
    let total = gradient.numel() as i64;
    let whole = total / ROW * ROW;
    let length = |values: Tensor| values.f_norm_scalaropt_dim(2.0, [1i64].as_slice(), false);
    let rows = length(gradient.f_narrow(0, 0, whole)?.f_view([-1, ROW])?)?;
    let rest = length(gradient.f_narrow(0, whole, total - whole)?.f_view([1, -1])?)?;
    let norms = Tensor::f_cat(&[rows, rest], 0)?.f_to_kind(Kind::Double)?;
    Ok(norms.f_square()?.f_sum(Kind::Double)?.f_sqrt()?)
}
