//! L-BFGS for smooth convex functions of one tensor.

use anyhow::{Result, ensure};
use tch::{Kind, Tensor};

/// Most iterations.
const ITERATIONS: u32 = 1000;

/// Largest component of the gradient at which a point counts as the minimum.
const TOLERANCE: f64 = 1e-5;

/// Curvature pairs that are remembered.
const MEMORY: usize = 10;

/// Where a search ended.
pub(super) struct Minimum {
    pub(super) point: Tensor,
    pub(super) iterations: u32,
    /// Whether it ended at a minimum as far as f32 can tell, not for want of iterations.
    pub(super) converged: bool,
}

/// A step that has been taken: the step, the change of the gradient along it, and their product.
struct Pair {
    step: Tensor,
    change: Tensor,
    product: f64,
}

/// Minimises by L-BFGS with backtracking (Nocedal and Wright, Algorithm 7.5). `objective` gives value and gradient.
///
/// # Errors
/// When the value at the start is not finite, or the objective fails.
pub(super) fn minimise(
    start: Tensor,
    objective: impl Fn(&Tensor) -> Result<(f64, Tensor)>,
) -> Result<Minimum> {
    let at = |point: Tensor| -> Result<Place> {
        let (value, slope) = objective(&point)?;
        Ok(Place { point, value, slope })
    };
    let mut here = at(start)?;
    ensure!(here.value.is_finite(), "linear probe: the features are not finite");
    let mut pairs: Vec<Pair> = Vec::new();
    for iterations in 0..ITERATIONS {
        let steepness = here.steepness()?;
        if steepness < TOLERANCE {
            return Ok(Minimum { point: here.point, iterations, converged: true });
        }
        let direction = descent(&here.slope, &pairs)?;
        let Some(next) = search(&here, &direction, at)? else {
            return Ok(Minimum { point: here.point, iterations, converged: true });
        };
        if next.value >= here.value && next.steepness()? >= steepness {
            return Ok(Minimum { point: here.point, iterations, converged: true });
        }
        let (step, change) = (next.point.f_sub(&here.point)?, next.slope.f_sub(&here.slope)?);
        let product = dot(&step, &change)?;
        if product > 0.0 {
            pairs.push(Pair { step, change, product });
            if pairs.len() > MEMORY {
                drop(pairs.remove(0));
            }
        }
        here = next;
    }
    Ok(Minimum { point: here.point, iterations: ITERATIONS, converged: false })
}

/// A point with the objective's value and gradient.
struct Place {
    point: Tensor,
    value: f64,
    slope: Tensor,
}

impl Place {
    /// The largest component of the gradient.
    fn steepness(&self) -> Result<f64> {
        Ok(self.slope.f_abs()?.f_max()?.f_double_value(&[])?)
    }
}

/// A point along `direction` that is low enough, from one whole step backwards; `None` when f32 tells none.
///
/// Near the minimum f32 cannot tell values apart, but gradients still: the approximate condition of Hager and Zhang
/// (2005) then asks that the slope along the direction has become less.
fn search(here: &Place, direction: &Tensor, at: impl Fn(Tensor) -> Result<Place>) -> Result<Option<Place>> {
    let fall = dot(&here.slope, direction)?;
    let mut length = 1.0;
    while length > 1e-6 {
        let next = at(here.point.f_add(&direction.f_mul_scalar(length)?)?)?;
        let lower = next.value <= here.value + 1e-4 * length * fall;
        let alike = next.value <= here.value + 1e-7 * here.value.abs();
        if lower || (alike && dot(&next.slope, direction)?.abs() <= 0.8 * fall.abs()) {
            return Ok(Some(next));
        }
        length /= 2.0;
    }
    Ok(None)
}

/// The direction to search in: the two-loop recursion (Nocedal and Wright, Algorithm 7.4).
fn descent(slope: &Tensor, pairs: &[Pair]) -> Result<Tensor> {
    let mut direction = slope.f_neg()?;
    let mut shares = Vec::with_capacity(pairs.len());
    for Pair { step, change, product } in pairs.iter().rev() {
        let share = dot(step, &direction)? / product;
        direction = direction.f_sub(&change.f_mul_scalar(share)?)?;
        shares.push(share);
    }
    if let Some(Pair { change, product, .. }) = pairs.last() {
        direction = direction.f_mul_scalar(product / dot(change, change)?)?;
    }
    for (Pair { step, change, product }, share) in pairs.iter().zip(shares.iter().rev()) {
        let correction = share - dot(change, &direction)? / product;
        direction = direction.f_add(&step.f_mul_scalar(correction)?)?;
    }
    Ok(direction)
}

fn dot(a: &Tensor, b: &Tensor) -> Result<f64> {
    Ok(a.f_mul(b)?.f_sum(Kind::Double)?.f_double_value(&[])?)
}
