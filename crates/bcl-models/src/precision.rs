//! In what the encoder computes: f32, TF32, or bf16 with f32 weights, statistics and outputs.

use crate::error::{Error, Result};
use crate::tf32;
use std::fmt;
use std::str::FromStr;
use tch::{Device, Kind};

/// Compute precision of the convolutions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Precision {
    /// Single precision.
    F32,
    /// f32 whose convolutions multiply in TF32 on CUDA, PyTorch's default there; on a processor f32.
    Tf32,
    /// bfloat16 activations and weights; the weights that are trained, batch statistics, features and projections
    /// stay f32.
    Bf16,
    /// bf16 where the device multiplies it natively, else f32.
    #[default]
    Auto,
}

impl Precision {
    /// Decides `Auto` for a device, and `Tf32` for a processor.
    #[must_use]
    pub fn resolve(self, device: Device) -> Self {
        match self {
            Self::Auto if has_bf16(device) => Self::Bf16,
            Self::Auto => Self::F32,
            Self::Tf32 if !matches!(device, Device::Cuda(_)) => Self::F32,
            decided => decided,
        }
    }

    pub(crate) fn kind(self, device: Device) -> Kind {
        if self.resolve(device) == Self::Bf16 { Kind::BFloat16 } else { Kind::Float }
    }

    /// Sets libtorch's switch for the convolutions that follow on the device.
    pub(crate) fn apply(self, device: Device) -> Result<()> {
        match device {
            Device::Cuda(_) => tf32::allow(self == Self::Tf32),
            _ => Ok(()),
        }
    }
}

/// Whether bf16 products are native: CUDA devices that this libtorch supports, processors with AVX-512 BF16.
fn has_bf16(device: Device) -> bool {
    match device {
        Device::Cuda(_) => true,
        #[cfg(target_arch = "x86_64")]
        Device::Cpu => std::is_x86_feature_detected!("avx512bf16"),
        _ => false,
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::Tf32 => "tf32",
            Self::Bf16 => "bf16",
            Self::Auto => "auto",
        })
    }
}

impl FromStr for Precision {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        [Self::F32, Self::Tf32, Self::Bf16, Self::Auto]
            .into_iter()
            .find(|precision| precision.to_string() == name)
            .ok_or_else(|| Error::Name {
                what: "precision",
                expected: "f32, tf32, bf16 or auto",
                got: name.to_owned(),
            })
    }
}
