//! Tables and figures from the rows of an experiment. Everything but [`render`] is pure: the same rows give the
//! same bytes.

mod figures;
mod groups;
mod published;
mod render;
mod statistics;
mod tables;

pub use render::{Rendered, index, render};
