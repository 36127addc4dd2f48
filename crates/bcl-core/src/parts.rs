//! A training step in parts: the encoder sees a part of the batch at a time, the loss all of it.
//!
//! Accumulating the gradients of small batches is not the gradient of a large one: each anchor would have the
//! negatives of its part only. Gao et al. (*Scaling Deep Contrastive Learning Batch Size under Memory Limited Setup*,
//! arXiv 2101.06983) embed everything without a graph, take the gradient of the loss by the embeddings, and embed each part
//! again to send its share of that gradient back. It costs one more forward pass and gives the unsplit step's gradient.

use crate::error::{Error, Result};
use tch::{Kind, Tensor};

/// Which of the two times a part is embedded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pass {
    /// For the loss; without a graph.
    Embed,
    /// Again, to differentiate.
    Differentiate,
}

/// What an encoder is asked to embed.
#[derive(Debug)]
pub struct Part<'a> {
    /// Some rows of one view.
    pub input: &'a Tensor,
    /// 0 or 1; two towers have an encoder each.
    pub view: usize,
    /// Which rows.
    pub rows: std::ops::Range<i64>,
    /// The first or the second time.
    pub pass: Pass,
}

/// Adds the gradient of `loss(z1, z2)` to the parameters of `embed`, `part` rows of a view at a time, and returns the
/// value, detached. It equals `loss(embed(view1), embed(view2)).backward()` as far as `embed` treats each row apart from
/// the others and twice alike:
///
/// - **batch normalisation** in training normalises with the statistics of the part instead of the batch: the step is
///   then that of an encoder with "ghost" batches of `part` rows, and running statistics are updated twice a step unless
///   `embed` leaves them alone in one [`Pass`];
/// - **dropout** and other random layers must draw the same in both passes: seed them by `rows` and `view`.
///
/// # Shapes
/// `views`: B x ... each, alike in B; `embed` returns one row for each of its input's; `loss` gets two B x D and returns a
/// scalar. Peak memory is that of one part's graph, the embeddings and their gradient.
///
/// # Errors
/// When `part` is below 1, shapes do not fit, `embed` or `loss` fails, or the loss does not depend on the embeddings.
pub fn backward_in_parts<E: From<Error>>(
    views: [&Tensor; 2],
    part: i64,
    mut embed: impl FnMut(&Part<'_>) -> Result<Tensor, E>,
    loss: impl FnOnce(&Tensor, &Tensor) -> Result<Tensor, E>,
) -> Result<Tensor, E> {
    let operation = "step in parts";
    let rows = views.map(|view| view.size().first().copied().unwrap_or(0));
    if part < 1 || rows[0] < 1 || rows[0] != rows[1] {
        let expected = format!("two views alike in rows, and parts of at least 1, got parts of {part}");
        return Err(Error::Shape { operation, expected, got: rows.to_vec() }.into());
    }
    let parts = || {
        (0..2).flat_map(move |view| {
            (0..rows[0])
                .step_by(part as usize)
                .map(move |first| (view, first..first.saturating_add(part).min(rows[0])))
        })
    };
    let mut one = |view: usize, range: std::ops::Range<i64>, pass: Pass| -> Result<Tensor, E> {
        let count = range.end - range.start;
        let input = views[view].f_narrow(0, range.start, count).map_err(Error::from)?;
        let z = embed(&Part { input: &input, view, rows: range, pass })?;
        if z.dim() != 2 || z.size()[0] != count {
            let expected = format!("an encoder that returns {count} x D");
            return Err(Error::Shape { operation, expected, got: z.size() }.into());
        }
        Ok(z)
    };

    let mut embedded = [Vec::new(), Vec::new()];
    for (view, range) in parts() {
        let _guard = tch::no_grad_guard();
        embedded[view].push(one(view, range, Pass::Embed)?);
    }
    let leaf = |parts: &[Tensor]| -> Result<Tensor> {
        Ok(Tensor::f_cat(parts, 0)?.f_detach()?.f_set_requires_grad(true)?)
    };
    let leaves = [leaf(&embedded[0])?, leaf(&embedded[1])?];
    drop(embedded);

    let value = loss(&leaves[0], &leaves[1])?;
    let gradients =
        Tensor::f_run_backward(&[&value], &[&leaves[0], &leaves[1]], false, false).map_err(Error::from)?;
    drop(leaves);

    for (view, range) in parts() {
        let (first, count) = (range.start, range.end - range.start);
        let z = one(view, range, Pass::Differentiate)?;
        let send_back = || -> Result<()> {
            let share = gradients[view].f_narrow(0, first, count)?;
            // The gradient of this sum by z is the share: what the loss's own graph would send back here.
            Ok(z.f_mul(&share)?.f_sum(None::<Kind>)?.f_backward()?)
        };
        send_back()?;
    }
    Ok(value.detach())
}
