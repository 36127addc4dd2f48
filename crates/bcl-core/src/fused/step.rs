//! One evaluation: blocks of anchors, each block's scores computed, turned into derivatives in place, and multiplied
//! back. Nothing of the size of all scores is stored.
//!
//! ```text
//! S = A C'          a block of anchors against all others
//! G = dL / dS       row by row, in place of S
//! dA = G C          the block's anchors
//! dC += G' A        all others
//! ```
//!
//! The members of the team share a block: rows in the first three steps, others in the last. Each element is thus
//! summed in one order, whatever the number of members. Two views of which one block holds everything take a shorter
//! way (`whole.rs`).

use super::isa::Isa;
use super::lanes::Lanes;
use super::product::{Left, Out, Right, STRIP, pack, product};
use super::row::{RowScratch, Term, row};
use super::team::Member;

/// The factor of each anchor's loss in what is differentiated.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Factor<'a> {
    /// Values only.
    Values,
    /// The same for all anchors.
    All(f64),
    /// One an anchor.
    Each(&'a [f64]),
}

impl Factor<'_> {
    fn of(self, anchor: usize) -> Option<f64> {
        match self {
            Self::Values => None,
            Self::All(factor) => Some(factor),
            Self::Each(factors) => Some(factors[anchor]),
        }
    }
}

/// Labels, for Oracle.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Labels<'a> {
    /// One an anchor.
    pub(crate) anchors: &'a [i64],
    /// One a column, or one a column for each anchor.
    pub(crate) columns: &'a [i64],
}

/// Where an anchor's positive is.
#[derive(Clone, Copy)]
pub(super) enum Positive {
    /// Among the columns, so many further on, around the end; the anchor itself is a column too.
    Partner { pairs: usize },
    /// A row of its own, with its derivatives.
    Own { embeddings: *const f32, gradient: *mut f32 },
}

/// What the members work on. Embeddings and gradients have rows of `wide` elements, of which the last are 0.
///
/// # Safety (of the functions that take it)
/// Pointers reach over `rows` or `columns` rows of `wide`; `other_gradient` may be null, for none; `panels` over the packed columns; `scores` over `block` rows of
/// `score_row`; `scratch` over one entry a member with room for `columns`; no two overlap but `anchors` and `others`,
/// and, of two views, `anchor_gradient` and `other_gradient`, which are then the same.
pub(super) struct Step<'a> {
    pub(super) isa: Isa,
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) dim: usize,
    pub(super) wide: usize,
    pub(super) anchors: *const f32,
    pub(super) others: *const f32,
    pub(super) positive: Positive,
    pub(super) labels: Option<Labels<'a>>,
    pub(super) temperature: f64,
    pub(super) term: Term<'a>,
    pub(super) factor: Factor<'a>,
    pub(super) panels: *mut f32,
    pub(super) scores: *mut f32,
    pub(super) score_row: usize,
    pub(super) block: usize,
    /// All rows are one block of two views, with room for rows up to a multiple of 16 (`whole.rs`).
    pub(super) whole: bool,
    pub(super) losses: *mut f64,
    pub(super) anchor_gradient: *mut f32,
    pub(super) other_gradient: *mut f32,
    pub(super) scratch: *mut RowScratch,
}

// SAFETY: members write to disjoint parts between two barriers: their own rows of scores and of the anchors' gradient,
// their own rows of the others' gradient, their own scratch.
unsafe impl Sync for Step<'_> {}

/// A member's part of the evaluation.
///
/// # Safety
/// The processor has the features of `V`; the step is as [`Step`] says, the same for all members.
#[inline(always)]
pub(super) unsafe fn member<V: Lanes, const VECTORS: usize>(step: &Step<'_>, member: &Member<'_>) {
    let two_views = matches!(step.positive, Positive::Partner { .. });
    if step.whole {
        // SAFETY: as this function.
        unsafe { super::whole::member::<V, VECTORS>(step, member) };
        return;
    }
    let tile = V::WIDTH * VECTORS;
    let (dim, wide) = (step.dim, step.wide);
    let differentiate = !matches!(step.factor, Factor::Values);
    // SAFETY: the shares of the members are disjoint.
    unsafe {
        let tiles = member.share(step.columns.div_ceil(tile), 1);
        pack((step.columns, dim), (step.others, wide), step.panels, tile, tiles);
        if differentiate && !step.other_gradient.is_null() {
            let mine = member.share(step.columns, STRIP);
            step.other_gradient.add(mine.start * wide).write_bytes(0, mine.len() * wide);
        }
    }
    member.wait();
    for first in (0..step.rows).step_by(step.block) {
        let height = step.block.min(step.rows - first);
        let mine = member.share(height, STRIP);
        // SAFETY: rows `mine` of the block belong to this member until the next barrier.
        unsafe {
            let anchors = step.anchors.add((first + mine.start) * wide);
            let scores = step.scores.add(mine.start * step.score_row);
            if !mine.is_empty() {
                product::<V, VECTORS>(
                    (mine.len(), step.columns.next_multiple_of(tile), dim),
                    Left { start: anchors, row: wide, column: 1 },
                    Right { start: step.panels, row: tile, tile: dim * tile },
                    Out { start: scores, row: step.score_row },
                    false,
                );
            }
            for index in mine.clone() {
                one_row::<V>(step, member, first + index, step.scores.add(index * step.score_row));
            }
            if !differentiate {
                // The last block is lower and divided otherwise: nobody may begin it in rows that others still use.
                member.wait();
                continue;
            }
            member.wait();
            if !mine.is_empty() {
                let gradient = step.anchor_gradient.add((first + mine.start) * wide);
                product::<V, VECTORS>(
                    (mine.len(), wide, step.columns),
                    Left { start: scores, row: step.score_row, column: 1 },
                    Right { start: step.others, row: wide, tile },
                    Out { start: gradient, row: wide },
                    two_views,
                );
            }
            if let Positive::Own { embeddings, .. } = step.positive {
                // The derivative by the positive's score lies beyond the columns (`one_row`).
                for index in mine.clone() {
                    let share = *step.scores.add((index + 1) * step.score_row - 1);
                    let anchor = (first + index) * wide;
                    for column in 0..dim {
                        *step.anchor_gradient.add(anchor + column) +=
                            share * *embeddings.add(anchor + column);
                    }
                }
            } else {
                member.wait(); // the rows just written are the others' rows too
            }
            let mine = member.share(step.columns, STRIP);
            if !(mine.is_empty() || step.other_gradient.is_null()) {
                product::<V, VECTORS>(
                    (mine.len(), wide, height),
                    Left { start: step.scores.add(mine.start), row: 1, column: step.score_row },
                    Right { start: step.anchors.add(first * wide), row: wide, tile },
                    Out { start: step.other_gradient.add(mine.start * wide), row: wide },
                    true,
                );
            }
        }
        member.wait();
    }
}

