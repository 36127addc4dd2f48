//! The experiment runner of BCL: it expands a grid of losses over location and concentration, trains an
//! encoder for each cell, scores it, and writes CSV, tables and figures.
//!
//! Data flows one way: [`config`] -> [`sweep`] -> [`train`] -> [`eval`] -> [`store`] -> [`report`].
//! [`cmd`] holds one file a subcommand; `main.rs` parses, runs one of them and prints the error.

#![warn(clippy::unwrap_used, clippy::expect_used)]

pub mod bench;
pub mod broken_pipe;
pub mod cli;
pub mod cmd;
pub mod config;
pub mod data;
pub mod encoder;
pub mod eval;
pub mod explain;
pub mod figure;
pub mod interrupt;
pub mod machine;
pub mod preview;
pub mod progress;
pub mod report;
pub mod simulate;
pub mod store;
pub mod sweep;
pub mod tensorboard;
pub mod train;
