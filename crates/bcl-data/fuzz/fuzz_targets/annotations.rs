//! TinyImageNet's validation labels.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let classes = ["n00000001".to_owned(), "n00000002".to_owned()];
    if let Ok(images) = bcl_data::format::tinyimagenet::parse_annotations(bytes, &classes) {
        assert!(images.iter().all(|(name, label)| *label < 2 && !name.contains('/') && name != ".."));
    }
});
