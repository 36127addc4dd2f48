//! Configuration: [`wire`] is what a file says, [`cell`] and [`loss`] are what it means, checked; [`mod@resolve`]
//! goes from one to the other.

pub mod augment;
pub mod cell;
pub mod difference;
pub mod load;
pub mod loss;
pub mod optimizer;
pub mod resolve;
pub mod wire;

pub use augment::AugmentSpec;
pub use cell::CellConfig;
pub use difference::differences;
pub use load::{check_name, load, parse};
pub use loss::{AlphaSource, LossRequest, LossSpec};
pub use optimizer::{OptimizerSpec, ScheduleSpec};
pub use resolve::{Experiment, RunOptions, resolve, resolve_cell};
pub use wire::OneOrMany;
