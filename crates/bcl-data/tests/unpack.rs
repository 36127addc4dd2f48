//! Archives that are damaged, or want to write where they must not.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

use bcl_data::error::Malformed;
use bcl_data::fetch::unpack::Target;
use proptest::prelude::*;
use std::io::{Cursor, Write};
use std::path::Path;
use tar::{EntryType, Header};
use zip::write::SimpleFileOptions;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A tar file of raw entries: names as they are, however wicked.
fn tar_of(entries: &[(&str, EntryType, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, kind, content) in entries {
        let mut header = Header::new_gnu();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(*kind);
        header.set_size(content.len() as u64);
        if matches!(kind, EntryType::Symlink | EntryType::Link) {
            header.set_link_name("/etc/passwd").unwrap();
        }
        header.set_cksum();
        builder.append(&header, *content).unwrap();
    }
    builder.into_inner().unwrap()
}

fn unpack_tar(folder: &Path, bytes: &[u8]) -> Result<(), Malformed> {
    Target::new(&folder.join("staging"), "set", 100_000).tar_gz(bytes, &mut |_| {})
}

fn unpack_zip(folder: &Path, bytes: &[u8]) -> Result<(), Malformed> {
    Target::new(&folder.join("staging"), "set", 100_000).zip(Cursor::new(bytes), &mut |_| {})
}

fn zip_of(entries: &[(&str, u32, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, mode, content) in entries {
        writer.start_file(*name, SimpleFileOptions::default().unix_permissions(*mode)).unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            found.extend(files(&entry.path()));
        } else {
            found.push(entry.path().display().to_string());
        }
    }
    found
}

#[test]
fn both_kinds_are_unpacked() {
    let dir = tempfile::tempdir().unwrap();
    let regular = EntryType::Regular;
    let tar = tar_of(&[("set", EntryType::Directory, b""), ("./set/a/b.bin", regular, b"abc")]);
    unpack_tar(dir.path(), &gzip(&tar)).unwrap();
    assert_eq!(std::fs::read(dir.path().join("staging/set/a/b.bin")).unwrap(), b"abc");
    let dir = tempfile::tempdir().unwrap();
    unpack_zip(dir.path(), &zip_of(&[("set/x/y.txt", 0o644, b"xyz")])).unwrap();
    assert_eq!(std::fs::read(dir.path().join("staging/set/x/y.txt")).unwrap(), b"xyz");
}

#[test]
fn long_names_are_read_but_not_endless_ones() {
    let long = format!("set/{}file", "deep/".repeat(50));
    let mut header = Header::new_gnu();
    header.set_size(1);
    let mut gnu = tar::Builder::new(Vec::new());
    gnu.append_data(&mut header, &long, &b"1"[..]).unwrap();
    let mut posix = tar::Builder::new(Vec::new());
    posix.append_pax_extensions([("path", long.as_bytes())]).unwrap();
    posix.append_data(&mut header, "set/short", &b"1"[..]).unwrap();
    for tar in [gnu, posix] {
        let dir = tempfile::tempdir().unwrap();
        unpack_tar(dir.path(), &gzip(&tar.into_inner().unwrap())).unwrap();
        assert_eq!(files(dir.path()), [dir.path().join("staging").join(&long).display().to_string()]);
    }
    let evil = [("x", EntryType::GNULongName, &b"set/../../evil\0"[..]), ("set/a", EntryType::Regular, b"1")];
    let dir = tempfile::tempdir().unwrap();
    assert!(unpack_tar(dir.path(), &gzip(&tar_of(&evil))).is_err());
    assert_eq!(files(dir.path()), Vec::<String>::new());
    // 100 kB of zeros are 100 bytes of archive: a name of gigabytes would fill the memory.
    for kind in [EntryType::GNULongName, EntryType::XHeader] {
        let error = unpack_tar(dir.path(), &gzip(&tar_of(&[("x", kind, &[b'a'; 100_000])]))).unwrap_err();
        assert_eq!(error.expected, "extended headers of at most 65536 bytes");
    }
}

#[test]
fn nothing_is_written_outside_and_no_links_or_devices() {
    let regular = EntryType::Regular;
    for (name, kind) in [
        ("../evil", regular),
        ("set/../../evil", regular),
        ("/evil", regular),
        ("other/evil", regular),
        ("evil", regular),
        ("set\\..\\evil", regular),
        ("set", regular),
        ("set/new\nline", regular),
        ("set/link", EntryType::Symlink),
        ("set/hard", EntryType::Link),
        ("set/null", EntryType::Char),
        ("set/disk", EntryType::Block),
        ("set/pipe", EntryType::Fifo),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let error = unpack_tar(dir.path(), &gzip(&tar_of(&[(name, kind, b"")]))).unwrap_err();
        assert!(error.expected.contains("below the data set's folder"), "{name}: {error:?}");
        assert_eq!(files(dir.path()), Vec::<String>::new(), "{name}");
    }
    for (name, mode) in
        [("../evil", 0o644), ("set/../../evil", 0o644), ("/evil", 0o644), ("other/evil", 0o644)]
    {
        let dir = tempfile::tempdir().unwrap();
        assert!(unpack_zip(dir.path(), &zip_of(&[(name, mode, b"x")])).is_err(), "{name}");
        assert_eq!(files(dir.path()), Vec::<String>::new(), "{name}");
    }
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    writer.add_symlink("set/link", "/etc/passwd", SimpleFileOptions::default()).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let error = unpack_zip(dir.path(), &writer.finish().unwrap().into_inner()).unwrap_err();
    assert!(error.got.contains("special file"), "{error:?}");
}

#[test]
fn bombs_doubles_and_damage_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let bomb = vec![0; 1 << 20];
    let error = unpack_tar(dir.path(), &gzip(&tar_of(&[("set/a", EntryType::Regular, &bomb)]))).unwrap_err();
    assert_eq!(error.expected, "at most 100000 bytes unpacked");
    let error = unpack_zip(dir.path(), &zip_of(&[("set/b", 0o644, &bomb)])).unwrap_err();
    assert_eq!(error.expected, "at most 100000 bytes unpacked");
    let twice = [("set/c", EntryType::Regular, &b"1"[..]), ("set/c", EntryType::Regular, b"2")];
    assert!(unpack_tar(dir.path(), &gzip(&tar_of(&twice))).is_err());
    let whole = gzip(&tar_of(&[("set/d", EntryType::Regular, &[7; 5000])]));
    for length in [0, 5, 20, whole.len() / 2, whole.len() - 1] {
        let dir = tempfile::tempdir().unwrap();
        assert!(unpack_tar(dir.path(), &whole[..length]).is_err(), "{length} of {}", whole.len());
    }
    assert!(unpack_tar(dir.path(), &gzip(b"")).is_err() && unpack_tar(dir.path(), b"garbage").is_err());
    let zip = zip_of(&[("set/e", 0o644, &[7; 5000])]);
    for bytes in [&b""[..], b"PK", b"garbage", &zip[..zip.len() - 1], &zip[..30]] {
        assert!(unpack_zip(dir.path(), bytes).is_err());
    }
}

proptest! {
    #[test]
    fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..2000), at in 0usize..3000, byte: u8) {
        let dir = tempfile::tempdir().unwrap();
        let _ = unpack_tar(dir.path(), &gzip(&bytes));
        let _ = unpack_zip(dir.path(), &bytes);
        let mut zip = zip_of(&[("set/e", 0o644, &[7; 500]), ("set/f", 0o644, b"f")]);
        let place = at % zip.len();
        zip[place] = byte;
        let _ = unpack_zip(dir.path(), &zip);
    }
}
