//! TinyImageNet's classes.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(classes) = bcl_data::format::tinyimagenet::parse_wnids(bytes) {
        assert!(!classes.is_empty() && classes.is_sorted());
    }
});
