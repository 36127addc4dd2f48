//! One anchor: from its scores to its loss and the loss's derivatives by the scores.
//!
//! Every estimator is `L = softplus(log Ng - s+ / t)` with Ng a sum over the negatives; the derivatives follow from
//! `dL = sigmoid(log Ng - s+ / t) (d log Ng - d s+ / t)`. Exponentials are relative to the row's largest score that
//! counts, so nothing overflows and the largest term is 1.

use super::lanes::Lanes;
use super::rank::{RankScratch, look_up, range};
use super::workspace::{APART, Aligned};

/// What an estimator makes of an anchor's negatives: the term Ng.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Term<'a> {
    /// SimCLR: the sum of x.
    Sum,
    /// DCL and HCL: the sum of x, tilted by x^hardness, less the expected false negatives, not below a floor.
    Debiased { tau_plus: f64, hardness: Option<f64> },
    /// BCL: the sum of omega x; omega by rank - 1.
    ByRank { omega: &'a [f32] },
    /// BCL, first formulation: weights x^tilt p / mean of the same, taken as constants; p by rank - 1.
    Tilted { posterior: &'a [f32], tilt: f64 },
    /// Oracle: the sum of x over true negatives, times N over their number.
    TrueNegatives,
}

/// The memory a row takes besides its scores.
#[derive(Debug, Default)]
pub(super) struct RowScratch {
    ranks: RankScratch,
    /// Weight of each negative; before that, for Oracle, 1 for a true negative and 0 for a false one.
    pub(super) weights: Aligned,
}

impl RowScratch {
    pub(super) fn reserve(&mut self, length: usize) {
        self.ranks.reserve(length);
        self.weights.reserve(length.next_multiple_of(16) + 16 + APART);
    }

    pub(super) fn bytes(length: usize) -> usize {
        RankScratch::bytes(length) + 4 * (length.next_multiple_of(16) + 16 + APART)
    }
}

/// The loss of an anchor and what its positive's score has to do with it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct RowResult {
    pub(super) loss: f64,
    /// dL / ds+, times the row's factor.
    pub(super) positive: f32,
}

/// How much of Ng the largest exponential stands for, and what follows from it.
struct Negatives {
    /// log Ng.
    log: f64,
    /// d log Ng / d (first sum's terms / first sum), likewise for the second; and d log Ng / d(s+ / t).
    first: f64,
    second: f64,
    positive: f64,
}

