//! The bridge from tensors to the fused kernels.

#![allow(unsafe_code, reason = "tensors' memory as slices")]

use super::{Engine, Evaluated, Factors};
use crate::error::{Error, Result};
use crate::fused::{self, Factor, Form, Gradient, Isa, Labels, Problem, Rows, Term};
use crate::loss::{ContrastiveLoss, NegativesTerm};
use crate::views::Batch;
use tch::{Device, Kind, Tensor};

/// What the kernels work on: detached, contiguous, f32, on the processor.
pub(super) struct Kernels {
    term: NegativesTerm,
    temperature: f64,
    /// As [`Batch::embeddings`].
    embeddings: Vec<Tensor>,
    /// Whether the negatives of a general batch ask for a gradient: a queue does not, and spares a matrix product.
    negatives_ask: bool,
    /// Anchors' and columns', i64.
    labels: Option<(Tensor, Tensor)>,
}

impl Kernels {
    /// # Errors
    /// [`Error::Evaluation`] where the kernels do not fit, and what the estimator needs and lacks.
    pub(super) fn new<L: ContrastiveLoss + ?Sized>(loss: &L, batch: &Batch) -> Result<Self> {
        let refuse = |expected, got| Error::Evaluation { evaluation: "fused", expected, got };
        let embeddings = batch.embeddings();
        for z in &embeddings {
            if z.device() != Device::Cpu {
                return Err(refuse("embeddings on the processor", format!("{:?}", z.device())));
            }
            if z.kind() != Kind::Float {
                return Err(refuse("embeddings of f32 or narrower", format!("{:?}", z.kind())));
            }
            if z.dim() != 2 {
                return Err(refuse(
                    "negatives that all anchors share, N x D",
                    format!("shape {:?}", z.size()),
                ));
            }
        }
        let (_, negatives) = batch.sizes();
        let Some(term) = loss.negatives_term(negatives as usize) else {
            return Err(refuse("an estimator of this crate", loss.name().into()));
        };
        let labels = match (&term, &batch.labels) {
            (NegativesTerm::TrueNegatives, None) => return Err(Error::Labels { operation: loss.name() }),
            (NegativesTerm::TrueNegatives, Some(labels)) => {
                let whole = |labels: &Tensor| -> Result<Tensor> {
                    Ok(labels.f_to_kind(Kind::Int64)?.f_contiguous()?)
                };
                Some((whole(&labels.anchors)?, whole(&labels.negatives)?))
            }
            _ => None,
        };
        let negatives_ask = embeddings.last().is_some_and(|z| z.requires_grad());
        let embeddings =
            embeddings.into_iter().map(|z| Ok(z.f_detach()?.f_contiguous()?)).collect::<Result<_>>()?;
        Ok(Self { term, temperature: loss.temperature().get(), embeddings, negatives_ask, labels })
    }
}

impl Engine for Kernels {
    fn evaluate(&self, factors: &Factors) -> Result<Evaluated> {
        let rows: Vec<Rows<'_>> = self.embeddings.iter().map(rows).collect();
        let form = match rows[..] {
            [anchors, positives, negatives] => Form::General { anchors, positives, negatives },
            _ => Form::TwoViews(rows[0]),
        };
        let term = match &self.term {
            NegativesTerm::Sum => Term::Sum,
            NegativesTerm::Debiased { tau_plus, hardness } => {
                Term::Debiased { tau_plus: *tau_plus, hardness: *hardness }
            }
            NegativesTerm::ByRank { omega } => Term::ByRank { omega },
            NegativesTerm::Tilted { posterior, tilt } => Term::Tilted { posterior, tilt: *tilt },
            NegativesTerm::TrueNegatives => Term::TrueNegatives,
        };
        let each: Vec<f64>;
        let factor = match factors {
            Factors::None => Factor::Values,
            Factors::All(factor) => Factor::All(*factor),
            Factors::Each(upstream) => {
                each = Vec::try_from(upstream.f_to_kind(Kind::Double)?)?;
                Factor::Each(&each)
            }
        };
        // SAFETY: contiguous i64 tensors that `self` keeps.
        let labels = self
            .labels
            .as_ref()
            .map(|(anchors, columns)| unsafe { Labels { anchors: slice(anchors), columns: slice(columns) } });
        let problem = Problem { form, labels, temperature: self.temperature, term, factor };
        let losses = Tensor::f_empty([self.embeddings[0].size()[0]], (Kind::Double, Device::Cpu))?;
        let gradients: Vec<Option<Tensor>> = match factors {
            Factors::None => Vec::new(),
            _ => self
                .embeddings
                .iter()
                .enumerate()
                .map(|(index, z)| (index < 2 || self.negatives_ask).then(|| z.f_empty_like()).transpose())
                .collect::<std::result::Result<_, _>>()?,
        };
        // SAFETY: fresh, contiguous tensors, of which nothing else has a slice; f64 and f32. The kernels write every
        // element.
        let mut gradient = match &gradients[..] {
            // SAFETY: as above.
            [Some(anchors), Some(positives), negatives] => unsafe {
                Gradient::General {
                    anchors: slice_mut(anchors),
                    positives: slice_mut(positives),
                    negatives: negatives.as_ref().map(|negatives| slice_mut(negatives)),
                }
            },
            // SAFETY: as above.
            [Some(z)] => Gradient::TwoViews(unsafe { slice_mut(z) }),
            _ => Gradient::None,
        };
        let threads = usize::try_from(tch::get_num_threads()).unwrap_or(1);
        // SAFETY: as above.
        fused::evaluate(&problem, Isa::best(), threads, unsafe { slice_mut(&losses) }, &mut gradient);
        Ok(Evaluated { losses: losses.f_to_kind(Kind::Float)?, gradients })
    }
}

fn rows(z: &Tensor) -> Rows<'_> {
    // SAFETY: `Kernels::new` made it contiguous f32; the tensor lives as long as the slice.
    Rows { values: unsafe { slice(z) }, dim: z.size()[1] as usize }
}

/// A tensor's elements.
///
/// # Safety
/// The tensor is contiguous, on the processor, of type T, and not written to while the slice lives.
unsafe fn slice<T>(tensor: &Tensor) -> &[T] {
    if tensor.numel() == 0 {
        return &[];
    }
    // SAFETY: as this function; a tensor's memory is aligned for its type.
    unsafe { std::slice::from_raw_parts(tensor.data_ptr() as *const T, tensor.numel()) }
}

/// A tensor's elements, to write.
///
/// # Safety
/// The tensor is contiguous, on the processor, of type T, and nothing else reads or writes it while the slice lives.
#[allow(clippy::mut_from_ref, reason = "a tensor is a handle to its memory")]
unsafe fn slice_mut<T>(tensor: &Tensor) -> &mut [T] {
    if tensor.numel() == 0 {
        return &mut [];
    }
    // SAFETY: as this function; a tensor's memory is aligned for its type.
    unsafe { std::slice::from_raw_parts_mut(tensor.data_ptr() as *mut T, tensor.numel()) }
}
