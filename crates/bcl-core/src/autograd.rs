//! Losses whose gradient is computed by our own code, as nodes of libtorch's graph: `backward()` through an encoder
//! works as for any other operation. The C++ side is `autograd.cpp`.

#![allow(unsafe_code, reason = "the boundary to C++")]

use crate::error::{Error, Result};
use std::ffi::{CStr, c_char, c_int, c_void};
use tch::Tensor;

/// A backward pass.
pub(crate) trait Backward: Send {
    /// The gradients by the inputs, in their order, from the gradient by the value; none for an input that asks for
    /// none. It may be called again, when the graph is kept.
    fn backward(&mut self, upstream: &Tensor) -> Result<Vec<Option<Tensor>>>;
}

type State = Box<dyn Backward>;

/// Bytes of a message, with its terminating 0.
const MESSAGE: usize = 512;

type BackwardFn =
    unsafe extern "C" fn(*mut c_void, *const c_void, *mut *mut c_void, usize, *mut c_char) -> c_int;

unsafe extern "C" {
    fn bcl_grad_enabled() -> bool;
    fn bcl_attach(
        value: *mut c_void,
        inputs: *const *mut c_void,
        count: usize,
        state: *mut c_void,
        backward: BackwardFn,
        release: unsafe extern "C" fn(*mut c_void),
        message: *mut c_char,
    ) -> c_int;
    fn bcl_share(tensor: *const c_void) -> *mut c_void;
}

/// Whether operations are recorded at the moment: not under `no_grad`.
pub(crate) fn enabled() -> bool {
    // SAFETY: reads a flag of this thread.
    unsafe { bcl_grad_enabled() }
}

/// Makes `value`, which has no graph and shares its memory with nothing, the result of a node over `inputs`.
pub(crate) fn attach(value: Tensor, inputs: &[&Tensor], backward: State) -> Result<Tensor> {
    let inputs: Vec<*mut c_void> = inputs.iter().map(|tensor| tensor.as_ptr() as *mut c_void).collect();
    // A pointer to a trait object is two words; one more box makes it one.
    let state = Box::into_raw(Box::new(backward)).cast::<c_void>();
    let mut message = [0u8; MESSAGE];
    // SAFETY: the tensors live through the call; the state is taken over and released by `release` once; the functions
    // have the signatures that autograd.cpp declares.
    let status = unsafe {
        bcl_attach(
            value.as_ptr() as *mut c_void,
            inputs.as_ptr(),
            inputs.len(),
            state,
            call_backward,
            release,
            message.as_mut_ptr().cast(),
        )
    };
    if status == 0 {
        return Ok(value);
    }
    let text = CStr::from_bytes_until_nul(&message).map_or("unknown".into(), |text| text.to_string_lossy());
    Err(Error::Torch(tch::TchError::Torch(text.into_owned())))
}

/// Called by libtorch's engine.
///
/// # Safety
/// `state` comes from [`attach`] and has not been released; `upstream` is a tensor; `gradients` has `count` places;
/// `message` has [`MESSAGE`] bytes.
unsafe extern "C" fn call_backward(
    state: *mut c_void,
    upstream: *const c_void,
    gradients: *mut *mut c_void,
    count: usize,
    message: *mut c_char,
) -> c_int {
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        // SAFETY: as this function; the node's mutex keeps calls apart.
        let (state, upstream) =
            unsafe { (&mut *state.cast::<State>(), Tensor::clone_from_ptr(upstream as *mut _)) };
        state.backward(&upstream)
    }));
    let text = match result {
        Ok(Ok(tensors)) if tensors.len() == count => {
            for (index, tensor) in tensors.iter().enumerate() {
                let Some(tensor) = tensor else { continue };
                // SAFETY: there are `count` places; C++ owns what is put there.
                unsafe { *gradients.add(index) = bcl_share(tensor.as_ptr() as *const c_void) };
            }
            return 0;
        }
        Ok(Ok(tensors)) => format!("contrastive loss: expected {count} gradients, got {}", tensors.len()),
        Ok(Err(error)) => error.to_string(),
        Err(_) => "contrastive loss: the backward pass panicked".into(),
    };
    let length = text.len().min(MESSAGE - 1);
    // SAFETY: the message has MESSAGE bytes; the rest of it is 0.
    unsafe {
        message.cast::<u8>().copy_from_nonoverlapping(text.as_ptr(), length);
        message.add(length).write(0);
    }
    1
}

/// Drops the state.
///
/// # Safety
/// `state` comes from [`attach`]; it is not used afterwards.
unsafe extern "C" fn release(state: *mut c_void) {
    // SAFETY: as this function.
    let state = unsafe { Box::from_raw(state.cast::<State>()) };
    // A panic must not reach C++.
    let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(state)));
}