/// Computes the loss of one anchor. With `factor`, the scores of the negatives are replaced by
/// `factor * dL / ds`; elements beyond `length` are then undefined.
///
/// # Safety
/// The processor has the features of `V`. `row` is readable and writable for `length` elements rounded up to 16; those
/// beyond are finite. `scratch` has room for `length` >= 1. For [`Term::TrueNegatives`] the scratch's weights hold the mask.
#[inline(always)]
pub(super) unsafe fn row<V: Lanes>(
    row: *mut f32,
    length: usize,
    positive: f32,
    temperature: f64,
    term: Term<'_>,
    factor: Option<f64>,
    scratch: &mut RowScratch,
) -> RowResult {
    let n = length as f64;
    let padded = length.next_multiple_of(V::WIDTH);
    // SAFETY: the row reaches over `padded` elements.
    let Some((low, high)) = unsafe { range::<V>(row, length) }.filter(|_| positive.is_finite()) else {
        // What is not a number has no rank, and must not pass for a loss.
        if factor.is_some() {
            // SAFETY: as above.
            unsafe { std::slice::from_raw_parts_mut(row, length) }.fill(f32::NAN);
        }
        return RowResult { loss: f64::NAN, positive: f32::NAN };
    };
    let inverse = 1.0 / temperature;
    let margin_of = |log: f64| log - f64::from(positive) * inverse;
    // SAFETY (of every block below): `row` and the weights reach over `padded` elements; the rest is the contract.
    match term {
        // SAFETY: as this function.
        Term::ByRank { omega: table } | Term::Tilted { posterior: table, .. } => unsafe {
            look_up::<V>(row, length, (low, high), &mut scratch.ranks, table, scratch.weights.slice());
        },
        Term::Sum | Term::Debiased { .. } => scratch.weights.slice()[..length].fill(1.0),
        Term::TrueNegatives => {}
    }
    let weights = scratch.weights.slice().as_mut_ptr();
    // Beyond the row nothing counts.
    // SAFETY: up to `padded`.
    let mut largest = unsafe {
        for position in length..padded {
            *weights.add(position) = 0.0;
        }
        match term {
            Term::Sum | Term::Debiased { .. } => high,
            _ => largest_counting::<V>(row, weights, padded),
        }
    };
    if largest == f32::NEG_INFINITY {
        largest = 0.0; // no negative counts
    }
    let reference = f64::from(largest) * inverse;
    let exponentials = Exponentials { row, weights, padded, largest, inverse };
    let mut hardness = None;
    // SAFETY: the pointers reach over `padded` elements.
    let (negatives, sums) = unsafe {
        match term {
            Term::Sum | Term::ByRank { .. } => {
                let sum = exponentials.keep::<V>(1.0);
                (Negatives { log: sum.ln() + reference, first: 1.0, second: 0.0, positive: 0.0 }, (sum, 1.0))
            }
            Term::TrueNegatives => {
                let count: f64 =
                    std::slice::from_raw_parts(weights, length).iter().map(|&w| f64::from(w)).sum();
                let sum = exponentials.keep::<V>(1.0);
                let log = (sum * (n / count.max(1.0))).ln() + reference;
                (Negatives { log, first: 1.0, second: 0.0, positive: 0.0 }, (sum, 1.0))
            }
            Term::Tilted { tilt, .. } => {
                // The weights become p exp(tilt (s - largest) / t); their mean divides, and both are constants.
                let mean = exponentials.keep::<V>(tilt) / n;
                let sum = exponentials.keep::<V>(1.0);
                let log = (sum / mean).ln() + reference;
                (Negatives { log, first: 1.0, second: 0.0, positive: 0.0 }, (sum, 1.0))
            }
            Term::Debiased { tau_plus, hardness: tilt } => {
                hardness = tilt;
                let (log, sums) = match tilt {
                    None => {
                        let sum = exponentials.keep::<V>(1.0);
                        (sum.ln() + reference, (sum, 1.0))
                    }
                    Some(tilt) => {
                        let tilted = exponentials.weigh::<V>(1.0 + tilt);
                        let tilts = exponentials.weigh::<V>(tilt);
                        ((tilted / (tilts / n)).ln() + reference, (tilted, tilts))
                    }
                };
                (debiased(log, f64::from(positive) * inverse, n, tau_plus, inverse, tilt), sums)
            }
        }
    };
    let margin = margin_of(negatives.log);
    let loss = if margin > 0.0 { margin + (-margin).exp().ln_1p() } else { margin.exp().ln_1p() };
    let share =
        if margin > 0.0 { 1.0 / (1.0 + (-margin).exp()) } else { margin.exp() / (1.0 + margin.exp()) };
    let Some(factor) = factor else {
        return RowResult { loss, positive: 0.0 };
    };
    let unit = factor * share * inverse;
    let scale = |share: f64, sum: f64| if sum > 0.0 { (unit * share / sum) as f32 } else { 0.0 };
    let (first, second) = (scale(negatives.first, sums.0), scale(negatives.second, sums.1));
    // SAFETY: the pointers reach over `padded` elements.
    unsafe { exponentials.differentiate::<V>(first, second, hardness) };
    RowResult { loss, positive: (unit * (negatives.positive - 1.0)) as f32 }
}

/// log max((R - tau+ N x+) / tau-, N exp(-1/t)) from log R, with its derivatives.
fn debiased(
    log_sum: f64,
    positive: f64,
    n: f64,
    tau_plus: f64,
    inverse: f64,
    tilt: Option<f64>,
) -> Negatives {
    let tilt = tilt.unwrap_or(0.0);
    let floor = n.ln() - inverse;
    let at_floor = Negatives { log: floor, first: 0.0, second: 0.0, positive: 0.0 };
    // R - c = R (1 - exp(log c - log R)).
    let excess = positive + tau_plus.ln() + n.ln() - log_sum;
    let left = -excess.exp_m1();
    if left <= 0.0 {
        return at_floor;
    }
    let log = log_sum + left.ln() - (1.0 - tau_plus).ln();
    if log < floor {
        return at_floor;
    }
    let gain = 1.0 / left; // d log(R - c) / d log R
    Negatives { log, first: gain * (1.0 + tilt), second: -gain * tilt, positive: 1.0 - gain }
}

