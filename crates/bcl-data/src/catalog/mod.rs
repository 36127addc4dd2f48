//! The data sets by name: where their files are looked for, how they are read, whether they are whole.

mod entry;
mod load;
mod verify;

pub use entry::{Entry, FileSpec, entries, find};
pub use load::load;
pub use verify::{FileReport, Location, Verification, locate, verify};
