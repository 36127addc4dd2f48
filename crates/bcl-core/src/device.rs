//! What libtorch tells of a device: its memory, and for which operations the processor waits. The C++ side is `device.cpp`.

#![allow(unsafe_code, reason = "the boundary to C++")]

use crate::error::{Error, Result};
use std::ffi::{CStr, c_char, c_int};
use std::sync::{Mutex, PoisonError};
use tch::Device;

/// Bytes of a message, with its terminating 0.
const MESSAGE: usize = 512;

/// Bytes of operations' names that are told at most.
const NAMES: usize = 1 << 16;

unsafe extern "C" {
    fn bcl_device_memory(index: c_int, numbers: *mut i64, message: *mut c_char) -> c_int;
    fn bcl_device_reset_peak(index: c_int, message: *mut c_char) -> c_int;
    fn bcl_waits_begin() -> u64;
    fn bcl_waits_end(handle: u64, text: *mut c_char, size: usize) -> usize;
}

/// Memory of a CUDA device, bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceMemory {
    /// What no process has taken.
    pub free: i64,
    /// The largest sum of this process's tensors since [`reset_peak`]: `torch.cuda.max_memory_allocated`.
    pub peak: i64,
}

/// The memory of a CUDA device, as libtorch's allocator tells it; `None` for a processor.
///
/// # Errors
/// When there is no such device, or libtorch has not used it yet.
pub fn memory(device: Device) -> Result<Option<DeviceMemory>> {
    let Device::Cuda(index) = device else {
        return Ok(None);
    };
    let mut numbers = [0i64; 2];
    told(|message| {
        // SAFETY: device.cpp writes two numbers, and a message of at most MESSAGE bytes.
        unsafe { bcl_device_memory(index as c_int, numbers.as_mut_ptr(), message) }
    })?;
    let [free, peak] = numbers;
    Ok(Some(DeviceMemory { free, peak }))
}

/// Starts the peak of a CUDA device anew; does nothing for a processor.
///
/// # Errors
/// As [`memory`].
pub fn reset_peak(device: Device) -> Result<()> {
    match device {
        // SAFETY: device.cpp writes a message of at most MESSAGE bytes.
        Device::Cuda(index) => told(|message| unsafe { bcl_device_reset_peak(index as c_int, message) }),
        _ => Ok(()),
    }
}

/// Does the work and names the libtorch operations of this thread, and of backward passes it starts, for which the
/// processor waits when its tensors are on a device: reads of a value (`aten::_local_scalar_dense`), results whose shape
/// depends on values (`aten::nonzero`), and copies between devices that do not return at once (`aten::copy_`; seen only where
/// there are two devices). Reads are named on a processor too, where nobody waits: so that a test needs no device.
///
/// A copy of a tensor's elements to a `Vec` is no operation on a processor and not named there.
pub fn waits<T>(work: impl FnOnce() -> T) -> (T, Vec<String>) {
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let ends = Ends(
        // SAFETY: adds a callback of device.cpp to this thread.
        unsafe { bcl_waits_begin() },
    );
    let result = work();
    (result, ends.names())
}

/// Removes the callback even when the work panics.
struct Ends(u64);

impl Ends {
    fn names(self) -> Vec<String> {
        let text = self.end();
        std::mem::forget(self);
        text.lines().map(str::to_owned).collect()
    }

    fn end(&self) -> String {
        let mut text = vec![0u8; NAMES];
        // SAFETY: the text has as many bytes as are told.
        unsafe { bcl_waits_end(self.0, text.as_mut_ptr().cast(), NAMES) };
        CStr::from_bytes_until_nul(&text).map_or(String::new(), |text| text.to_string_lossy().into_owned())
    }
}

impl Drop for Ends {
    fn drop(&mut self) {
        let _ = self.end();
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use tch::{Kind, Tensor};

    #[test]
    fn reads_are_named_and_nothing_else_is() {
        let x = Tensor::arange(6, (Kind::Float, Device::Cpu)).set_requires_grad(true);
        let (_, names) = waits(|| (x.square().sum(Kind::Float) + 1).backward());
        assert!(names.is_empty(), "{names:?}");
        let (value, names) = waits(|| x.sum(Kind::Double).double_value(&[]));
        assert_eq!((value, names), (15.0, vec!["aten::_local_scalar_dense".to_owned()]));
        let (_, names) = waits(|| x.detach().index(&[Some(x.gt(2.0))]));
        assert_eq!(names, ["aten::nonzero"]);
        let (_, names) = waits(|| x.detach().masked_select(&x.gt(2.0)));
        assert!(names.contains(&"aten::masked_select".to_owned()), "{names:?}");
        let _ = std::panic::catch_unwind(|| waits(|| panic!("in the work")));
        let (_, names) = waits(|| ());
        assert!(names.is_empty(), "{names:?}");
    }

    #[test]
    fn a_processor_has_no_memory_of_its_own_and_a_missing_device_is_told() {
        assert_eq!(memory(Device::Cpu).unwrap(), None);
        reset_peak(Device::Cpu).unwrap();
        assert!(memory(Device::Cuda(99)).is_err());
    }
}
