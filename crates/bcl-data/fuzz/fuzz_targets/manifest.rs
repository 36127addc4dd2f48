//! The checksums of an unpacked data set.
#![no_main]

use bcl_data::fetch::manifest::{parse, render};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(lines) = parse(bytes) {
        assert!(
            lines
                .iter()
                .all(|line| !line.path.starts_with('/') && !line.path.split('/').any(|part| part == ".."))
        );
        assert_eq!(parse(render(&lines).as_bytes()).as_ref(), Ok(&lines));
    }
});
