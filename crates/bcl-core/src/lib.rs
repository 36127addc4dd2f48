//! The BCL loss and its relatives for any libtorch project, on any device.
//!
//! In self-supervised contrastive learning the negatives are random samples, so some share the anchor's class:
//! they are false negatives. BCL (Liu, Wang, Li: *Bayesian Self-Supervised Contrastive Learning*, arXiv 2301.11673)
//! keeps the random samples and corrects the bias with importance weights. Two parameters shape them: the
//! **location** alpha debiases false negatives, the **concentration** beta mines hard ones.
//!
//! ```no_run
//! use bcl_core::{Bcl, ClassPrior, Concentration, ContrastiveLoss, Location, normalize};
//! # fn step(encoder: impl Fn(&tch::Tensor) -> tch::Tensor, view1: tch::Tensor, view2: tch::Tensor) -> bcl_core::Result<()> {
//! let loss = Bcl::new(Location::new(0.9)?, Concentration::new(0.9)?)?.class_prior(ClassPrior::new(0.1)?)?;
//! let (z1, z2) = (normalize(&encoder(&view1))?, normalize(&encoder(&view2))?);
//! loss.forward(&z1, &z2)?.backward();
//! # Ok(())
//! # }
//! ```
//!
//! The importance weight of a negative depends on its rank among the anchor's negatives alone, so it is a table of
//! N numbers ([`WeightTable`]) computed in f64 by [`order_stats`]. The losses ([`loss`]) are evaluated as
//! log-sum-exp in f32 or better whatever the type of the embeddings.
//!
//! The crate does no I/O, reads no clock, prints nothing and uses no global random numbers.

#![warn(clippy::print_stdout, clippy::print_stderr, clippy::unwrap_used, clippy::expect_used)]

pub mod auc;
mod autograd;
pub mod device;
pub mod error;
pub mod evaluation;
mod fused;
#[cfg(feature = "parts")]
#[doc(hidden)]
pub use fused::parts as kernel_parts;
pub mod libtorch;
pub mod location;
pub mod loss;
pub mod order_stats;
pub mod params;
pub mod parts;
pub mod queue;
pub mod rank;
pub mod views;
pub mod weights;

pub use error::{Error, Result};
pub use evaluation::Evaluation;
pub use loss::{
    Bcl, ContrastiveLoss, Dcl, Detailed, Estimator, Formulation, Hcl, InfoNce, LossConfig, NegativesTerm,
    Oracle, Reduction, Weighting,
};
pub use order_stats::OrderStats;
pub use params::{ClassPrior, Concentration, HclBeta, Location, Temperature, Tilt};
pub use parts::backward_in_parts;
pub use queue::Queue;
pub use views::{Batch, Rows, normalize};
pub use weights::{Compat, WeightTable};
