//! JPEG, PNG and WebP.
#![no_main]

use bcl_data::format::picture::{Limits, decode, size};

/// Small, so that time goes into formats and not into pixels.
const LIMITS: Limits = Limits { side: 256, pixels: 1 << 14 };

// The fuzzer ends at a panic even if it is caught: only one that leaves `decode` counts.
libfuzzer_sys::fuzz_target!(init: std::panic::set_hook(Box::new(|_| {})), |bytes: &[u8]| {
    let told = size(bytes, LIMITS);
    if let Ok(picture) = decode(bytes, LIMITS) {
        assert_eq!(picture.pixels.len(), 3 * picture.height * picture.width);
        assert_eq!(told, Ok((picture.height, picture.width)));
    }
});
