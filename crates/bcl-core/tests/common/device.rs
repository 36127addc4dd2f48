//! The device that tests run on: a processor, or what `BCL_TEST_DEVICE` names, `cuda:0` for instance.
#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::panic,
    reason = "shared by tests, each of which uses a part"
)]

use tch::Device;

/// Its name, as `--device` takes it.
pub fn device_name() -> String {
    std::env::var("BCL_TEST_DEVICE").unwrap_or_else(|_| "cpu".into())
}

/// The device; a test that cannot have it fails.
pub fn device() -> Device {
    let name = device_name();
    let index = match name.as_str() {
        "cpu" => return Device::Cpu,
        "cuda" => Some(0),
        _ => name.strip_prefix("cuda:").and_then(|index| index.parse().ok()),
    };
    let Some(index) = index else {
        panic!("BCL_TEST_DEVICE: expected cpu, cuda or cuda:N, got {name:?}");
    };
    // Named here so that a test that uses nothing else of this crate is linked with what loads CUDA.
    let load = bcl_core::libtorch::cuda_load();
    let found = if tch::Cuda::is_available() { tch::Cuda::device_count() } else { 0 };
    assert!((index as i64) < found, "BCL_TEST_DEVICE={name}: {found} CUDA device(s) found, CUDA {load:?}");
    Device::Cuda(index)
}
