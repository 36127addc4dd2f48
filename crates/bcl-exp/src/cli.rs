//! The command line, raw: what clap parses. Each subcommand's options live beside it in [`crate::cmd`].

use crate::cmd;
use anyhow::{Result, bail};
use clap::{CommandFactory, Parser, Subcommand};
use std::path::PathBuf;

const ABOUT: &str = "Bayesian self-supervised contrastive learning: sweeps, runs, scores, tables and figures";

const EXAMPLES: &str = "Examples:
  bcl-exp --grid                               the small sweep on embedded data (minutes)
  bcl-exp --grid experiments/cifar10-cpu.toml --data DIR
  bcl-exp explain --alpha 0.9 --beta 0.9 --tau-plus 0.1
  bcl-exp loss z.safetensors --estimator BCL --alpha 0.9 --beta 0.9
  bcl-exp doctor

Names: alpha is the location parameter (debiases false negatives), beta the concentration parameter (mines hard
ones), tau+ the class prior. DCL is Debiased (Chuang et al. 2020), not Decoupled. --hcl-beta is HCL's exponent and
another thing than --beta.";

/// The whole command line.
#[derive(Debug, Parser)]
#[command(name = "bcl-exp", version, about = ABOUT, after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub struct Cli {
    /// Run or resume the sweep in FILE, then print its tables
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "experiments/quick.toml")]
    pub grid: Option<PathBuf>,
    /// Options of the sweep
    #[command(flatten)]
    pub sweep: cmd::grid::Args,
    /// What else to do
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Train one encoder and score it
    Train(Box<cmd::train::Args>),
    /// Score the encoder of a checkpoint
    Eval(cmd::eval::Args),
    /// Write an encoder for torchvision or the authors' code
    Export(cmd::export::Args),
    /// Reproduce the numerical experiments: tables and figures
    Simulate(cmd::simulate::Args),
    /// Show what a setting of alpha, beta and tau+ does to the negatives
    Explain(cmd::explain::Args),
    /// Value and gradients of a loss for saved embeddings
    Loss(cmd::loss::Args),
    /// Render tables and figures from results/
    Report(cmd::report::Args),
    /// List, download, verify and preview data sets
    Data(cmd::data::Args),
    /// Tell what was found on this machine and what is wrong
    Doctor(cmd::doctor::Args),
    /// Measure losses, augmentation and training steps
    Bench(cmd::bench::Args),
}

/// An error with its causes, one after another; what the message before a cause has told already is left out.
#[must_use]
pub fn told(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if !text.ends_with(&cause) {
            text += if text.is_empty() { "" } else { ": " };
            text += &cause;
        }
    }
    text
}

/// Runs what the command line asks for.
///
/// # Errors
/// Whatever the command reports, or that none was given.
pub fn run(cli: &Cli) -> Result<()> {
    match (&cli.grid, &cli.command) {
        (Some(file), _) => cmd::grid::run(file, &cli.sweep),
        (None, Some(Command::Train(args))) => cmd::train::run(args),
        (None, Some(Command::Eval(args))) => cmd::eval::run(args),
        (None, Some(Command::Export(args))) => cmd::export::run(args),
        (None, Some(Command::Simulate(args))) => cmd::simulate::run(args),
        (None, Some(Command::Explain(args))) => cmd::explain::run(args),
        (None, Some(Command::Loss(args))) => cmd::loss::run(args),
        (None, Some(Command::Report(args))) => cmd::report::run(args),
        (None, Some(Command::Data(args))) => cmd::data::run(args),
        (None, Some(Command::Doctor(args))) => cmd::doctor::run(args),
        (None, Some(Command::Bench(args))) => cmd::bench::run(args),
        (None, None) => {
            Cli::command().print_help()?;
            bail!("expected --grid or a subcommand");
        }
    }
}
