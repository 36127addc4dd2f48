//! Value and gradient of each loss beside what libtorch users would write, in one run: time and memory.

mod baselines;
mod cases;
mod memory;
mod write;

use super::clock::{self, Timing, interleaved};
use crate::machine;
use crate::progress::Progress;
use anyhow::Result;
use cases::{Case, Input};
use std::path::Path;
use std::time::Duration;
use tch::Device;

/// What to measure.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// Batch sizes.
    pub batch_pairs: &'a [i64],
    /// Width of the embeddings.
    pub dim: i64,
    /// Numbers of threads.
    pub threads: &'a [usize],
    /// Where.
    pub device: Device,
    /// Its name as the user gave it.
    pub device_name: &'a str,
    /// Parts of names: a case is measured if its name has one of them; all if there are none.
    pub cases: &'a [String],
    /// Whether to measure memory.
    pub memory: bool,
    /// For each table.
    pub budget: Duration,
    /// Where results go.
    pub out: Option<&'a Path>,
}

/// A line of the results.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Row {
    /// Pairs of the batch.
    pub batch_pairs: i64,
    /// Width of the embeddings.
    pub dim: i64,
    /// `cpu`, `cuda:0`.
    pub device: String,
    /// Threads of libtorch.
    pub threads: usize,
    /// What was measured.
    pub case: String,
    /// Timed runs; 0 when it was left out.
    pub runs: usize,
    /// Milliseconds.
    pub median_ms: Option<f64>,
    /// Milliseconds.
    pub min_ms: Option<f64>,
    /// Milliseconds.
    pub max_ms: Option<f64>,
    /// Median over that of `InfoNCE by cross_entropy`.
    pub to_cross_entropy: Option<f64>,
    /// Median over that of `three matrix products`.
    pub to_products: Option<f64>,
    /// Peak besides the embeddings.
    pub extra_mb: Option<f64>,
    /// What [`bcl_core::evaluation::Memory`] tells beforehand.
    pub told_mb: Option<f64>,
    /// Why something is missing.
    pub note: String,
}

/// Share of the available memory that a case may take.
const MEMORY_SHARE: f64 = 0.7;

/// Measures; prints a table for each number of threads and batch size, and writes what there is after each.
///
/// # Errors
/// When a loss refuses its input or a file cannot be written.
pub fn run(request: &Request<'_>) -> Result<()> {
    let wanted = |case: &Case| {
        let name = case.name().to_lowercase();
        request.cases.is_empty() || request.cases.iter().any(|part| name.contains(&part.to_lowercase()))
    };
    let cases: Vec<Case> = Case::all(request.device).into_iter().filter(wanted).collect();
    let names = || Case::all(request.device).iter().map(|case| case.name()).collect::<Vec<_>>().join(", ");
    anyhow::ensure!(!cases.is_empty(), "--cases: expected parts of {}; got {:?}", names(), request.cases);
    let tables = (request.threads.len() * request.batch_pairs.len()) as u64;
    let mut progress = Progress::new("bench loss", 0, tables * (1 + cases.len() as u64));
    let mut rows = Vec::new();
    for &threads in request.threads {
        tch::set_num_threads(threads as i32);
        for &pairs in request.batch_pairs {
            let table = table(request, &cases, (pairs, threads), &mut progress)?;
            progress.print(&write::text(&table));
            rows.extend(table);
            if let Some(folder) = request.out {
                write::files(folder, &rows, request.budget)?;
            }
        }
    }
    progress.finish();
    if let Some(folder) = request.out {
        println!("\nwritten: {}/bench-loss.csv, .json, -time.svg, -memory.svg", folder.display());
    }
    Ok(())
}

/// A child's answer to `--memory-of`: MB, on a line of its own.
///
/// # Errors
/// As [`memory::measure`].
pub fn memory_of(case: &str, pairs: i64, dim: i64, device: Device) -> Result<()> {
    println!("{:.3}", memory::measure(case, pairs, dim, device)?);
    Ok(())
}

/// One batch size on one number of threads.
fn table(
    request: &Request<'_>,
    cases: &[Case],
    (pairs, threads): (i64, usize),
    progress: &mut Progress,
) -> Result<Vec<Row>> {
    let input = Input::new(pairs, request.dim, request.device)?;
    let fits = |case: &Case| left_out(*case, pairs, request.dim, threads, request.device).is_none();
    let timings = {
        let mut timed = Vec::new();
        for &case in cases.iter().filter(|case| fits(case)) {
            timed.push(clock::Case::new(case.name(), case.work(&input)?));
        }
        interleaved(&mut timed, request.budget)?
    };
    progress.step(|| format!("{pairs} pairs, {threads} threads"));
    let median = |case: Case| timings.iter().find(|timing| timing.name == case.name()).map(|t| t.median_ms);
    let (cross_entropy, products) = (median(Case::CrossEntropy), median(Case::ThreeProducts));
    let mut rows = Vec::new();
    for &case in cases {
        let timing: Option<&Timing> = timings.iter().find(|timing| timing.name == case.name());
        let mut note = left_out(case, pairs, request.dim, threads, request.device).unwrap_or_default();
        let mut extra_mb = None;
        if request.memory && note.is_empty() {
            let measured = match request.device {
                Device::Cpu => memory::of_case(case, pairs, request.dim, request.device_name, threads),
                // The device's allocator tells its peak, whatever came before.
                device => memory::measure(&case.name(), pairs, request.dim, device),
            };
            match measured {
                Ok(megabytes) => extra_mb = Some(megabytes),
                Err(error) => note = format!("memory not measured: {error:#}"),
            }
        }
        progress.step(|| format!("{pairs} pairs, {threads} threads: memory"));
        let to = |other: Option<f64>| Some(timing?.median_ms / other?);
        rows.push(Row {
            batch_pairs: pairs,
            dim: request.dim,
            device: request.device_name.to_owned(),
            threads,
            case: case.name(),
            runs: timing.map_or(0, |timing| timing.runs),
            median_ms: timing.map(|timing| timing.median_ms),
            min_ms: timing.map(|timing| timing.min_ms),
            max_ms: timing.map(|timing| timing.max_ms),
            to_cross_entropy: to(cross_entropy),
            to_products: to(products),
            extra_mb,
            told_mb: case.told(pairs, request.dim, threads).map(|bytes| bytes as f64 / 1e6),
            note,
        });
    }
    Ok(rows)
}

/// Why a case is not run: it would not fit.
fn left_out(case: Case, pairs: i64, dim: i64, threads: usize, device: Device) -> Option<String> {
    let available = match bcl_core::device::memory(device) {
        Ok(None) => machine::available_memory(),
        memory => memory.ok().flatten().and_then(|memory| u64::try_from(memory.free).ok()),
    };
    let (needs, has) = (case.bytes(pairs, dim, threads) as f64, available? as f64);
    (needs > MEMORY_SHARE * has).then(|| format!("needs about {:.0} GB of {:.0}", needs / 1e9, has / 1e9))
}
