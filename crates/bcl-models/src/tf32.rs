//! Whether CUDA convolutions of f32 may multiply in TF32 (10 bits of mantissa). libtorch lets them unless told otherwise;
//! matrix products stay f32. The C++ side is `tf32.cpp`.

#![allow(unsafe_code, reason = "the boundary to C++")]

use crate::error::{Error, Result};

unsafe extern "C" {
    fn bcl_convolutions_in_tf32(allowed: bool) -> bool;
}

/// Decides it for this process, forward and backward passes alike, until it is decided anew.
pub(crate) fn allow(allowed: bool) -> Result<()> {
    // SAFETY: sets a flag of libtorch; nothing is handed over.
    if unsafe { bcl_convolutions_in_tf32(allowed) } {
        return Ok(());
    }
    Err(Error::Torch(tch::TchError::Torch("libtorch does not take the precision of convolutions".into())))
}

#[cfg(test)]
mod tests {
    #[test]
    fn libtorch_takes_the_switch_without_a_device() {
        for allowed in [true, false, true, false] {
            super::allow(allowed).unwrap(); // reads back what it set
        }
    }
}
