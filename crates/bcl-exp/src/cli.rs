//! The command line, raw: what clap parses. Each subcommand's options live beside it in [`crate::cmd`].

use crate::cmd;
use clap::{Parser, Subcommand};

/// The whole command line.
#[derive(Debug, Parser)]
#[command(name = "bcl-exp", version)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Numerical experiments
    Simulate(cmd::simulate::Args),
    /// What a setting of alpha, beta and tau+ does
    Explain(cmd::explain::Args),
    /// Tables and figures from results/
    Report(cmd::report::Args),
}

/// Runs the command.
///
/// # Errors
/// Whatever the command reports.
pub fn run(cli: &Cli) -> anyhow::Result<()> {
    match &cli.command {
        Command::Simulate(args) => cmd::simulate::run(args),
        Command::Explain(args) => cmd::explain::run(args),
        Command::Report(args) => cmd::report::run(args),
    }
}
