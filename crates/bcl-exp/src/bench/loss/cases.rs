//! What is measured: our losses by each evaluation, and the baselines.

use super::baselines;
use anyhow::Result;
use bcl_core::evaluation::Memory;
use bcl_core::{Batch, ContrastiveLoss, Estimator, Evaluation, LossConfig, Reduction};
use tch::{Device, Kind, Tensor};

/// One line of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Case {
    /// A loss of ours.
    Ours(Estimator, Evaluation),
    /// InfoNCE by libtorch's cross_entropy.
    CrossEntropy,
    /// The three matrix products that no value with its gradient can do without.
    ThreeProducts,
    /// BCL by libtorch's sort and searchsorted.
    Sorted,
    /// BCL as the authors' code computes it.
    Cubic,
}

/// Bytes that the row blocks of [`Evaluation::Blockwise`] may take, with what tensors add.
const BLOCKWISE_BYTES: u64 = 400_000_000;

impl Case {
    /// Those that a device has.
    pub(super) fn all(device: Device) -> Vec<Self> {
        let estimators =
            [Estimator::Bcl, Estimator::SimClr, Estimator::Dcl, Estimator::Hcl, Estimator::Oracle];
        let evaluations: &[Evaluation] = match device {
            Device::Cpu => &[Evaluation::Fused, Evaluation::Plain],
            _ => &[Evaluation::Blockwise, Evaluation::Plain],
        };
        let mut cases: Vec<Self> = evaluations
            .iter()
            .flat_map(|&evaluation| estimators.map(|estimator| Self::Ours(estimator, evaluation)))
            .collect();
        if device == Device::Cpu {
            cases.push(Self::Ours(Estimator::Bcl, Evaluation::Blockwise));
        }
        cases.extend([Self::CrossEntropy, Self::ThreeProducts, Self::Sorted, Self::Cubic]);
        cases
    }

    /// As in the tables.
    pub(super) fn name(self) -> String {
        match self {
            Self::Ours(estimator, evaluation) => {
                format!("{estimator} {}", format!("{evaluation:?}").to_lowercase())
            }
            Self::CrossEntropy => "InfoNCE by cross_entropy".into(),
            Self::ThreeProducts => "three matrix products".into(),
            Self::Sorted => "BCL by sort + searchsorted".into(),
            Self::Cubic => "BCL by cubic comparison".into(),
        }
    }

    /// Bytes that it takes at its peak besides the embeddings: measured where it fits, and scaled.
    pub(super) fn bytes(self, pairs: i64, dim: i64, threads: usize) -> u64 {
        let rows = 2 * pairs as u64;
        let scores = rows * rows * 4;
        match self {
            Self::Ours(_, Evaluation::Plain) | Self::Sorted => 16 * scores,
            Self::Ours(_, Evaluation::Blockwise) => BLOCKWISE_BYTES,
            Self::Ours(..) => self.told(pairs, dim, threads).unwrap_or(0),
            Self::CrossEntropy => 4 * scores,
            Self::ThreeProducts => 2 * scores,
            Self::Cubic => 9 * rows * (rows - 2) * (rows - 2), // a byte and two f32 a comparison
        }
    }

    /// What the library tells beforehand, bytes: of fused evaluations.
    pub(super) fn told(self, pairs: i64, dim: i64, threads: usize) -> Option<u64> {
        let fused = matches!(self, Self::Ours(_, Evaluation::Fused));
        fused.then(|| Memory::two_views(pairs as usize, dim as usize, threads).total() as u64)
    }

    /// The work of one run: forward and backward pass.
    ///
    /// # Errors
    /// When the loss refuses its input.
    pub(super) fn work(self, input: &Input) -> Result<Box<dyn FnMut() -> Result<()> + '_>> {
        let Input { z1, z2, labels, device } = input;
        let device = *device;
        let finish = move |value: &Tensor| -> Result<()> {
            value.f_backward()?;
            synchronize(device);
            Ok(())
        };
        Ok(match self {
            Self::Ours(estimator, evaluation) => {
                let mut config = LossConfig::new(estimator);
                (config.alpha, config.beta) = (0.9, 0.9);
                let loss: Box<dyn ContrastiveLoss> = config.build()?;
                Box::new(move || {
                    let mut batch = Batch::two_views(z1, z2)?.evaluation(evaluation);
                    if estimator == Estimator::Oracle {
                        batch = batch.with_labels(labels)?;
                    }
                    finish(&loss.forward_batch(&batch, Reduction::Mean)?)
                })
            }
            Self::CrossEntropy => Box::new(move || finish(&baselines::cross_entropy(z1, z2))),
            Self::Sorted => Box::new(move || finish(&baselines::sorted_bcl(z1, z2))),
            Self::Cubic => Box::new(move || finish(&baselines::cubic_bcl(z1, z2))),
            Self::ThreeProducts => Box::new(move || {
                let _ = tch::no_grad(|| baselines::three_products(z1, z2));
                synchronize(device);
                Ok(())
            }),
        })
    }
}

/// Two views' embeddings with labels of ten classes.
#[derive(Debug)]
pub(super) struct Input {
    z1: Tensor,
    z2: Tensor,
    labels: Tensor,
    device: Device,
}

impl Input {
    /// Random directions, B x D in f32, that ask for a gradient.
    ///
    /// # Errors
    /// When memory does not suffice.
    pub(super) fn new(pairs: i64, dim: i64, device: Device) -> Result<Self> {
        let view = |seed| -> Result<Tensor> {
            tch::manual_seed(seed);
            let z = Tensor::f_randn([pairs, dim], (Kind::Float, Device::Cpu))?.f_to_device(device)?;
            Ok(bcl_core::normalize(&z)?.f_set_requires_grad(true)?)
        };
        let labels = Tensor::f_arange(pairs, (Kind::Int64, device))?.f_remainder(10)?;
        Ok(Self { z1: view(1)?, z2: view(2)?, labels, device })
    }
}

fn synchronize(device: Device) {
    if let Device::Cuda(index) = device {
        tch::Cuda::synchronize(index as i64);
    }
}
