//! What augmentation makes of images: a sheet of images with their views, as PNG.

mod canvas;
mod sheet;

pub use canvas::Canvas;
pub use sheet::{Column, sheet};
