//! One file a subcommand: its options (`Args`) and what it does (`run`).

pub mod bench;
pub mod data;
pub mod doctor;
pub mod eval;
pub mod explain;
pub mod export;
pub mod grid;
pub mod loss;
pub mod report;
pub mod simulate;
pub mod train;
