//! Curves for TensorBoard: one event file a run, of scalars. A resumed run cuts its file back to where it goes on from,
//! so that no point comes twice.
//!
//! The format is TensorFlow's: [`record`] frames an [`event`] (a protocol buffer, of which three messages and six fields
//! are needed); [`curves`] says which numbers become points.

mod curves;
mod event;
mod record;

pub(crate) use curves::Curves;
pub use curves::read;
pub use event::{Event, Point};