/// A row of scores with weights, and their exponentials relative to the largest score that counts.
struct Exponentials {
    row: *mut f32,
    weights: *mut f32,
    padded: usize,
    largest: f32,
    inverse: f64,
}

impl Exponentials {
    /// Weights w: the sum of w exp(power (s - largest) / t). Vectors are summed in f32 32 at a time, then in f64.
    ///
    /// # Safety
    /// As for [`row`].
    #[inline(always)]
    unsafe fn weigh<V: Lanes>(&self, power: f64) -> f64 {
        // SAFETY: as this function.
        unsafe { self.sum_up::<V, false>(power) }
    }

    /// # Safety
    /// As for [`row`].
    #[inline(always)]
    unsafe fn sum_up<V: Lanes, const KEEP: bool>(&self, power: f64) -> f64 {
        const RUN: usize = 32;
        let mut total = 0.0;
        // SAFETY: as this function.
        unsafe {
            let (largest, power) = (V::splat(self.largest), V::splat((power * self.inverse) as f32));
            for begin in (0..self.padded).step_by(RUN * V::WIDTH) {
                let mut sum = V::splat(0.0);
                for start in (begin..self.padded.min(begin + RUN * V::WIDTH)).step_by(V::WIDTH) {
                    let x = V::load(self.row.add(start)).sub(largest).mul(power).min(V::splat(88.0)).exp();
                    let weight = self.weights.add(start);
                    let term = V::load(weight).mul(x);
                    sum = sum.add(term);
                    if KEEP {
                        term.store(weight);
                    }
                }
                total += sum.sum();
            }
        }
        total
    }

    /// Likewise, and the weights become the terms of the sum.
    ///
    /// # Safety
    /// As for [`row`].
    #[inline(always)]
    unsafe fn keep<V: Lanes>(&self, power: f64) -> f64 {
        // SAFETY: as this function.
        unsafe { self.sum_up::<V, true>(power) }
    }

    /// Replaces the scores by `first` times the terms that were kept, or with a hardness by
    /// `first` x^(1 + hardness) + `second` x^hardness.
    ///
    /// # Safety
    /// As for [`row`].
    #[inline(always)]
    unsafe fn differentiate<V: Lanes>(&self, first: f32, second: f32, hardness: Option<f64>) {
        // SAFETY: as this function.
        unsafe {
            let largest = V::splat(self.largest);
            let (first, second) = (V::splat(first), V::splat(second));
            match hardness {
                None => {
                    for start in (0..self.padded).step_by(V::WIDTH) {
                        V::load(self.weights.add(start)).mul(first).store(self.row.add(start));
                    }
                }
                Some(hardness) => {
                    let tilt = V::splat((hardness * self.inverse) as f32);
                    let both = V::splat(((1.0 + hardness) * self.inverse) as f32);
                    for start in (0..self.padded).step_by(V::WIDTH) {
                        let above = V::load(self.row.add(start)).sub(largest);
                        let (x, y) = (
                            above.mul(both).min(V::splat(88.0)).exp(),
                            above.mul(tilt).min(V::splat(88.0)).exp(),
                        );
                        first.mul_add(x, second.mul(y)).store(self.row.add(start));
                    }
                }
            }
        }
    }
}

/// The largest score with a weight above 0; -inf where there is none.
///
/// # Safety
/// As for [`row`].
#[inline(always)]
unsafe fn largest_counting<V: Lanes>(row: *const f32, weights: *const f32, padded: usize) -> f32 {
    // SAFETY: as this function.
    unsafe {
        let mut largest = V::splat(f32::NEG_INFINITY);
        for start in (0..padded).step_by(V::WIDTH) {
            let lanes = V::load(weights.add(start)).where_positive(V::load(row.add(start)));
            largest = largest.max(lanes);
        }
        largest.greatest()
    }
}
