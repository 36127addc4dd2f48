//! The fused evaluation on a processor, f32: value and gradient of a loss in one pass over blocks of anchors.
//!
//! `step.rs` tells the order of things; `product.rs`, `rank.rs` and `row.rs` are the parts; `lanes/` and `isa.rs` the
//! instruction sets; `team.rs` the threads; `workspace.rs` the memory. Everything `unsafe` of the losses is here.

#![allow(unsafe_code, reason = "kernels on raw memory; every block tells why it is sound")]

mod isa;
mod lanes;
#[cfg(feature = "parts")]
pub mod parts;
mod product;
mod rank;
mod row;
mod step;
mod team;
mod whole;
mod workspace;

pub(crate) use isa::Isa;
pub(crate) use row::Term;
pub(crate) use step::{Factor, Labels};
pub(crate) use workspace::release;

use step::{Positive, Step};
use workspace::{Aligned, Workspace};

/// Rows of f32 embeddings, one after another.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rows<'a> {
    pub(crate) values: &'a [f32],
    pub(crate) dim: usize,
}

impl Rows<'_> {
    fn count(&self) -> usize {
        self.values.len() / self.dim
    }
}

/// Who is compared with whom.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Form<'a> {
    /// 2B rows, the first view above the second.
    TwoViews(Rows<'a>),
    /// Anchors with a positive each, and negatives that they share.
    General { anchors: Rows<'a>, positives: Rows<'a>, negatives: Rows<'a> },
}

/// Where the gradient goes: of two views, 2B rows; else anchors, positives and, where asked for, negatives. Each as
/// long as the embeddings.
#[derive(Debug)]
pub(crate) enum Gradient<'a> {
    None,
    TwoViews(&'a mut [f32]),
    General { anchors: &'a mut [f32], positives: &'a mut [f32], negatives: Option<&'a mut [f32]> },
}

/// A loss to evaluate.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Problem<'a> {
    pub(crate) form: Form<'a>,
    /// For [`Term::TrueNegatives`].
    pub(crate) labels: Option<Labels<'a>>,
    pub(crate) temperature: f64,
    pub(crate) term: Term<'a>,
    /// The factor of each anchor's loss in the gradient; [`Factor::Values`] exactly with [`Gradient::None`].
    pub(crate) factor: Factor<'a>,
}

/// Elements that a vector of any instruction set divides.
const VECTOR: usize = 16;

/// Anchors in a block. It does not depend on the number of threads: the results would.
fn block_rows(anchors: usize, two_views: bool) -> usize {
    if two_views && anchors <= WHOLE {
        anchors.next_multiple_of(VECTOR)
    } else if anchors <= SMALL {
        anchors.max(1)
    } else if anchors <= 4096 {
        96
    } else {
        192
    }
}

/// Rows of two views that are one block, for the sake of symmetry: their scores fit into a second-level cache or two.
const WHOLE: usize = if cfg!(test) { 48 } else { 1024 };

/// Anchors that are one block in any case. Both are small in this crate's own tests, so that these see every way.
const SMALL: usize = if cfg!(test) { 64 } else { 192 };

/// Elements from one row of scores to the next: tiles are filled up, a vector may be read beyond, and rows do not
/// begin a power of two apart, which would crowd one set of the cache.
fn score_row(columns: usize) -> usize {
    columns.next_multiple_of(64) + VECTOR
}

/// Bytes that an evaluation takes besides its input, its gradient and the losses.
pub(crate) fn workspace_bytes(
    anchors: usize,
    columns: usize,
    dim: usize,
    members: usize,
    two_views: bool,
) -> usize {
    let wide = dim.next_multiple_of(VECTOR);
    let padded = if wide == dim { 0 } else { 2 * (anchors + columns) * wide };
    let panels = columns.next_multiple_of(64) * dim;
    let scores = block_rows(anchors, two_views) * score_row(columns);
    4 * (padded + panels + scores) + members * row::RowScratch::bytes(columns)
}

/// Evaluates the loss of every anchor, and the gradient of their sum weighted by `problem.factor`.
///
/// # Panics
/// When slices do not fit each other: the callers have checked shapes.
pub(crate) fn evaluate(
    problem: &Problem<'_>,
    isa: Isa,
    threads: usize,
    losses: &mut [f64],
    gradient: &mut Gradient<'_>,
) {
    let (anchors, others) = match problem.form {
        Form::TwoViews(z) => (z, z),
        Form::General { anchors, negatives, .. } => (anchors, negatives),
    };
    assert_eq!(losses.len(), anchors.count(), "one loss an anchor");
    assert_eq!(
        matches!(problem.factor, Factor::Values),
        matches!(gradient, Gradient::None),
        "a gradient has a factor"
    );
    workspace::with(|workspace| run(problem, (anchors, others), isa, threads, losses, gradient, workspace));
}

fn run(
    problem: &Problem<'_>,
    (anchors, others): (Rows<'_>, Rows<'_>),
    isa: Isa,
    threads: usize,
    losses: &mut [f64],
    gradient: &mut Gradient<'_>,
    workspace: &mut Workspace,
) {
    let (rows, columns, dim) = (anchors.count(), others.count(), anchors.dim);
    let wide = dim.next_multiple_of(VECTOR);
    let Workspace { panels, scores, padded, .. } = workspace;
    let [for_anchors, for_others, for_positives, to_anchors, to_others, to_positives] = padded;
    let block = block_rows(rows, matches!(problem.form, Form::TwoViews(_)));

    let anchors_at = widen(anchors, wide, for_anchors);
    let nowhere = std::ptr::null_mut();
    let (others_at, positive, anchor_gradient, other_gradient) = match (problem.form, &mut *gradient) {
        (Form::TwoViews(_), gradient) => {
            let at = match gradient {
                Gradient::None => nowhere,
                Gradient::TwoViews(z) => target(z, rows, (dim, wide), to_anchors),
                Gradient::General { .. } => unreachable!("the gradient has the form of the problem"),
            };
            (anchors_at, Positive::Partner { pairs: rows / 2 }, at, at)
        }
        (Form::General { positives, .. }, gradient) => {
            assert_eq!(positives.count(), rows, "one positive an anchor");
            let (anchor, positive, other) = match gradient {
                Gradient::None => (nowhere, nowhere, nowhere),
                Gradient::General { anchors, positives, negatives } => (
                    target(anchors, rows, (dim, wide), to_anchors),
                    target(positives, rows, (dim, wide), to_positives),
                    negatives.as_mut().map_or(nowhere, |to| target(to, columns, (dim, wide), to_others)),
                ),
                Gradient::TwoViews(_) => unreachable!("the gradient has the form of the problem"),
            };
            let embeddings = widen(positives, wide, for_positives);
            let positive = Positive::Own { embeddings, gradient: positive };
            (widen(others, wide, for_others), positive, anchor, other)
        }
    };
    let (panels, scores) = (
        panels.reserve(columns.next_multiple_of(isa.tile()) * dim),
        scores.reserve(block * score_row(columns)),
    );
    let scratch = workspace.scratch(threads.max(1), columns);
    let step = Step {
        isa,
        rows,
        columns,
        dim,
        wide,
        anchors: anchors_at,
        others: others_at,
        positive,
        labels: problem.labels,
        temperature: problem.temperature,
        term: problem.term,
        factor: problem.factor,
        panels,
        scores,
        score_row: score_row(columns),
        block,
        whole: matches!(problem.form, Form::TwoViews(_)) && rows <= WHOLE,
        losses: losses.as_mut_ptr(),
        anchor_gradient,
        other_gradient,
        scratch,
    };
    // SAFETY: the buffers were made for these shapes just above; `isa` comes from `Isa::available`; a team has at most
    // `threads` members.
    team::run(threads, &|member| unsafe { step.isa.run(&step, member) });

    if wide != dim {
        let [_, _, _, to_anchors, to_others, to_positives] = &mut workspace.padded;
        match gradient {
            Gradient::None => {}
            Gradient::TwoViews(z) => narrow(to_anchors, rows, (dim, wide), z),
            Gradient::General { anchors, positives, negatives } => {
                narrow(to_anchors, rows, (dim, wide), anchors);
                narrow(to_positives, rows, (dim, wide), positives);
                if let Some(negatives) = negatives {
                    narrow(to_others, columns, (dim, wide), negatives);
                }
            }
        }
    }
}

/// Rows of `wide` elements, the last of them 0: the rows themselves where they are so already.
fn widen(rows: Rows<'_>, wide: usize, buffer: &mut Aligned) -> *const f32 {
    if rows.dim == wide {
        return rows.values.as_ptr();
    }
    let to = buffer.reserve(rows.count() * wide);
    for (index, row) in rows.values.chunks_exact(rows.dim).enumerate() {
        // SAFETY: the buffer has room for every row.
        unsafe {
            let to = to.add(index * wide);
            to.copy_from_nonoverlapping(row.as_ptr(), rows.dim);
            to.add(rows.dim).write_bytes(0, wide - rows.dim);
        }
    }
    to
}

/// Where a gradient is summed up: its own memory, or a buffer with filled-up rows.
fn target(gradient: &mut [f32], rows: usize, (dim, wide): (usize, usize), buffer: &mut Aligned) -> *mut f32 {
    assert_eq!(gradient.len(), rows * dim, "the gradient has the shape of the embeddings");
    if dim == wide { gradient.as_mut_ptr() } else { buffer.reserve(rows * wide) }
}

/// Copies a gradient from its buffer.
fn narrow(buffer: &mut Aligned, rows: usize, (dim, wide): (usize, usize), gradient: &mut [f32]) {
    let from = buffer.reserve(rows * wide);
    for (index, row) in gradient.chunks_exact_mut(dim).enumerate() {
        // SAFETY: the buffer holds `rows` rows; reserving what there is already moves nothing.
        unsafe { row.as_mut_ptr().copy_from_nonoverlapping(from.add(index * wide), dim) };
    }
}

#[cfg(test)]
mod tests;
