//! A block of anchors at a time, by tensor operations: any device, any estimator.

use super::{Engine, Evaluated, Factors};
use crate::error::Result;
use crate::loss::ContrastiveLoss;
use crate::views::Batch;
use tch::Tensor;

/// Tensors of the size of a block's scores that live at the same time, graph included: ranks, their sort, gathers.
const TENSORS: i64 = 16;

/// Bytes that a block may take on a processor.
const PROCESSOR_BYTES: i64 = 1 << 28;

/// Bytes that a block may take on a CUDA device: enough scores to keep one busy, a part of the memory of every one. Not what is
/// free at the moment, which would have to be asked for at each step: the same blocks in every step and on every device.
const DEVICE_BYTES: i64 = 1 << 31;

/// A batch and a loss, apart from any graph.
pub(super) struct Blocks {
    loss: Box<dyn ContrastiveLoss>,
    batch: Batch,
    rows: i64,
}

impl Blocks {
    pub(super) fn new<L: ContrastiveLoss + ?Sized>(loss: &L, batch: &Batch) -> Result<Self> {
        let rows = block_rows(batch);
        Ok(Self { loss: loss.boxed(), batch: batch.as_leaves()?, rows })
    }
}

/// Anchors in a block.
fn block_rows(batch: &Batch) -> i64 {
    let (anchors, negatives) = batch.sizes();
    let bytes = match batch.device() {
        tch::Device::Cuda(_) => DEVICE_BYTES,
        _ => PROCESSOR_BYTES,
    };
    let per_row = negatives * TENSORS * 8; // ranks are i64
    (bytes / per_row.max(1)).clamp(1, anchors)
}

impl Engine for Blocks {
    fn evaluate(&self, factors: &Factors) -> Result<Evaluated> {
        let (anchors, _) = self.batch.sizes();
        let leaves: Vec<&Tensor> =
            self.batch.embeddings().into_iter().filter(|z| z.requires_grad()).collect();
        let differentiate = !matches!(factors, Factors::None);
        let mut losses = Vec::new();
        let mut gradients = if differentiate {
            leaves.iter().map(|z| z.f_zeros_like()).collect::<std::result::Result<Vec<_>, _>>()?
        } else {
            Vec::new()
        };
        for first in (0..anchors).step_by(self.rows as usize) {
            let range = first..(first + self.rows).min(anchors);
            let count = range.end - range.start;
            let (block, slopes) = tch::with_grad(|| -> Result<(Tensor, Vec<Tensor>)> {
                if !differentiate {
                    let _guard = tch::no_grad_guard();
                    return Ok((self.loss.per_anchor(&self.batch.rows_of(range)?)?, Vec::new()));
                }
                let block = self.loss.per_anchor(&self.batch.rows_of(range)?)?; // R
                let sum = match factors {
                    Factors::Each(factors) => block.f_mul(&factors.f_narrow(0, first, count)?)?,
                    Factors::All(factor) => block.f_mul_scalar(*factor)?,
                    Factors::None => block.shallow_clone(),
                };
                let sum = sum.f_sum(None::<tch::Kind>)?;
                let slopes = Tensor::f_run_backward(&[sum], &leaves, false, false)?;
                Ok((block.f_detach()?, slopes))
            })?;
            losses.push(block);
            for (gradient, slope) in gradients.iter_mut().zip(&slopes) {
                let _ = gradient.f_add_(slope)?;
            }
        }
        let mut gradients = gradients.into_iter();
        let wanted = |z: &Tensor| if z.requires_grad() { gradients.next() } else { None };
        let gradients = self.batch.embeddings().into_iter().map(wanted).collect();
        Ok(Evaluated { losses: Tensor::f_cat(&losses, 0)?, gradients })
    }
}
