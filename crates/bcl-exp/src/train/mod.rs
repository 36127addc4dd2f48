//! Training: a cell's run, resumable, from configuration to row.

mod epoch;
mod failure;
mod location;
mod place;
pub mod score;
mod session;
mod step;
mod trainer;
mod views;

pub use failure::NonFiniteLoss;
pub use place::{AugmentFlags, AugmentOn, Place, RunFlags, device_name, parse_device};
pub use session::load_model;
pub use trainer::{OnEpoch, Trainer};
