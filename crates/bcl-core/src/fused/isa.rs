//! The instruction sets that the kernels are compiled for, and the best of them here.

use super::step::{self, Step};
use super::team::Member;

/// An instruction set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Isa {
    /// AVX-512 F, BW, DQ, VL.
    #[cfg(target_arch = "x86_64")]
    Avx512,
    /// AVX2 and FMA.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// Whatever the build allows.
    Portable,
}

impl Isa {
    /// Those of this processor, the best first.
    pub(crate) fn available() -> Vec<Self> {
        let mut found = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            let bits = is_x86_feature_detected!("bmi2") && is_x86_feature_detected!("popcnt");
            let avx2 = bits && is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
            if avx2
                && is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512vl")
            {
                found.push(Self::Avx512);
            }
            if avx2 {
                found.push(Self::Avx2);
            }
        }
        found.push(Self::Portable);
        found
    }

    /// The best one; looked up once.
    pub(crate) fn best() -> Self {
        static BEST: std::sync::OnceLock<Isa> = std::sync::OnceLock::new();
        *BEST.get_or_init(|| Self::available()[0])
    }

    /// For people.
    pub(crate) fn name(self) -> &'static str {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => "AVX-512",
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => "AVX2",
            Self::Portable => "portable",
        }
    }

    /// Columns of a packed tile.
    pub(super) fn tile(self) -> usize {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => 64,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => 16,
            Self::Portable => 16,
        }
    }

    /// One member's part of a step.
    ///
    /// # Safety
    /// The processor has this instruction set ([`Isa::available`]); the step's pointers are as [`Step`] says.
    pub(super) unsafe fn run(self, step: &Step<'_>, member: &Member<'_>) {
        // SAFETY: as this function.
        unsafe {
            match self {
                #[cfg(target_arch = "x86_64")]
                Self::Avx512 => avx512(step, member),
                #[cfg(target_arch = "x86_64")]
                Self::Avx2 => avx2(step, member),
                Self::Portable => step::member::<super::lanes::Portable, 2>(step, member),
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,bmi2,popcnt")]
unsafe fn avx512(step: &Step<'_>, member: &Member<'_>) {
    // SAFETY: as Isa::run.
    unsafe { step::member::<super::lanes::Avx512, 4>(step, member) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,bmi2,popcnt")]
unsafe fn avx2(step: &Step<'_>, member: &Member<'_>) {
    // SAFETY: as Isa::run.
    unsafe { step::member::<super::lanes::Avx2, 2>(step, member) }
}
