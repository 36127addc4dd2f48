//! `bcl-exp doctor`: what was found on this machine, and what is wrong.

use crate::machine;
use anyhow::{Result, ensure};
use bcl_core::libtorch::{self, CudaLoad};
use std::path::PathBuf;
use tch::{Cuda, Device, Kind, Tensor};

/// Options of `bcl-exp doctor`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder that holds the data sets
    #[arg(long, value_name = "DIR", default_value = "data")]
    pub data: PathBuf,
}

/// How one check ended.
enum Finding {
    Good(String),
    /// Works, but the user may want to know.
    Note(String),
    Bad(String),
}

/// Prints every check.
///
/// # Errors
/// When a check failed.
pub fn run(args: &Args) -> Result<()> {
    let checks: Vec<(&str, Finding)> = vec![
        ("libtorch", libtorch_version()),
        ("libtorch folder", libtorch_folder()),
        ("tensors", tensors(Device::Cpu)),
        ("loss", loss(Device::Cpu)),
        ("processor", processor()),
        ("memory and disk", memory_and_disk()),
        ("CUDA", cuda()),
        (
            "CUDA tensors",
            if Cuda::is_available() { loss(Device::Cuda(0)) } else { Finding::Note("not tried".into()) },
        ),
    ];
    let mut bad = 0;
    for (name, finding) in &checks {
        let (mark, text) = match finding {
            Finding::Good(text) => ("ok   ", text),
            Finding::Note(text) => ("note ", text),
            Finding::Bad(text) => {
                bad += 1;
                ("WRONG", text)
            }
        };
        println!("{mark}  {name:<16} {text}");
    }
    println!("\ndata sets (--data {}):", args.data.display());
    super::data::print_list(&args.data);
    ensure!(bad == 0, "{bad} of {} checks failed", checks.len());
    Ok(())
}

fn libtorch_version() -> Finding {
    let expected = libtorch::EXPECTED_VERSION;
    match libtorch::version() {
        Some(version) if version.split('+').next() == Some(expected) => Finding::Good(version),
        Some(version) => Finding::Bad(format!("expected {expected}, got {version}; run `make setup`")),
        None => Finding::Note(format!("the installation does not say its version; expected {expected}")),
    }
}

fn libtorch_folder() -> Finding {
    match libtorch::library_dir() {
        Some(dir) => Finding::Good(dir.display().to_string()),
        None => Finding::Note("cannot be told on this system".into()),
    }
}

/// A matrix product and its gradient.
fn tensors(device: Device) -> Finding {
    let result = (|| -> Result<bool, tch::TchError> {
        let x = Tensor::f_eye(4, (Kind::Float, device))?.f_set_requires_grad(true)?;
        x.f_matmul(&x)?.f_sum(Kind::Float)?.f_backward()?;
        Ok((x.grad().f_sum(Kind::Double)?.double_value(&[]) - 32.0).abs() < 1e-6)
    })();
    match result {
        Ok(true) => Finding::Good("a product and its gradient are right".into()),
        Ok(false) => Finding::Bad("a matrix product has a wrong gradient".into()),
        Err(error) => Finding::Bad(error.to_string()),
    }
}

/// BCL at alpha = beta = 0.5 is InfoNCE: ln(N + 1) for embeddings that are all alike.
fn loss(device: Device) -> Finding {
    let value = (|| -> Result<f64> {
        let z = Tensor::f_ones([8, 4], (Kind::Float, device))? * 0.5;
        let mut config = bcl_core::LossConfig::new(bcl_core::Estimator::Bcl);
        (config.alpha, config.beta) = (0.5, 0.5);
        Ok(config.build()?.forward(&z, &z)?.f_double_value(&[])?)
    })();
    match value {
        Ok(value) if (value - 15f64.ln()).abs() < 1e-5 => {
            Finding::Good(format!("BCL is right on {device:?}"))
        }
        Ok(value) => Finding::Bad(format!("BCL on {device:?}: expected {}, got {value}", 15f64.ln())),
        Err(error) => Finding::Bad(format!("BCL on {device:?}: {error:#}")),
    }
}

fn processor() -> Finding {
    let threads = machine::default_threads();
    let mut text = format!("{threads} threads");
    #[cfg(target_arch = "x86_64")]
    {
        let features = [
            ("AVX2", is_x86_feature_detected!("avx2")),
            ("AVX-512", is_x86_feature_detected!("avx512f")),
            ("bf16", is_x86_feature_detected!("avx512bf16")),
        ];
        for (name, present) in features {
            text += &format!(", {}{name}", if present { "" } else { "no " });
        }
    }
    Finding::Good(text)
}

fn memory_and_disk() -> Finding {
    let disk = machine::free_space(std::path::Path::new("."));
    let gigabytes =
        |bytes: Option<u64>| bytes.map_or("?".into(), |bytes| format!("{:.1} GB", bytes as f64 / 1e9));
    let text =
        format!("{} memory available, {} disk free", gigabytes(machine::available_memory()), gigabytes(disk));
    if disk.is_some_and(|free| free < 500_000_000) {
        Finding::Note(text + ": little")
    } else {
        Finding::Good(text)
    }
}

fn cuda() -> Finding {
    let count = Cuda::device_count();
    match libtorch::cuda_load() {
        CudaLoad::Loaded if count > 0 => {
            let cudnn = if Cuda::cudnn_is_available() { "with cuDNN" } else { "without cuDNN" };
            Finding::Good(format!("{count} device(s), {cudnn}"))
        }
        CudaLoad::Loaded => Finding::Bad(
            "kernels loaded, no device usable: is the driver new enough for CUDA 13 (nvidia-smi), is \
             CUDA_VISIBLE_DEVICES empty?"
                .into(),
        ),
        CudaLoad::OptedOut => Finding::Note(format!("left alone, as {} asks", libtorch::NO_CUDA)),
        CudaLoad::NoDriver => Finding::Note("no NVIDIA driver here; running on the processor".into()),
        CudaLoad::NoKernels => Finding::Bad(
            "a driver is here, but this libtorch is the CPU one; run `make setup LIBTORCH_VARIANT=cuda`".into(),
        ),
        CudaLoad::Failed => Finding::Bad(
            "a driver is here, but libtorch_cuda.so cannot be loaded; `ldd` on it in the libtorch folder names what is missing"
                .into(),
        ),
        CudaLoad::Unsupported => Finding::Note("loading CUDA on demand is not supported on this system".into()),
    }
}
