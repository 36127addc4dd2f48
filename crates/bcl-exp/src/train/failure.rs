//! What stops a cell but not the sweep: a loss that is no longer finite.

use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use tch::{Kind, Tensor};

/// A loss that is not finite, with all that is needed to look at it again.
#[derive(Debug, Clone, PartialEq)]
pub struct NonFiniteLoss {
    /// The loss with its parameters.
    pub loss: String,
    /// Location in use.
    pub alpha: Option<f64>,
    /// Epoch, from 1.
    pub epoch: u32,
    /// Batch in the epoch, from 1.
    pub step: u64,
    /// What came out.
    pub value: f64,
    /// The batch's projections, for `bcl-exp loss`.
    pub saved: PathBuf,
}

impl std::fmt::Display for NonFiniteLoss {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { loss, alpha, epoch, step, value, saved } = self;
        let alpha = alpha.map_or(String::new(), |alpha| format!(", alpha in use {alpha}"));
        write!(
            f,
            "loss is {value} at epoch {epoch}, step {step} of {loss}{alpha}; batch saved in {}",
            saved.display()
        )
    }
}

impl std::error::Error for NonFiniteLoss {}

/// Saves the projections of a batch where `bcl-exp loss` can read them.
pub(super) fn save_batch(folder: &Path, z1: &Tensor, z2: &Tensor) -> Result<PathBuf> {
    let path = folder.join("nonfinite.safetensors");
    let plain = |z: &Tensor| z.detach().to_device(tch::Device::Cpu).to_kind(Kind::Float).contiguous();
    Tensor::write_safetensors(&[("z1", plain(z1)), ("z2", plain(z2))], &path)
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}
