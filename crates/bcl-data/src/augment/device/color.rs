//! Colour changes of some images of a batch; see `augment/color.rs` for what they are.

use super::hue;
use super::plan::Op;
use crate::error::Result;
use tch::{Kind, Tensor};

/// Changes images n x 3 x S x S by values n x 1 x 1 x 1.
pub(super) fn change(op: Op, x: &Tensor, value: &Tensor) -> Result<Tensor> {
    Ok(match op {
        Op::Brightness => within_range(&x.f_mul(value)?)?,
        Op::Contrast => {
            let grey = grey(x)?;
            let pixels = (grey.size()[2] * grey.size()[3]) as f64;
            let sum = grey.f_sum_dim_intlist([1i64, 2, 3].as_slice(), true, Kind::Double)?;
            let mean = divided(&sum, pixels)?.f_add_scalar(0.5)?.f_floor()?.f_to_kind(Kind::Float)?;
            blend(x, &mean, value)?
        }
        Op::Saturation => blend(x, &grey(x)?, value)?,
        Op::Grey => grey(x)?.f_expand_as(x)?,
        Op::Solarize => x.f_where_self(&x.f_lt_tensor(value)?, &x.f_neg()?.f_add_scalar(255.0)?)?,
        Op::Hue => hue::turn(x, value)?,
        Op::Blur { .. } => x.shallow_clone(), // not a change of colour
    })
}

/// n x 1 x S x S; the sums are below 2^24 and so exact.
fn grey(x: &Tensor) -> Result<Tensor> {
    let channel = |index, weight: f64| Ok::<_, crate::Error>(x.f_narrow(1, index, 1)?.f_mul_scalar(weight)?);
    let sum = channel(0, 19595.0)?.f_add(&channel(1, 38470.0)?)?.f_add(&channel(2, 7471.0)?)?;
    Ok(sum.f_add_scalar(32768.0)?.f_mul_scalar(1.0 / 65536.0)?.f_floor()?)
}

fn blend(x: &Tensor, other: &Tensor, factor: &Tensor) -> Result<Tensor> {
    within_range(&x.f_sub(other)?.f_mul(factor)?.f_add(other)?)
}

/// A quotient rounded once: libtorch divides by a plain number through its reciprocal on some devices.
pub(super) fn divided(x: &Tensor, by: f64) -> Result<Tensor> {
    Ok(x.f_div(&Tensor::f_full([1], by, (x.kind(), x.device()))?)?)
}

/// To levels, without their fraction.
fn within_range(x: &Tensor) -> Result<Tensor> {
    Ok(x.f_clamp(0.0, 255.0)?.f_floor()?)
}
