//! A turn of the hue of some images of a batch, operation for operation that of `augment/hue.rs`.

use super::color::divided;
use crate::error::Result;
use tch::{Kind, Tensor};

/// Turns images n x 3 x S x S by n x 1 x 1 x 1 of 256 steps.
pub(super) fn turn(x: &Tensor, turn: &Tensor) -> Result<Tensor> {
    let [red, green, blue] = [0, 1, 2].map(|channel| x.f_narrow(1, channel, 1)); // n x 1 x S x S
    let (red, green, blue) = (red?, green?, blue?);
    let high = x.f_amax([1i64].as_slice(), true)?;
    let range = high.f_sub(&x.f_amin([1i64].as_slice(), true)?)?;
    let (red_high, green_high) = (red.f_eq_tensor(&high)?, green.f_eq_tensor(&high)?);

    // The hue in sixths of the wheel, from -1 to 5.
    let difference = blue.f_sub(&red)?.f_where_self(&green_high, &red.f_sub(&green)?)?;
    let difference = green.f_sub(&blue)?.f_where_self(&red_high, &difference)?;
    // 0 where red is the highest, else 2 where green is, else 4.
    let middle = red_high
        .f_logical_not()?
        .f_to_kind(Kind::Float)?
        .f_mul(&green_high.f_to_kind(Kind::Float)?.f_mul_scalar(-2.0)?.f_add_scalar(4.0)?)?;
    let part = range.f_sub(&difference.f_abs()?)?.f_div(&range.f_clamp_min(1.0)?)?;
    let side = difference.f_ge(0.0)?.f_to_kind(Kind::Float)?.f_mul_scalar(2.0)?.f_sub_scalar(1.0)?;
    let sixths = middle.f_add(&side)?.f_sub(&side.f_mul(&part)?)?;

    // To bytes, turned; the saturation a share of 1 again.
    let turns = divided(&sixths, 6.0)?;
    let turns = turns.f_add_scalar(1.0)?.f_where_self(&turns.f_lt(0.0)?, &turns)?;
    let turned = times_255(&turns)?.f_add(turn)?;
    let wrapped = turned.f_sub_scalar(256.0)?;
    let hue = turned.f_where_self(&wrapped.f_lt(0.0)?, &wrapped)?;
    let share = divided(&times_255(&range.f_div(&high.f_clamp_min(1.0)?)?)?, 255.0)?;

    // To red, green and blue.
    let sector = hue.f_mul_scalar(6.0 / 255.0)?.f_add_scalar(1.0 / 255.0)?.f_floor()?;
    let rest = divided(&hue.f_mul_scalar(6.0)?.f_sub(&sector.f_mul_scalar(255.0)?)?, 255.0)?;
    let falling = sector.f_remainder(2.0)?.f_eq(1.0)?;
    let rest = rest.f_where_self(&falling, &one_less(&rest)?)?;
    let lowest = level(&high, &share)?;
    let between = level(&high, &share.f_mul(&rest)?)?;
    // Seen from a channel the sixths are those of red, each a third of the wheel on.
    let thirds = Tensor::f_arange(3, (Kind::Float, x.device()))?.f_mul_scalar(2.0)?.f_view([1, 3, 1, 1])?;
    let sixth = sector.f_sub(&thirds)?.f_remainder(6.0)?; // n x 3 x S x S
    let at = |value: f64| Ok::<_, crate::Error>(sixth.f_eq(value)?);
    let other = between.f_where_self(&at(1.0)?.f_logical_or(&at(4.0)?)?, &lowest)?;
    Ok(high.f_where_self(&at(0.0)?.f_logical_or(&at(5.0)?)?, &other)?)
}

fn one_less(x: &Tensor) -> Result<Tensor> {
    Ok(x.f_neg()?.f_add_scalar(1.0)?)
}

/// A share of `high` less, rounded.
fn level(high: &Tensor, share: &Tensor) -> Result<Tensor> {
    Ok(high.f_mul(&one_less(share)?)?.f_add_scalar(0.5)?.f_floor()?)
}

/// 255 times a share of 1, without the fraction, as if the product were not rounded.
fn times_255(share: &Tensor) -> Result<Tensor> {
    let near = share.f_mul_scalar(255.0)?.f_floor()?;
    let over = share.f_mul_scalar(256.0)?.f_sub(&near)?.f_sub(share)?;
    Ok(near.f_sub(&over.f_lt(0.0)?.f_to_kind(Kind::Float)?)?)
}
