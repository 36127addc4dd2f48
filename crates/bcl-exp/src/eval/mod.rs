//! Scoring a frozen encoder: features once, then kNN, linear probes, macro-AUC.

pub mod auc;
pub mod features;
pub mod knn;
pub mod linear;
pub mod outcome;

pub use features::Features;
pub use outcome::Outcome;
