//! How a loss is evaluated: plainly as tensors, a block of anchors at a time, or by fused kernels.
//!
//! The three agree; they differ in speed and memory. The plain evaluation keeps every score (2B x (2B - 2) of two
//! views) and leaves the gradient to libtorch's graph. The others compute the gradient themselves, in the forward pass, and
//! take memory linear in the batch.

mod blocks;
mod kernels;
mod memory;

pub use memory::{Memory, release_memory};

use crate::autograd::{self, Backward};
use crate::error::{Error, Result};
use crate::loss::{ContrastiveLoss, Reduction};
use crate::views::Batch;
use tch::{Kind, Tensor};

/// How a loss is evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Evaluation {
    /// The fastest that the batch has: fused where it is possible, else plain for a small batch and blockwise for a large
    /// one.
    #[default]
    Auto,
    /// Tensor operations on all scores at once, differentiated by libtorch: any device, second derivatives too.
    Plain,
    /// The same operations on a block of anchors at a time: any device, memory linear in the batch.
    Blockwise,
    /// One pass of kernels over blocks of anchors: f32 (or narrower) on a processor, negatives shared by all anchors, an
    /// estimator of this crate. The result does not depend on the number of threads.
    Fused,
}

/// The instruction set that the fused kernels use here: `AVX-512`, `AVX2` or `portable`.
#[must_use]
pub fn instruction_set() -> &'static str {
    crate::fused::Isa::best().name()
}

/// Scores above which the automatic choice goes blockwise: 64 MB in f32, several times that with the graph.
const PLAIN_LIMIT: i64 = 1 << 24;

/// By what the gradient of each anchor's loss is multiplied before the sum.
enum Factors {
    /// No gradient is asked for.
    None,
    /// One for all.
    All(f64),
    /// One an anchor: A.
    Each(Tensor),
}

/// Losses of the anchors, A, and gradients as [`Batch::embeddings`] where they are asked for.
struct Evaluated {
    losses: Tensor,
    gradients: Vec<Option<Tensor>>,
}

/// An evaluation that computes its own gradient. It holds what it needs, apart from any graph.
trait Engine: Send {
    fn evaluate(&self, factors: &Factors) -> Result<Evaluated>;
}

/// The loss of a batch as it asks for.
pub(crate) fn forward<L: ContrastiveLoss + ?Sized>(
    loss: &L,
    batch: &Batch,
    reduction: Reduction,
) -> Result<Tensor> {
    let (anchors, negatives) = batch.sizes();
    let engine: Box<dyn Engine> = match batch.evaluation {
        Evaluation::Plain => return plain(loss, batch, reduction),
        Evaluation::Blockwise => Box::new(blocks::Blocks::new(loss, batch)?),
        Evaluation::Fused => Box::new(kernels::Kernels::new(loss, batch)?),
        Evaluation::Auto => match kernels::Kernels::new(loss, batch) {
            Ok(kernels) => Box::new(kernels),
            Err(Error::Evaluation { .. }) if anchors * negatives <= PLAIN_LIMIT => {
                return plain(loss, batch, reduction);
            }
            Err(Error::Evaluation { .. }) => Box::new(blocks::Blocks::new(loss, batch)?),
            Err(error) => return Err(error),
        },
    };
    let inputs = batch.embeddings();
    let records = autograd::enabled() && inputs.iter().any(|z| z.requires_grad());
    let scale = match reduction {
        Reduction::Mean => 1.0 / anchors as f64,
        Reduction::Sum => 1.0,
        Reduction::None => {
            let losses = detached(|| Ok(engine.evaluate(&Factors::None)?.losses))?;
            return if records {
                autograd::attach(losses, &inputs, Box::new(Later(Again::new(engine, &inputs)?)))
            } else {
                Ok(losses)
            };
        }
    };
    let factors = if records { Factors::All(scale) } else { Factors::None };
    let (value, gradients) = detached(|| {
        let Evaluated { losses, gradients } = engine.evaluate(&factors)?;
        let value = losses.f_sum(Kind::Double)?.f_mul_scalar(scale)?.f_to_kind(losses.kind())?;
        Ok((value, gradients))
    })?;
    if !records {
        return Ok(value);
    }
    let again = Again::new(engine, &inputs)?;
    autograd::attach(value, &inputs, Box::new(Computed { gradients, again, scale }))
}

/// Works without recording.
fn detached<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    let _guard = tch::no_grad_guard();
    work()
}

fn plain<L: ContrastiveLoss + ?Sized>(loss: &L, batch: &Batch, reduction: Reduction) -> Result<Tensor> {
    let losses = loss.per_anchor(&batch.rows()?)?;
    Ok(match reduction {
        Reduction::Mean => losses.f_mean(None::<Kind>)?,
        Reduction::Sum => losses.f_sum(None::<Kind>)?,
        Reduction::None => losses,
    })
}

/// Gradients that only wait for the factor of the value: a scalar. They are handed on, not copied; a graph that is kept
/// and gone through again has them evaluated again.
struct Computed {
    /// Empty when handed on.
    gradients: Vec<Option<Tensor>>,
    again: Again,
    scale: f64,
}

impl Backward for Computed {
    fn backward(&mut self, upstream: &Tensor) -> Result<Vec<Option<Tensor>>> {
        let mut gradients = std::mem::take(&mut self.gradients);
        detached(|| {
            if gradients.is_empty() {
                gradients = self.again.gradients(&Factors::All(self.scale))?;
            }
            for gradient in gradients.iter_mut().flatten() {
                let _ = gradient.f_mul_(upstream)?;
            }
            Ok(gradients)
        })
    }
}

/// Gradients that need the factor of each anchor first: evaluated again in the backward pass.
struct Later(Again);

impl Backward for Later {
    fn backward(&mut self, upstream: &Tensor) -> Result<Vec<Option<Tensor>>> {
        detached(|| self.0.gradients(&Factors::Each(upstream.shallow_clone())))
    }
}

/// An evaluation to repeat, provided that the embeddings are still what they were.
struct Again {
    engine: Box<dyn Engine>,
    /// The embeddings, apart from the graph, with libtorch's count of changes in place.
    versions: Vec<(Tensor, i64)>,
}

impl Again {
    fn new(engine: Box<dyn Engine>, inputs: &[&Tensor]) -> Result<Self> {
        let versions = inputs.iter().map(|z| Ok((z.f_detach()?, z.f_internal_version()?)));
        Ok(Self { engine, versions: versions.collect::<Result<_>>()? })
    }

    fn gradients(&self, factors: &Factors) -> Result<Vec<Option<Tensor>>> {
        for (z, version) in &self.versions {
            if z.f_internal_version()? != *version {
                return Err(Error::Modified);
            }
        }
        Ok(self.engine.evaluate(factors)?.gradients)
    }
}
