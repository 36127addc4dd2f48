//! The paper's numerical experiments: scores drawn from the model, estimators compared with the truth.

mod densities;
mod estimators;
mod sampling;
mod setting;
mod sweeps;
mod write;

pub use densities::{DensityRow, OmegaRow, densities, omega_curves};
pub use estimators::{Estimates, Point, run_point};
pub use setting::Setting;
pub use sweeps::{Axis, Sweep, SweepRow, sweep};
pub use write::{Written, write};