/// The loss of one anchor; its scores become derivatives.
///
/// # Safety
/// As for [`member`]; the row is this member's.
#[inline(always)]
pub(super) unsafe fn one_row<V: Lanes>(
    step: &Step<'_>,
    member: &Member<'_>,
    anchor: usize,
    scores: *mut f32,
) {
    // SAFETY: the scratch is this member's own; the row reaches over `score_row` elements, columns and 16 more.
    unsafe {
        let scratch = &mut *step.scratch.add(member.index);
        let factor = step.factor.of(anchor);
        match step.positive {
            Positive::Partner { pairs } => {
                let (near, far) = (anchor % pairs, anchor % pairs + pairs);
                let partner = if anchor < pairs { far } else { near };
                let holes = Holes { near, far, columns: step.columns };
                let positive = *scores.add(partner);
                holes.close(scores);
                let length = step.columns - 2;
                if let Some(labels) = step.labels {
                    mark_true_negatives(labels, anchor, step.columns, scratch);
                    holes.close(scratch.weights.slice().as_mut_ptr());
                }
                let result = row::<V>(scores, length, positive, step.temperature, step.term, factor, scratch);
                *step.losses.add(anchor) = result.loss;
                holes.open(scores);
                *scores.add(anchor) = 0.0;
                *scores.add(partner) = result.positive;
            }
            Positive::Own { embeddings, gradient } => {
                let (own, other) = (step.anchors.add(anchor * step.wide), embeddings.add(anchor * step.wide));
                let mut positive = 0.0;
                for column in 0..step.dim {
                    positive += f64::from(*own.add(column)) * f64::from(*other.add(column));
                }
                if let Some(labels) = step.labels {
                    mark_true_negatives(labels, anchor, step.columns, scratch);
                }
                let length = step.columns;
                let positive = positive as f32;
                let result = row::<V>(scores, length, positive, step.temperature, step.term, factor, scratch);
                *step.losses.add(anchor) = result.loss;
                if factor.is_some() {
                    for column in 0..step.dim {
                        *gradient.add(anchor * step.wide + column) = result.positive * *own.add(column);
                    }
                    *scores.add(step.score_row - 1) = result.positive;
                }
            }
        }
    }
}

/// Weights 1 for columns of another label than the anchor's, 0 for its own.
fn mark_true_negatives(labels: Labels<'_>, anchor: usize, columns: usize, scratch: &mut RowScratch) {
    let offset = if labels.columns.len() == columns { 0 } else { anchor * columns };
    let others = &labels.columns[offset..offset + columns];
    let own = labels.anchors[anchor];
    for (weight, &label) in scratch.weights.slice().iter_mut().zip(others) {
        *weight = f32::from(u8::from(label != own));
    }
}

/// The two columns of a two-view row that are no negatives: the anchor itself and its positive.
struct Holes {
    near: usize,
    far: usize,
    columns: usize,
}

impl Holes {
    /// Moves the last two columns into the holes: the negatives are then the first `columns - 2`.
    ///
    /// # Safety
    /// `row` reaches over `columns` elements.
    #[inline(always)]
    unsafe fn close(&self, row: *mut f32) {
        // SAFETY: near < far < columns.
        unsafe {
            *row.add(self.far) = *row.add(self.columns - 1);
            *row.add(self.near) = *row.add(self.columns - 2);
        }
    }

    /// Moves them back.
    ///
    /// # Safety
    /// As for [`Holes::close`].
    #[inline(always)]
    unsafe fn open(&self, row: *mut f32) {
        // SAFETY: as above.
        unsafe {
            *row.add(self.columns - 2) = *row.add(self.near);
            *row.add(self.columns - 1) = *row.add(self.far);
        }
    }
}
