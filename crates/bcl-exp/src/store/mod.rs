//! Results on disk: append-only, crash-safe CSV files, one writer at a time.

mod append;
mod atomic;
mod cell;
mod confusion;
mod epoch;
mod growing;
mod lock;
mod open;
mod read;
mod widen;

pub use atomic::write_atomic;
pub use cell::{CellRow, Status};
pub use confusion::{Classifier, read_confusion};
pub use epoch::EpochRow;
pub(crate) use growing::GrowingFile;
pub(crate) use lock::FolderLock;
pub use open::{Finished, Store};
pub use read::{read_cells, read_epochs};
