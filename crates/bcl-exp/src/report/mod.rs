//! Tables and figures from the rows and confusion matrices of an experiment. Everything but reading and writing the files
//! ([`render`]) is pure: the same rows give the same bytes.

mod classes;
mod figures;
mod groups;
mod published;
mod render;
mod statistics;
mod table;
mod tables;

pub use render::{Rendered, index, render};
