//! Two views whose scores fit into the cache: half of the products, by symmetry.
//!
//! ```text
//! S = Z Z'          on and above the diagonal; below it S is copied
//! G = dL / dS       row by row, in place of S
//! H = G + G'        in place of G
//! dZ = H Z
//! ```
//!
//! Elements of S are the same numbers on both sides of the diagonal: products commute, and the order of the sum is one.

use super::lanes::Lanes;
use super::product::{Left, Out, Right, STRIP, pack, product};
use super::step::{Factor, Step, one_row};
use super::team::Member;

/// Rows that are multiplied at a time: whole strips, and whole blocks to transpose.
const CHUNK: usize = 48;

/// A member's part of the evaluation.
///
/// # Safety
/// As for `step::member`; the scores have room for all rows, rounded up to 16.
#[inline(always)]
pub(super) unsafe fn member<V: Lanes, const VECTORS: usize>(step: &Step<'_>, member: &Member<'_>) {
    let tile = V::WIDTH * VECTORS;
    let (rows, dim, wide, score_row) = (step.rows, step.dim, step.wide, step.score_row);
    // SAFETY: the shares of the members are disjoint, between two barriers.
    unsafe {
        let tiles = member.share(rows.div_ceil(tile), 1);
        pack((rows, dim), (step.others, wide), step.panels, tile, tiles);
        member.wait();

        // The columns before the chunk's first tile come from other rows.
        let before = |first: usize| first / tile * tile;
        for first in folded(member, rows.div_ceil(CHUNK)).map(|chunk| chunk * CHUNK) {
            let column = before(first);
            product::<V, VECTORS>(
                (CHUNK.min(rows - first), rows.next_multiple_of(tile) - column, dim),
                Left { start: step.anchors.add(first * wide), row: wide, column: 1 },
                Right { start: step.panels.add(column * dim), row: tile, tile: dim * tile },
                Out { start: step.scores.add(first * score_row + column), row: score_row },
                false,
            );
        }
        member.wait();
        for chunk in folded(member, rows.div_ceil(CHUNK)).map(|chunk| chunk * CHUNK) {
            for first in (chunk..rows.min(chunk + CHUNK)).step_by(V::WIDTH) {
                for column in (0..before(chunk)).step_by(V::WIDTH) {
                    let (above, below) = (column * score_row + first, first * score_row + column);
                    V::transpose(step.scores.add(above), step.scores.add(below), score_row, rows - first);
                }
            }
        }
        member.wait();
        let mine = member.share(rows, STRIP);
        for anchor in mine.clone() {
            one_row::<V>(step, member, anchor, step.scores.add(anchor * score_row));
        }
        member.wait();
        if matches!(step.factor, Factor::Values) {
            return;
        }
        // Rows and columns beyond the last are added up too and not used.
        for first in folded(member, rows.div_ceil(V::WIDTH)).map(|block| block * V::WIDTH) {
            for column in (first..rows).step_by(V::WIDTH) {
                let (above, below) = (first * score_row + column, column * score_row + first);
                V::add_transposes(step.scores.add(above), step.scores.add(below), score_row);
            }
        }
        member.wait();
        if !mine.is_empty() {
            product::<V, VECTORS>(
                (mine.len(), wide, rows),
                Left { start: step.scores.add(mine.start * score_row), row: score_row, column: 1 },
                Right { start: step.others, row: wide, tile },
                Out { start: step.anchor_gradient.add(mine.start * wide), row: wide },
                false,
            );
        }
    }
}

/// This member's part of `count` things that grow or shrink along the way: dealt out forwards, then backwards.
fn folded(member: &Member<'_>, count: usize) -> impl Iterator<Item = usize> {
    let (index, members) = (member.index, member.count);
    (0..count).filter(move |thing| {
        let place = thing % (2 * members);
        index == if place < members { place } else { 2 * members - 1 - place }
    })
}
