//! The data sets by name: where their files are looked for, how they are read, whether they are whole.

mod class_names;
mod entry;
mod listing;
mod load;
mod locate;
mod tree;
mod verify;
mod verify_tree;

pub use entry::{Entry, FileSpec, entries, find};
pub use load::{classes, load, load_with};
pub use locate::{Location, locate, names};
pub use verify::{FileReport, Verification, verify, verify_with};
