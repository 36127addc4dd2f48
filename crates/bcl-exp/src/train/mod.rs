//! Training: a cell's run, resumable, from configuration to row.

mod epoch;
mod failure;
mod keeper;
mod location;
mod optimization;
mod place;
mod resume;
mod running_sum;
pub mod score;
mod session;
mod states;
mod step;
mod trainer;
mod views;
mod watch;

pub use failure::NonFinite;
pub use place::{AugmentOn, Place, RunFlags, TrainFlags, device_name, parse_device};
pub use session::{OtherConfiguration, model_of};
pub use trainer::{OnEpoch, Trainer};
