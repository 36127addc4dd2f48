//! Archives, tar files and zip files: nothing is written beside their folder, nor more than is allowed.
#![no_main]

use bcl_data::fetch::unpack::Target;
use flate2::{Compression, read::GzEncoder};
use std::io::Cursor;
use std::path::Path;

/// Most bytes that are unpacked.
const LARGEST: u64 = 1 << 16;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let outer = std::env::temp_dir().join(format!("bcl-fuzz-{}", std::process::id()));
    let staging = outer.join("staging");
    let target = || Target::new(&staging, "set", LARGEST);
    let mut silent = |_| {};
    let _ = target().tar_gz(bytes, &mut silent);
    // Damaged tar files in whole gzip files go further.
    let _ = target().tar_gz(GzEncoder::new(bytes, Compression::none()), &mut silent);
    let _ = target().zip(Cursor::new(bytes), &mut silent);
    for (folder, only) in [(&outer, "staging"), (&staging, "set")] {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            assert_eq!(entry.file_name(), only);
        }
    }
    assert!(size(&staging) <= 3 * LARGEST);
    let _ = std::fs::remove_dir_all(&outer);
});

/// Bytes of the files below a folder; what is no file or folder is a panic.
fn size(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let bytes = entries.map(|entry| match entry.metadata().expect("what has just been written") {
        metadata if metadata.is_file() => metadata.len(),
        metadata if metadata.is_dir() => size(&entry.path()),
        _ => panic!("a special file: {}", entry.path().display()),
    });
    bytes.sum()
}
