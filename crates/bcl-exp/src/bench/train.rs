//! A training step of whole encoders: two forward passes, loss, backward pass, Adam; and PyTorch's eager step in the same run.

use super::clock::{Case, Timing, interleaved};
use super::partner::Partner;
use crate::store::write_atomic;
use crate::train::device_name;
use anyhow::{Context, Result, bail, ensure};
use bcl_core::{Estimator, LossConfig};
use bcl_models::{
    AdamConfig, Arch, EncoderConfig, Model, ModelConfig, Optimizer, OptimizerConfig, Precision, Statistics,
    Stem,
};
use serde_json::json;
use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;
use tch::{Device, Kind, Tensor};

/// The script that does the same step by PyTorch.
const SCRIPT: &str = include_str!("../../../../scripts/bench_torch_train.py");

const OURS: &str = "this repository";
const PYTORCH: &str = "PyTorch eager";

/// Memory layouts under PyTorch's names; ours is the first.
const CHANNELS_LAST: &str = "channels_last";
const PLANES: &str = "contiguous";

/// The published projection head.
const HIDDEN: i64 = 512;
const FEATURE_DIM: i64 = 128;

/// Options of `bcl-exp bench train`.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Training step")]
pub struct Options {
    /// Encoders and how many pairs of views a step has
    #[arg(long, value_name = "ARCH:WIDTH:PAIRS,...", value_delimiter = ',', default_values_t = Shape::MEASURED)]
    pub encoders: Vec<Shape>,
    /// cifar, imagenet or compact
    #[arg(long, value_name = "STEM", default_value_t = Stem::Cifar)]
    pub stem: Stem,
    /// bf16, f32, tf32 (on CUDA), or auto: bf16 where the device multiplies it natively
    #[arg(long, value_name = "PRECISION", default_value_t = Precision::Auto)]
    pub precision: Precision,
    /// Height and width of the images, pixels
    #[arg(long, value_name = "PIXELS", default_value_t = 32, value_parser = clap::value_parser!(i64).range(8..=512))]
    pub image_side: i64,
}

/// An encoder and its batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    arch: Arch,
    width: i64,
    pairs: i64,
}

impl Shape {
    /// What is measured unless told otherwise.
    const MEASURED: [Self; 3] = [
        Self { arch: Arch::ResNet18, width: 16, pairs: 256 },
        Self { arch: Arch::ResNet18, width: 64, pairs: 128 },
        Self { arch: Arch::ResNet50, width: 64, pairs: 64 },
    ];
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.arch, self.width, self.pairs)
    }
}

impl FromStr for Shape {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let [arch, width, pairs] = text.split(':').collect::<Vec<_>>()[..] else {
            bail!("expected ARCH:WIDTH:PAIRS such as {}, got {text:?}", Self::MEASURED[0]);
        };
        let number = |name: &str, text: &str, most: i64| {
            let number = text.parse().ok().filter(|number| (1..=most).contains(number));
            number.with_context(|| format!("{name}: expected 1 to {most}, got {text:?}"))
        };
        let pairs = number("pairs", pairs, 1 << 16)?;
        ensure!(pairs > 1, "pairs: expected 2 or more, got 1");
        Ok(Self { arch: arch.parse()?, width: number("width", width, 1024)?, pairs })
    }
}

/// A line of the table and of the file.
#[derive(Debug, serde::Serialize)]
struct Row {
    arch: String,
    width: i64,
    stem: String,
    image_side: i64,
    /// Images of each of the two forward passes.
    pairs: i64,
    device: String,
    threads: usize,
    name: &'static str,
    precision: String,
    layout: &'static str,
    runs: usize,
    median_ms: f64,
    views_per_s: f64,
    /// Of ours on a CUDA device: its largest sum of tensors, MB.
    peak_device_mb: Option<f64>,
    /// How many times as fast as PyTorch in the same precision and layout.
    times_pytorch: Option<f64>,
    /// How many times as fast as PyTorch in f32 planes, as the authors train.
    times_pytorch_f32_contiguous: Option<f64>,
}

/// A library, a precision and a layout.
type Way = (&'static str, Precision, &'static str);

/// Measures each encoder with each number of threads, prints, and writes `bench-train.csv` to `out` after each. `budget` is for
/// an encoder; `python` is the interpreter that has PyTorch.
///
/// # Errors
/// When memory does not suffice or the file cannot be written.
pub fn run(
    options: &Options,
    device: Device,
    threads: &[usize],
    budget: Duration,
    python: Option<&Path>,
    out: Option<&Path>,
) -> Result<()> {
    let partner = Partner::start("PyTorch", python, SCRIPT, &[]);
    let mut csv = csv::Writer::from_writer(Vec::new());
    for &threads in threads {
        tch::set_num_threads(threads as i32);
        for &shape in &options.encoders {
            let timings = measured(options, shape, device, threads, budget, partner.as_ref())?;
            let mut rows = table(options, shape, device, threads, &timings);
            if let (Some(ours), Some(memory)) = (rows.first_mut(), bcl_core::device::memory(device)?) {
                ours.peak_device_mb = Some(memory.peak as f64 / 1e6);
            }
            let Shape { arch, width, pairs } = shape;
            let (stem, side) = (options.stem, options.image_side);
            println!(
                "\ntraining step, {arch} of width {width}, {stem} stem, {pairs} pairs of views of {side} pixels, {threads} thread(s)"
            );
            for row in rows {
                print(&row);
                csv.serialize(row)?;
            }
            if let Some(folder) = out {
                csv.flush()?;
                write_atomic(&folder.join("bench-train.csv"), csv.get_ref())?;
            }
        }
    }
    if let Some(partner) = &partner {
        println!("\n{}", partner.versions());
    }
    Ok(())
}

