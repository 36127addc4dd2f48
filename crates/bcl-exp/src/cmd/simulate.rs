//! `bcl-exp simulate`: the numerical experiments.

use crate::simulate::{Axis, Setting, sweep, write};
use anyhow::{Result, ensure};
use std::path::PathBuf;
use std::time::Instant;

/// Options of `bcl-exp simulate`; the defaults are the authors'.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Write CSV, figures and tables here
    #[arg(long, value_name = "DIR", default_value = "results/simulate")]
    pub out: PathBuf,
    /// Anchors
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub anchors: usize,
    /// Unlabeled negatives of each anchor
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub negatives: usize,
    /// Positives of each anchor, for DCL
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub positives: usize,
    /// Location where it does not vary, in [0.5, 1]
    #[arg(long, value_name = "A", default_value_t = 0.9)]
    pub alpha: f64,
    /// Concentration where it does not vary, in [0, 1]
    #[arg(long, value_name = "B", default_value_t = 0.5)]
    pub beta: f64,
    /// Class prior where it does not vary, in [0, 1)
    #[arg(long, value_name = "T", default_value_t = 0.1)]
    pub tau_plus: f64,
    /// Temperature t; scores lie in plus or minus 1/t²
    #[arg(long, value_name = "T", default_value_t = 0.5)]
    pub temperature: f64,
    /// Repeats that are averaged, with standard errors
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub repeats: usize,
    /// Names the random streams
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// Also time the experiment against alpha this many times and print the median
    #[arg(long, value_name = "N")]
    pub time: Option<usize>,
}

/// Runs every sweep, writes the files and prints a summary.
///
/// # Errors
/// On parameters out of range or files that cannot be written.
pub fn run(args: &Args) -> Result<()> {
    let setting = Setting {
        anchors: args.anchors,
        negatives: args.negatives,
        positives: args.positives,
        alpha: args.alpha,
        beta: args.beta,
        tau_plus: args.tau_plus,
        temperature: args.temperature,
    };
    setting.model()?;
    let sweeps = Axis::ALL
        .into_iter()
        .map(|axis| sweep(axis, &setting, args.seed, args.repeats))
        .collect::<Result<Vec<_>>>()?;
    let written = write(&args.out, &sweeps, args.seed)?;
    if let Some(by_alpha) = sweeps.first() {
        println!(
            "{:>6} {:>9} {:>9} {:>9} {:>9} {:>11} {:>9} {:>9}",
            "alpha", "truth", "biased", "DCL", "BCL", "MSE biased", "MSE DCL", "MSE BCL"
        );
        for row in by_alpha.rows.iter().step_by(7) {
            println!(
                "{:>6.3} {:>9.2} {:>9.2} {:>9.2} {:>9.2} {:>11.1} {:>9.1} {:>9.1}",
                row.value,
                row.mean_theta,
                row.mean_biased,
                row.mean_dcl,
                row.mean_bcl,
                row.mse_biased,
                row.mse_dcl,
                row.mse_bcl
            );
        }
    }
    println!("{} files in {}", written.files.len(), args.out.display());
    if let Some(runs) = args.time {
        ensure!(runs >= 1, "--time: expected at least 1, got 0");
        let mut times = Vec::with_capacity(runs);
        for _ in 0..runs {
            let begun = Instant::now();
            sweep(Axis::Alpha, &setting, args.seed, 1)?;
            times.push(begun.elapsed().as_secs_f64() * 1e3);
        }
        times.sort_by(f64::total_cmp);
        println!(
            "{} alphas x {} anchors x {} negatives: median {:.2} ms of {runs} runs",
            Axis::Alpha.values().len(),
            setting.anchors,
            setting.negatives,
            times[runs / 2]
        );
    }
    Ok(())
}
