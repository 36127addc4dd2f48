//! Scoring a frozen encoder: features once, then kNN, linear probes, macro-AUC; and its projections without labels.

pub mod auc;
pub mod confusion;
pub mod features;
pub mod frozen;
pub mod knn;
pub mod linear;
pub mod outcome;
pub mod representation;

pub use confusion::{Confusion, NamedConfusion};
pub use features::Features;
pub use outcome::Outcome;
pub use representation::Representation;
