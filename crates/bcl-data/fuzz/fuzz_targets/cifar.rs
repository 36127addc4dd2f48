//! CIFAR records of both layouts.
#![no_main]

use bcl_data::format::cifar::{IMAGE_BYTES, Layout, parse};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    for layout in [Layout::Cifar10, Layout::Cifar100] {
        let (mut pixels, mut labels) = (Vec::new(), Vec::new());
        match parse(bytes, layout, &mut pixels, &mut labels) {
            Ok(()) => assert_eq!(pixels.len(), labels.len() * IMAGE_BYTES),
            Err(_) => assert!(pixels.is_empty() && labels.is_empty()),
        }
    }
});
