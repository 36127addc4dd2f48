//! `bcl-exp bench [loss|augment|train|auc]`: measurements that anyone can rerun.

use crate::bench::{auc, augment, clock::Timing, loss, train};
use crate::train::RunFlags;
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Options of `bcl-exp bench`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to measure [default: all]
    #[arg(value_enum)]
    pub what: Option<What>,
    /// Pairs in a batch, for the losses
    #[arg(long, value_name = "B,...", value_delimiter = ',', default_values_t = [64, 256, 512])]
    pub batch_pairs: Vec<i64>,
    /// Width of the embeddings, for the losses
    #[arg(long, value_name = "D", default_value_t = 128)]
    pub dim: i64,
    /// Seconds for each table
    #[arg(long, value_name = "S", default_value_t = 10.0)]
    pub seconds: f64,
    /// Write bench-*.csv here
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Where and with what to run
    #[command(flatten)]
    pub run: RunFlags,
}

/// The benchmarks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum What {
    /// Forward and backward of the losses beside what libtorch users would write
    Loss,
    /// Views a second of the published augmentation
    Augment,
    /// Images a second of a training step
    Train,
    /// Macro-AUC of 512 anchors against 50,000 images
    Auc,
}

/// Measures and prints; a ratio says how a line compares with the first of its table.
///
/// # Errors
/// When a parameter is out of range or a file cannot be written.
pub fn run(args: &Args) -> Result<()> {
    let place = args.run.place()?;
    anyhow::ensure!(
        args.seconds.is_finite() && args.seconds > 0.0,
        "--seconds: expected > 0, got {}",
        args.seconds
    );
    let budget = Duration::from_secs_f64(args.seconds);
    let wanted = |what| args.what.is_none_or(|chosen| chosen == what);
    println!("{} thread(s), {}; medians of interleaved runs", place.threads, place.device_name());
    if wanted(What::Loss) {
        for &pairs in &args.batch_pairs {
            anyhow::ensure!(
                (2..=1 << 20).contains(&pairs),
                "--batch-pairs: expected at least 2, got {pairs}"
            );
            let timings = loss::run(pairs, args.dim, place.device, budget)?;
            show(&format!("loss, {pairs} pairs x {}", args.dim), &timings, None);
            save(args.out.as_deref(), &format!("bench-loss-{pairs}.csv"), &timings)?;
        }
    }
    if wanted(What::Augment) {
        for side in [32, 96] {
            let (timings, views) = augment::run(side, budget)?;
            show(&format!("published augmentation, {side} to 32 pixels, one thread"), &timings, Some(views));
            save(args.out.as_deref(), &format!("bench-augment-{side}.csv"), &timings)?;
        }
    }
    if wanted(What::Train) {
        let (timings, images) = train::run(place.device, budget)?;
        show("training step, ResNet-18 of width 16, 256 views of 32 pixels", &timings, Some(images));
        save(args.out.as_deref(), "bench-train.csv", &timings)?;
    }
    if wanted(What::Auc) {
        let timings = auc::run(place.device, budget)?;
        show("macro-AUC, 128 wide", &timings, None);
        save(args.out.as_deref(), "bench-auc.csv", &timings)?;
    }
    Ok(())
}

/// Prints a table; `each` is how many things a run does, for a rate.
fn show(title: &str, timings: &[Timing], each: Option<u64>) {
    println!("\n{title}");
    let first = timings.first().map_or(f64::NAN, |timing| timing.median_ms);
    for timing in timings {
        let rate =
            each.map_or(String::new(), |n| format!("  {:>10.0} /s", n as f64 / timing.median_ms * 1e3));
        println!(
            "  {:<28} {:>10.3} ms  ({:.3} to {:.3}, {} runs)  x{:.2}{rate}",
            timing.name,
            timing.median_ms,
            timing.min_ms,
            timing.max_ms,
            timing.runs,
            timing.median_ms / first,
        );
    }
}

fn save(folder: Option<&Path>, name: &str, timings: &[Timing]) -> Result<()> {
    let Some(folder) = folder else {
        return Ok(());
    };
    std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let path = folder.join(name);
    let mut writer =
        csv::Writer::from_path(&path).with_context(|| format!("cannot write {}", path.display()))?;
    for timing in timings {
        writer.serialize(timing)?;
    }
    writer.flush().with_context(|| format!("cannot write {}", path.display()))
}
