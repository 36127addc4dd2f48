//! The instruction sets that the kernels are compiled for, and the best of them here.

#![allow(unsafe_code, reason = "calls of functions compiled for the instruction set that a value proves")]

#[cfg(target_arch = "x86_64")]
use super::lanes::Avx2;
use super::lanes::{Lanes, Portable};

/// An instruction set of this processor.
#[derive(Debug, Clone, Copy)]
pub(super) enum Isa {
    /// AVX2 and FMA.
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    /// Whatever the build allows.
    Portable,
}

/// Work that is compiled for each instruction set. `run` and all that it calls should be `#[inline(always)]`, closures too: a
/// function of its own lacks the instruction set.
pub(super) trait Kernel {
    /// What comes of it.
    type Output;
    /// Does it.
    fn run<L: Lanes>(self, lanes: L) -> Self::Output;
}

impl Isa {
    /// Those of this processor, the best first.
    pub(super) fn available() -> Vec<Self> {
        let mut found = Vec::new();
        #[cfg(target_arch = "x86_64")]
        found.extend(Avx2::found().map(Self::Avx2));
        found.push(Self::Portable);
        found
    }

    /// The best one; looked up once.
    pub(super) fn best() -> Self {
        static BEST: std::sync::OnceLock<Isa> = std::sync::OnceLock::new();
        *BEST.get_or_init(|| Self::available()[0])
    }

    /// Does the work with this instruction set.
    #[inline(always)]
    pub(super) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        match self {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the value proves the features.
            Self::Avx2(lanes) => unsafe { avx2(kernel, lanes) },
            Self::Portable => kernel.run(Portable),
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn avx2<K: Kernel>(kernel: K, lanes: Avx2) -> K::Output {
    kernel.run(lanes)
}
