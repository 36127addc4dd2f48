//! The cache of decoded images: any header, and any index under a checksum that is right.
#![no_main]

use bcl_data::format::cache::{ENTRY_BYTES, HEADER_BYTES, encode, parse_header, parse_index};

libfuzzer_sys::fuzz_target!(|input: (Vec<(u32, u32, u32)>, u64, &[u8])| {
    let (images, length, bytes) = input;
    for length in [length, bytes.len() as u64] {
        if let Ok(header) = parse_header(bytes, length) {
            let _ = parse_index(bytes.get(HEADER_BYTES..).unwrap_or_default(), &header);
        }
    }
    let Some(pixels) = images.iter().try_fold(0u64, |sum, &(height, width, _)| {
        sum.checked_add((u64::from(height) * u64::from(width)).checked_mul(3)?)
    }) else {
        return;
    };
    let (header, index) = encode(&[0; 32], &images);
    let length = (HEADER_BYTES + images.len() * ENTRY_BYTES) as u64;
    let Some(length) = length.checked_add(pixels) else { return };
    let header = parse_header(&header, length).expect("a header that was written");
    if let Ok(entries) = parse_index(&index, &header) {
        for entry in entries {
            let bytes = 3 * u64::from(entry.height) * u64::from(entry.width);
            assert!(bytes > 0 && entry.offset + bytes <= HEADER_BYTES as u64 + pixels);
        }
    }
});
