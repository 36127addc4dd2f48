//! The gradient of one batch: a forward pass for each view, the loss of pairs of views, a backward pass.

use crate::config::CellConfig;
use anyhow::{Context, Result, ensure};
use bcl_core::parts::Pass;
use bcl_core::{Batch, ContrastiveLoss, Reduction, backward_in_parts};
use bcl_models::{Model, Statistics};
use tch::{Kind, Tensor};

/// What a step computed, apart from its graph.
pub(super) struct Step {
    pub(super) value: Tensor,
    /// Projections of the first two views.
    pub(super) z1: Tensor,
    pub(super) z2: Tensor,
}

/// Adds the gradient of a batch's loss to the parameters. Each view has its own batch statistics, as in the authors' code.
///
/// Of more than two views the loss is the mean over the pairs of one of the first two with a later one: multi-crop as in
/// SwAV (arXiv 2006.09882, section 3.2), whose first two are the ones that show most of the image.
pub(super) fn step(
    model: &Model,
    cell: &CellConfig,
    loss: &dyn ContrastiveLoss,
    views: &[Tensor],
    labels: Option<&Tensor>,
) -> Result<Step> {
    let loss = |z1: &Tensor, z2: &Tensor| -> Result<Tensor> {
        let mut batch = Batch::two_views(z1, z2)?;
        if let Some(labels) = labels {
            batch = batch.with_labels(labels)?;
        }
        Ok(loss.forward_batch(&batch, Reduction::Mean)?)
    };
    match (cell.train.micro_pairs, views) {
        (Some(micro), [view1, view2]) => in_parts(model, micro, [view1, view2], loss),
        (Some(_), _) => anyhow::bail!("micro_pairs: expected two views, got {}", views.len()),
        (None, _) => {
            let embed = |view| Ok(model.forward(view, Statistics::Batch)?.z);
            let z = views.iter().map(embed).collect::<Result<Vec<Tensor>>>()?;
            ensure!(z.len() >= 2, "training needs two views, got {}", z.len());
            let values = pairs(z.len()).into_iter().map(|(first, second)| loss(&z[first], &z[second]));
            let value = Tensor::f_stack(&values.collect::<Result<Vec<_>>>()?, 0)?.f_mean(Kind::Float)?;
            value.f_backward()?;
            Ok(Step { value: value.detach(), z1: z[0].detach(), z2: z[1].detach() })
        }
    }
}

/// The pairs of views that a loss is taken of: each of the first two with every later one.
fn pairs(views: usize) -> Vec<(usize, usize)> {
    (0..2).flat_map(|first| (first + 1..views).map(move |second| (first, second))).collect()
}

/// A step in micro-batches of `micro` pairs.
fn in_parts(
    model: &Model,
    micro: usize,
    views: [&Tensor; 2],
    loss: impl Fn(&Tensor, &Tensor) -> Result<Tensor>,
) -> Result<Step> {
    let mut embeddings = None;
    let value = backward_in_parts(
        views,
        micro as i64,
        |part| {
            let statistics = match part.pass {
                Pass::Embed => Statistics::BatchOnly,
                Pass::Differentiate => Statistics::Batch,
            };
            Ok::<_, anyhow::Error>(model.forward(part.input, statistics)?.z)
        },
        |z1: &Tensor, z2: &Tensor| {
            embeddings = Some((z1.detach(), z2.detach()));
            loss(z1, z2)
        },
    )?;
    let (z1, z2) = embeddings.context("the loss was not evaluated")?;
    Ok(Step { value, z1, z2 })
}

#[cfg(test)]
mod tests {
    use super::pairs;

    #[test]
    fn pairs_are_of_one_of_the_first_two_with_a_later_one() {
        assert_eq!(pairs(2), [(0, 1)]);
        assert_eq!(pairs(4), [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3)]);
        assert_eq!(pairs(6).len(), 9);
    }
}
