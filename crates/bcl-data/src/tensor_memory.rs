//! Tensors that are written in place, and copied to devices.

#![allow(unsafe_code, reason = "a tensor's memory as a slice")]

use crate::augment::Bf16;
use crate::error::Result;
use tch::{Device, Kind, Tensor};

/// An element of a slice that a tensor's memory can be.
///
/// # Safety
/// Any bits are a value, and size and alignment are those of `KIND`.
pub(crate) unsafe trait Pixel: Copy + Send {
    const KIND: Kind;
}

// SAFETY: f32 is f32.
unsafe impl Pixel for f32 {
    const KIND: Kind = Kind::Float;
}

// SAFETY: a byte.
unsafe impl Pixel for u8 {
    const KIND: Kind = Kind::Uint8;
}

// SAFETY: two bytes, transparent over u16.
unsafe impl Pixel for Bf16 {
    const KIND: Kind = Kind::BFloat16;
}

/// A new tensor on the processor whose elements `fill` writes; they are 0 before.
///
/// # Errors
/// When memory does not suffice or `fill` fails.
pub(crate) fn filled<T: Pixel>(shape: &[i64], fill: impl FnOnce(&mut [T]) -> Result<()>) -> Result<Tensor> {
    let tensor = Tensor::f_zeros(shape, (T::KIND, Device::Cpu))?;
    // SAFETY: a new, contiguous tensor of this type that nothing else knows yet; libtorch aligns to 64 bytes.
    let elements = unsafe { std::slice::from_raw_parts_mut(tensor.data_ptr().cast::<T>(), tensor.numel()) };
    fill(elements)?;
    Ok(tensor)
}

/// The tensor where copies to `device` need not wait: in pinned memory for CUDA, if there is enough.
pub(crate) fn staged(tensor: Tensor, device: Device) -> Tensor {
    match device {
        // Not `pin_memory`, which warns at each call that it takes a device, and tch cannot leave it out.
        Device::Cuda(_) => tensor.f_internal_pin_memory(device).unwrap_or(tensor),
        _ => tensor,
    }
}

/// The tensor on `device`; from pinned memory without waiting for the copy.
///
/// # Errors
/// When memory does not suffice.
pub(crate) fn uploaded(tensor: &Tensor, device: Device) -> Result<Tensor> {
    Ok(tensor.f_to_device_(device, tensor.kind(), true, false)?)
}
