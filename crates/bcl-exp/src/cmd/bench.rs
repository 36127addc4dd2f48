//! `bcl-exp bench [loss|augment|train|auc]`: measurements that anyone can rerun.

use crate::bench::{auc, augment, clock::Timing, loss, train};
use crate::machine;
use crate::store::write_atomic;
use crate::train::{device_name, parse_device};
use anyhow::{Result, ensure};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// Options of `bcl-exp bench`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to measure [default: all]
    #[arg(value_enum)]
    pub what: Option<What>,
    /// Pairs in a batch, for the losses
    #[arg(long, value_name = "B,...", value_delimiter = ',', default_values_t = [64, 256, 512, 1024, 2048])]
    pub batch_pairs: Vec<i64>,
    /// Width of the embeddings, for the losses
    #[arg(long, value_name = "D", default_value_t = 128)]
    pub dim: i64,
    /// Of the losses, only those whose name has one of these parts, e.g. `fused,cross_entropy,products`
    #[arg(long, value_name = "PART,...", value_delimiter = ',')]
    pub cases: Vec<String>,
    /// Do not measure the losses' memory, which takes a fresh process each
    #[arg(long)]
    pub no_memory: bool,
    /// Seconds for each table; what is slow has three runs all the same
    #[arg(long, value_name = "S", default_value_t = 10.0)]
    pub seconds: f64,
    /// Numbers of threads to measure with, one after another [default: all]
    #[arg(long, value_name = "N,...", value_delimiter = ',')]
    pub threads: Vec<usize>,
    /// cpu, cuda or cuda:N
    #[arg(long, value_name = "DEVICE", default_value = "cpu")]
    pub device: String,
    /// Write bench-*.csv here, for the losses JSON and figures too
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Python with the libraries to compare with [default: that of scripts/setup_comparison.sh]
    #[arg(long, value_name = "PATH")]
    pub python: Option<PathBuf>,
    /// Measures the memory of one case in this process
    #[arg(long, hide = true, value_name = "CASE")]
    pub memory_of: Option<String>,
    /// Of the training step
    #[command(flatten)]
    pub train: train::Options,
}

/// The benchmarks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum What {
    /// Forward and backward of the losses beside what libtorch users would write
    Loss,
    /// Views a second of the published augmentation on one thread, and where the time goes
    Augment,
    /// Views a second of a training step, and PyTorch's
    Train,
    /// Macro-AUC of 512 anchors against 50,000 images
    Auc,
}

/// Measures and prints; in the tables but that of the losses a ratio says how a line compares with the first.
///
/// # Errors
/// When a parameter is out of range or a file cannot be written.
pub fn run(args: &Args) -> Result<()> {
    let positive = |seconds: f64| seconds > 0.0 && seconds <= 86_400.0;
    ensure!(positive(args.seconds), "--seconds: expected above 0 and at most 86400, got {}", args.seconds);
    ensure!((1..=65_536).contains(&args.dim), "--dim: expected 1 to 65536, got {}", args.dim);
    for &pairs in &args.batch_pairs {
        ensure!((2..=1 << 20).contains(&pairs), "--batch-pairs: expected 2 to {}, got {pairs}", 1 << 20);
    }
    let threads =
        if args.threads.is_empty() { vec![machine::default_threads()] } else { args.threads.clone() };
    for &threads in &threads {
        ensure!((1..=1024).contains(&threads), "--threads: expected 1 to 1024, got {threads}");
    }
    let device = parse_device(&args.device)?;
    if let Some(case) = &args.memory_of {
        tch::set_num_threads(threads[0] as i32);
        return loss::memory_of(case, args.batch_pairs[0], args.dim, device);
    }
    let budget = Duration::from_secs_f64(args.seconds);
    let wanted = |what| args.what.is_none_or(|chosen| chosen == what);
    println!(
        "{}; medians of interleaved runs",
        machine::processor().unwrap_or_else(|| "processor unknown".into())
    );
    if wanted(What::Loss) {
        loss::run(&loss::Request {
            batch_pairs: &args.batch_pairs,
            dim: args.dim,
            threads: &threads,
            device,
            device_name: &device_name(device),
            cases: &args.cases,
            memory: !args.no_memory,
            budget,
            out: args.out.as_deref(),
        })?;
    }
    if wanted(What::Augment) {
        augment::run(device, budget, args.python.as_deref(), args.out.as_deref())?;
    }
    if wanted(What::Train) {
        let (python, out) = (args.python.as_deref(), args.out.as_deref());
        train::run(&args.train, device, &threads, budget, python, out)?;
    }
    let mut tables = Tables { out: args.out.clone(), files: BTreeMap::new() };
    for &threads in &threads {
        tch::set_num_threads(threads as i32);
        if wanted(What::Auc) {
            let timings = auc::run(device, budget)?;
            show(&format!("macro-AUC, 128 wide, {threads} thread(s)"), &timings);
            tables.save("bench-auc.csv", threads, &timings)?;
        }
    }
    Ok(())
}

/// Prints a table.
fn show(title: &str, timings: &[Timing]) {
    println!("\n{title}");
    let first = timings.first().map_or(f64::NAN, |timing| timing.median_ms);
    for timing in timings {
        println!(
            "  {:<28} {:>10.3} ms  ({:.3} to {:.3}, {} runs)  x{:.2}",
            timing.name,
            timing.median_ms,
            timing.min_ms,
            timing.max_ms,
            timing.runs,
            timing.median_ms / first,
        );
    }
}

/// A line of a file.
#[derive(serde::Serialize)]
struct Line {
    threads: usize,
    name: String,
    runs: usize,
    median_ms: f64,
    min_ms: f64,
    max_ms: f64,
}

/// The files, written again whenever a number of threads adds to them.
struct Tables {
    out: Option<PathBuf>,
    files: BTreeMap<String, Vec<Line>>,
}

impl Tables {
    fn save(&mut self, name: &str, threads: usize, timings: &[Timing]) -> Result<()> {
        let Some(folder) = &self.out else {
            return Ok(());
        };
        let lines = self.files.entry(name.to_owned()).or_default();
        lines.extend(timings.iter().map(|timing| Line {
            threads,
            name: timing.name.clone(),
            runs: timing.runs,
            median_ms: timing.median_ms,
            min_ms: timing.min_ms,
            max_ms: timing.max_ms,
        }));
        let mut writer = csv::Writer::from_writer(Vec::new());
        for line in lines.iter() {
            writer.serialize(line)?;
        }
        write_atomic(&folder.join(name), &writer.into_inner()?)
    }
}
