//! libtorch's fused steps, one pass over the memory on processors and on CUDA. The C++ side is `fused.cpp`.

#![allow(unsafe_code, reason = "the boundary to C++")]

use crate::error::{Error, Result};
use std::ffi::{CStr, c_char, c_int, c_void};
use tch::Tensor;

/// Bytes of a message, with its terminating 0.
const MESSAGE: usize = 512;

unsafe extern "C" {
    fn bcl_fused_adam(
        tensors: *const *mut c_void,
        numbers: *const f64,
        decoupled: bool,
        message: *mut c_char,
    ) -> c_int;
    fn bcl_fused_sgd(
        tensors: *const *mut c_void,
        numbers: *const f64,
        nesterov: bool,
        first: bool,
        message: *mut c_char,
    ) -> c_int;
}

/// A step of `torch.optim.Adam`, or of AdamW if `decoupled`. Tensors: weight, gradient, first and second moment,
/// the step's number from 1 (f32, no dimensions), all on one device. Numbers: lr, beta1, beta2, weight decay, epsilon.
pub(super) fn adam(tensors: [&Tensor; 5], numbers: [f64; 5], decoupled: bool) -> Result<()> {
    let tensors = tensors.map(|tensor| tensor.as_ptr() as *mut c_void);
    told(|message| {
        // SAFETY: five tensors and five numbers live through the call, as fused.cpp reads them.
        unsafe { bcl_fused_adam(tensors.as_ptr(), numbers.as_ptr(), decoupled, message) }
    })
}

/// A step of `torch.optim.SGD`. Tensors: weight, gradient, momentum. Numbers: weight decay, momentum, lr. The `first`
/// step starts the momentum with the gradient.
pub(super) fn sgd(tensors: [&Tensor; 3], numbers: [f64; 3], nesterov: bool, first: bool) -> Result<()> {
    let tensors = tensors.map(|tensor| tensor.as_ptr() as *mut c_void);
    told(|message| {
        // SAFETY: three tensors and three numbers live through the call, as fused.cpp reads them.
        unsafe { bcl_fused_sgd(tensors.as_ptr(), numbers.as_ptr(), nesterov, first, message) }
    })
}

/// Makes an error of the message that a call leaves.
fn told(call: impl FnOnce(*mut c_char) -> c_int) -> Result<()> {
    let mut message = [0u8; MESSAGE];
    if call(message.as_mut_ptr().cast()) == 0 {
        return Ok(());
    }
    let text = CStr::from_bytes_until_nul(&message).map_or("unknown".into(), |text| text.to_string_lossy());
    Err(Error::Torch(tch::TchError::Torch(text.into_owned())))
}
