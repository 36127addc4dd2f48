//! One file a subcommand: its options (`Args`) and what it does (`run`).

pub mod explain;
pub mod report;
pub mod simulate;
