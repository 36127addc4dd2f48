//! Benchmarks that anyone can rerun: our losses, augmentation and training step beside their alternatives.

pub mod auc;
pub mod augment;
pub mod clock;
pub mod loss;
pub mod partner;
pub mod train;
