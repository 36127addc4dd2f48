//! Memory that a case takes besides its embeddings: on a processor the growth of a fresh process's resident memory, on
//! a CUDA device the largest sum of tensors.

use super::cases::{Case, Input};
use crate::machine;
use anyhow::{Context, Result, bail};
use std::process::{Command, Stdio};
use tch::Device;

/// Measures a case in a process of its own; MB.
///
/// # Errors
/// When the process cannot be started or fails; its own words are in the error.
pub(super) fn of_case(case: Case, pairs: i64, dim: i64, device: &str, threads: usize) -> Result<f64> {
    let program = std::env::current_exe().context("cannot tell where this program lies")?;
    let output = Command::new(program)
        .args(["bench", "loss", "--memory-of", &case.name(), "--device", device])
        .args(["--batch-pairs", &pairs.to_string(), "--dim", &dim.to_string()])
        .args(["--threads", &threads.to_string()])
        .stdin(Stdio::null())
        .output()
        .context("cannot start another process")?;
    let said = String::from_utf8_lossy(&output.stdout);
    match said.trim().parse() {
        Ok(megabytes) if output.status.success() => Ok(megabytes),
        _ => bail!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim()),
    }
}

/// The fresh process's part: three runs, whose peak it returns in MB.
///
/// # Errors
/// When there is no such case, it cannot run, or the system does not tell memory.
pub(super) fn measure(name: &str, pairs: i64, dim: i64, device: Device) -> Result<f64> {
    machine::return_large_blocks();
    let Some(case) = Case::all(device).into_iter().find(|case| case.name() == name) else {
        bail!("--memory-of: expected the name of a case, got {name:?}");
    };
    let untold = "this system does not tell a process's memory";
    {
        let small = Input::new(8, dim, device)?;
        case.work(&small)?()?; // code, threads and libraries are there from now on
    }
    bcl_core::evaluation::release_memory();
    let input = Input::new(pairs, dim, device)?;
    bcl_core::device::reset_peak(device)?;
    let peak = || Ok::<_, bcl_core::Error>(bcl_core::device::memory(device)?.map(|told| told.peak));
    if let Some(before) = peak()? {
        let mut work = case.work(&input)?;
        for _ in 0..3 {
            work()?;
        }
        return Ok((peak()?.context(untold)? - before) as f64 / 1e6);
    }
    let before = machine::memory_mb().context(untold)?;
    machine::reset_peak_memory();
    let mut work = case.work(&input)?;
    for _ in 0..3 {
        work()?;
    }
    Ok((machine::peak_memory_mb().context(untold)? - before).max(0.0))
}