/// Times our step, and PyTorch's in the same precision and as the authors have it.
fn measured(
    options: &Options,
    shape: Shape,
    device: Device,
    threads: usize,
    budget: Duration,
    partner: Option<&Partner>,
) -> Result<Vec<(Way, Timing)>> {
    let precision = options.precision.resolve(device);
    let mut ways = vec![(OURS, precision, CHANNELS_LAST)];
    let mut cases = vec![Case::new(OURS, step(options, shape, device)?)];
    if let Some(partner) = partner {
        for (precision, layout) in [(precision, CHANNELS_LAST), (Precision::F32, PLANES)] {
            let request = json!({
                "arch": shape.arch.to_string(), "width": shape.width, "stem": options.stem.to_string(),
                "pairs": shape.pairs, "side": options.image_side, "hidden": HIDDEN, "feature_dim": FEATURE_DIM,
                "precision": precision.to_string(), "layout": layout,
                "device": device_name(device), "threads": threads,
            });
            ways.push((PYTORCH, precision, layout));
            cases.push(partner.case(PYTORCH, request));
        }
    }
    let mut timings: Vec<(Way, Timing)> = ways.into_iter().zip(interleaved(&mut cases, budget)?).collect();
    if partner.is_some_and(Partner::failed) {
        timings.truncate(1);
    }
    Ok(timings)
}

/// Our step, on synthetic images.
fn step(options: &Options, shape: Shape, device: Device) -> Result<impl FnMut() -> Result<()>> {
    let encoder = EncoderConfig { arch: shape.arch, width: shape.width, stem: options.stem, in_channels: 3 };
    let precision = options.precision;
    let config = ModelConfig { encoder, hidden: HIDDEN, feature_dim: FEATURE_DIM, precision };
    let model = Model::new(&config, 0, device)?;
    let mut adam = Optimizer::new(&model, OptimizerConfig::Adam(AdamConfig::default()))?;
    let mut config = LossConfig::new(Estimator::Bcl);
    (config.alpha, config.beta) = (0.9, 0.9);
    let loss = config.build()?;
    let side = options.image_side;
    let views = Tensor::f_rand([2, shape.pairs, 3, side, side], (Kind::Float, device))?;
    bcl_core::device::reset_peak(device)?;
    let (view1, view2) = (views.get(0), views.get(1));
    Ok(move || {
        let z1 = model.forward(&view1, Statistics::Batch)?.z;
        let z2 = model.forward(&view2, Statistics::Batch)?.z;
        adam.zero_grad(&model)?;
        loss.forward(&z1, &z2)?.f_backward()?;
        adam.step(&model)?;
        if let Device::Cuda(index) = device {
            tch::Cuda::synchronize(index as i64);
        }
        Ok(())
    })
}

/// The rows of an encoder, ours first.
fn table(
    options: &Options,
    shape: Shape,
    device: Device,
    threads: usize,
    timings: &[(Way, Timing)],
) -> Vec<Row> {
    let pytorch = |precision: Precision, layout: &str| {
        let mut theirs = timings.iter().filter(|((name, ..), _)| *name == PYTORCH);
        let found = theirs.find(|((_, p, l), _)| (*p, *l) == (precision, layout));
        found.map(|(_, timing)| timing.median_ms)
    };
    let row = |&((name, precision, layout), ref timing): &(Way, Timing)| Row {
        arch: shape.arch.to_string(),
        width: shape.width,
        stem: options.stem.to_string(),
        image_side: options.image_side,
        pairs: shape.pairs,
        device: device_name(device),
        threads,
        name,
        precision: precision.to_string(),
        layout,
        runs: timing.runs,
        median_ms: timing.median_ms,
        peak_device_mb: None,
        views_per_s: 2.0 * shape.pairs as f64 / timing.median_ms * 1e3,
        times_pytorch: pytorch(precision, layout).map(|theirs| theirs / timing.median_ms),
        times_pytorch_f32_contiguous: pytorch(Precision::F32, PLANES).map(|theirs| theirs / timing.median_ms),
    };
    timings.iter().map(row).collect()
}

fn print(row: &Row) {
    let times =
        |value: Option<f64>, than: &str| value.map_or(String::new(), |x| format!("  {x:>5.2} x {than}"));
    println!(
        "  {:<16} {:<5} {:<14} {:>10.1} ms  {:>8.1} views/s  ({} runs){}{}{}",
        row.name,
        row.precision,
        row.layout,
        row.median_ms,
        row.views_per_s,
        row.runs,
        times(row.times_pytorch, "PyTorch's"),
        times(row.times_pytorch_f32_contiguous, "its f32 contiguous"),
        row.peak_device_mb.map_or(String::new(), |peak| format!("  {peak:.0} MB")),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_parsed_and_what_does_not_fit_is_told() {
        for shape in Shape::MEASURED {
            assert_eq!(shape.to_string().parse::<Shape>().unwrap(), shape);
        }
        for (text, part) in [
            ("resnet18:16", "ARCH:WIDTH:PAIRS such as resnet18:16:256"),
            ("resnet19:16:256", "resnet50"),
            ("resnet18:0:256", "width: expected 1 to 1024, got \"0\""),
            ("resnet18:16:1", "pairs: expected 2"),
            ("resnet18:16:many", "pairs: expected 1 to 65536"),
        ] {
            let message = text.parse::<Shape>().unwrap_err().to_string();
            assert!(message.contains(part), "{text}: {message}");
        }
    }
}
