//! idx images and labels, gzipped or not.
#![no_main]

use bcl_data::format::idx;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(images) = idx::parse_images(bytes) {
        assert!(images.pixels.len().is_multiple_of(images.height * images.width));
    }
    if let Ok(labels) = idx::parse_labels(bytes, 10) {
        assert!(labels.iter().all(|&label| label < 10));
    }
});
