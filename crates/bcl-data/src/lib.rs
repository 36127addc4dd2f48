//! Data sets and two-view augmentation pipelines for contrastive learning.
//!
//! ```no_run
//! use bcl_data::{LoaderConfig, Policy, ViewLoader, catalog};
//! # fn main() -> bcl_data::Result<()> {
//! let data = catalog::load("fashion-mini", "data".as_ref())?;
//! let policy = Policy::published(28).with_normalization(data.mean, data.std);
//! for batch in ViewLoader::new(data.pretrain, vec![policy; 2], LoaderConfig::training(256, 0, 0, 2))? {
//!     let batch = batch?; // batch.views[0] and batch.views[1]: 256 x 3 x 28 x 28
//! }
//! # Ok(())
//! # }
//! ```
//!
//! What is drawn for a view depends on (seed, epoch, image, view) alone ([`seed`]), so the images are the same
//! whatever the threads, the order, the batch size or the device. Labels of the pretraining images are for measurement;
//! evaluation takes [`Labeled`] sets, which an unlabeled one cannot become.

#![warn(clippy::print_stdout, clippy::print_stderr, clippy::unwrap_used, clippy::expect_used)]

pub mod augment;
mod batch;
pub mod catalog;
pub mod error;
mod event;
pub mod fetch;
pub mod format;
mod image_set;
mod loader;
pub mod seed;
mod source;
mod tensor_memory;

pub use augment::{Layout, Policy, Step};
pub use batch::ViewBatch;
pub use error::{Error, Result};
pub use event::{Event, OnEvent};
pub use image_set::{CHANNELS, DataSet, ImageSet, Labeled};
pub use loader::{LoaderConfig, MadeBy, ViewKind, ViewLoader};
pub use source::ImageSource;
