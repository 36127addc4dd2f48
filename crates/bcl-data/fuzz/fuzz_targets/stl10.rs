//! STL-10 labels, folds and counts.
#![no_main]

use bcl_data::format::stl10;

libfuzzer_sys::fuzz_target!(|input: (u16, u64, &[u8])| {
    let (images, length, bytes) = input;
    let images = usize::from(images);
    if let Ok(count) = stl10::count(length) {
        assert_eq!(count as u64 * stl10::IMAGE_BYTES as u64, length);
    }
    if let Ok(labels) = stl10::parse_labels(bytes, bytes.len()) {
        assert!(labels.iter().all(|&label| label < 10));
    }
    if let Ok(folds) = stl10::parse_folds(bytes, images) {
        assert!(folds.len() == 10 && folds.concat().iter().all(|&index| (index as usize) < images));
    }
});
