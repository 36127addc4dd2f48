//! Downloads from servers that drop, truncate, redirect, lie and stall.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

mod server;

use bcl_data::Error;
use bcl_data::fetch::{Archive, Event, Network, Options, Packing, Source, fetch, manifest};
use md5::{Digest, Md5};
use server::{Reply, Request, Server};
use std::path::Path;
use std::time::Duration;

const FILE: &str = "set.tar.gz";
const VERSION: &str = "\"v1\"";

/// A data set of one file that does not compress, 300,000 bytes, packed.
fn packed() -> (Vec<u8>, Vec<u8>) {
    let mut state = 1u32;
    let content: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    })
    .take(300_000)
    .collect();
    let mut tar = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    let mut header = tar::Header::new_gnu();
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    tar.append_data(&mut header, "set/data.bin", &content[..]).unwrap();
    (tar.into_inner().unwrap().finish().unwrap(), content)
}

fn source(base: &str, archive: &[u8]) -> Source {
    let md5 = Md5::digest(archive).iter().map(|byte| format!("{byte:02x}")).collect();
    let archive = Archive { file: FILE.into(), base: format!("{base}/"), md5, packing: Packing::TarGz };
    Source {
        set: "set".into(),
        folder: "set".into(),
        archives: vec![archive],
        download: 300_000,
        largest: 1_000_000,
    }
}

fn options() -> Options {
    let network = Network {
        tries: 3,
        pause: Duration::from_millis(5),
        connect: Duration::from_secs(5),
        stall: Duration::from_millis(300),
    };
    Options { network, ..Options::default() }
}

/// Fetches from a server and checks that all is there and nothing else.
fn succeeds(answer: impl Fn(usize, &Request, &[u8]) -> Reply + Send + Sync + 'static) -> Vec<Request> {
    let (archive, content) = packed();
    let served = archive.clone();
    let server = Server::start(move |number, request| answer(number, request, &served));
    let dir = tempfile::tempdir().unwrap();
    let source = source(&server.address, &archive);
    let folder = fetch(&source, dir.path(), &options(), &mut |_| {}).unwrap();
    assert_eq!(folder, dir.path().join("set"));
    assert!(std::fs::read(folder.join("data.bin")).unwrap() == content);
    assert_eq!(manifest::check(&folder).unwrap().unwrap().len(), 0);
    assert_eq!(names(dir.path()), [".fetch-set.lock", "set"], "neither the archive nor parts of it");
    server.seen()
}

/// Fetches from a server that cannot be lived with; the message, and what was left behind.
fn fails(answer: impl Fn(usize, &Request, &[u8]) -> Reply + Send + Sync + 'static) -> (String, Vec<String>) {
    let (archive, _) = packed();
    let served = archive.clone();
    let server = Server::start(move |number, request| answer(number, request, &served));
    let dir = tempfile::tempdir().unwrap();
    let source = source(&server.address, &archive);
    let error = fetch(&source, dir.path(), &options(), &mut |_| {}).unwrap_err();
    assert!(!dir.path().join("set").exists(), "a set that is not whole must not be there");
    (error.to_string(), names(dir.path()))
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn an_honest_server_is_asked_once() {
    let seen = succeeds(|_, request, archive| Reply::file(request, archive, VERSION));
    assert_eq!(seen.len(), 1);
    assert_eq!((seen[0].method.as_str(), seen[0].from), ("GET", None));
    assert!(seen[0].path.ends_with(FILE));
}

#[test]
fn a_line_that_drops_is_gone_on_with_where_it_dropped() {
    // More drops than tries: each brings some bytes.
    let seen = succeeds(|number, request, archive| {
        let reply = Reply::file(request, archive, VERSION);
        if number < 5 { reply.stopping_after(50_000) } else { reply }
    });
    assert_eq!(seen.len(), 6);
    let from: Vec<usize> = seen.iter().filter_map(|request| request.from).collect();
    assert!(from.len() == 5 && from.windows(2).all(|pair| pair[0] < pair[1]), "{from:?}");
    assert!(seen[1..].iter().all(|request| request.if_range.as_deref() == Some(VERSION)));
}

#[test]
fn a_server_without_ranges_or_versions_is_asked_from_the_beginning() {
    let seen = succeeds(|number, _, archive| {
        let reply = Reply::new(200, archive); // ignores the range, names no version
        if number == 0 { reply.stopping_after(100_000) } else { reply }
    });
    assert_eq!(seen.iter().map(|request| request.from).collect::<Vec<_>>(), [None, None]);
    let seen = succeeds(|number, _, archive| {
        let reply = Reply::new(200, archive).header("ETag", VERSION); // ignores the range only
        if number == 0 { reply.stopping_after(100_000) } else { reply }
    });
    assert!(seen[1].from.is_some());
}

#[test]
fn a_file_that_changed_between_two_tries_is_begun_anew() {
    let seen = succeeds(|number, request, archive| match number {
        0 => Reply::new(200, &vec![7; 200_000]).header("ETag", "\"v0\"").stopping_after(60_000),
        _ => Reply::file(request, archive, VERSION),
    });
    assert_eq!(seen[1].if_range.as_deref(), Some("\"v0\""));
}

#[test]
fn a_beginning_that_the_server_cannot_go_on_with_is_dropped() {
    succeeds(|number, request, archive| match number {
        0 => Reply::new(200, archive).header("ETag", VERSION).stopping_after(60_000),
        1 => Reply::new(416, b""),
        2 => Reply::new(200, archive).header("ETag", VERSION).stopping_after(60_000),
        3 => Reply::new(206, archive).header("Content-Range", "bytes 5-9/10"), // another range than asked for
        _ => Reply::file(request, archive, VERSION),
    });
}

#[test]
fn lengths_that_lie_are_found_out() {
    // Too long: the connection ends early; what came is whole, and the server says so when asked for the rest.
    succeeds(|number, request, archive| match number {
        0 => Reply { length: Some(archive.len() + 1000), ..Reply::new(200, archive).header("ETag", VERSION) },
        _ => Reply::file(request, archive, VERSION),
    });
    // None at all: the end of the connection is the end of the file.
    succeeds(|_, _, archive| Reply { length: None, ..Reply::new(200, archive) });
    // Too short: what came is not the file.
    let (message, left) =
        fails(|_, _, archive| Reply { length: Some(archive.len() / 2), ..Reply::new(200, archive) });
    assert!(message.contains("expected MD5") && message.contains("removed"), "{message}");
    assert_eq!(left, [".fetch-set.lock"]);
    // Absurd: refused before a byte is written.
    let (message, _) = fails(|_, _, archive| Reply { length: Some(1 << 40), ..Reply::new(200, archive) });
    assert!(message.contains("expected at most 1000000 bytes, got 1099511627776"), "{message}");
    // Endless: refused at the limit.
    let (message, _) = fails(|_, _, _| Reply { length: None, ..Reply::new(200, &vec![0; 1_100_000]) });
    assert!(message.contains("more than 1000000 bytes"), "{message}");
}

#[test]
fn wrong_bytes_are_refused_with_both_checksums() {
    let (message, left) = fails(|_, _, archive| {
        let mut wrong = archive.to_vec();
        wrong[1000] ^= 1;
        Reply::new(200, &wrong)
    });
    assert!(message.contains(FILE) && message.matches("MD5").count() == 1, "{message}");
    assert_eq!(left, [".fetch-set.lock"], "the next try begins anew");
}

#[test]
fn redirects_are_followed_but_not_for_ever() {
    let (archive, content) = packed();
    let served = archive.clone();
    let other = Server::start(move |_, request| Reply::file(request, &served, VERSION));
    let there = format!("{}/moved.tar.gz", other.address);
    let first = Server::start(move |_, _| Reply::new(302, b"").header("Location", &there));
    let dir = tempfile::tempdir().unwrap();
    let folder = fetch(&source(&first.address, &archive), dir.path(), &options(), &mut |_| {}).unwrap();
    assert!(std::fs::read(folder.join("data.bin")).unwrap() == content);
    let (message, _) = fails(|_, _, _| Reply::new(302, b"").header("Location", "/again"));
    assert!(message.contains("redirect"), "{message}");
    let nonsense = Options { mirror: Some("http://127.0.0.1/a b".into()), ..options() };
    let message = fetch(&source("", b""), tempfile::tempdir().unwrap().path(), &nonsense, &mut |_| {})
        .unwrap_err()
        .to_string();
    assert!(message.contains("a b") && !message.contains("tries"), "told at once: {message}");
}

#[test]
fn errors_that_pass_are_tried_again_and_others_are_told_at_once() {
    let seen = succeeds(|number, request, archive| match number {
        0 => Reply::new(500, b"no"),
        1 => Reply::new(503, b"no"),
        _ => Reply::file(request, archive, VERSION),
    });
    assert_eq!(seen.len(), 3);
    for status in [404, 403, 410] {
        let (message, _) = fails(move |number, _, _| {
            assert_eq!(number, 0, "asked twice");
            Reply::new(status, b"no")
        });
        assert!(message.contains(&format!("status {status}")) && message.contains("http://127"), "{message}");
    }
    let (message, _) = fails(|_, _, _| Reply::new(500, b"no"));
    assert!(message.contains("3 tries without progress") && message.contains("status 500"), "{message}");
}

#[test]
fn a_server_that_falls_silent_is_given_up_and_asked_again() {
    let seen = succeeds(|number, request, archive| {
        let reply = Reply::file(request, archive, VERSION);
        match number {
            0 => Reply { stall: Duration::from_secs(2), ..reply.stopping_after(40_000) },
            _ => reply,
        }
    });
    assert_eq!(seen.len(), 2);
    assert!(seen[1].from.is_some_and(|from| from > 0));
}

#[test]
fn a_kill_in_the_middle_costs_what_was_not_written_yet() {
    let (archive, _) = packed();
    let served = archive.clone();
    let server = Server::start(move |_, request| Reply::file(request, &served, VERSION));
    let dir = tempfile::tempdir().unwrap();
    let source = source(&server.address, &archive);
    // What a killed process leaves: the beginning, its version, a half-unpacked folder, the lock's file.
    let beside = |ending: &str| dir.path().join(format!("{FILE}.{ending}"));
    std::fs::write(beside("partial"), &archive[..70_000]).unwrap();
    std::fs::write(beside("partial.version"), VERSION).unwrap();
    std::fs::create_dir_all(dir.path().join(".unpacking-set/set")).unwrap();
    std::fs::write(dir.path().join(".unpacking-set/set/data.bin"), b"half").unwrap();
    fetch(&source, dir.path(), &options(), &mut |_| {}).unwrap();
    assert_eq!(server.seen()[0].from, Some(70_000));
    assert_eq!(names(dir.path()), [".fetch-set.lock", "set"]);
}

#[test]
fn archives_that_are_there_are_used_and_checked() {
    let (archive, _) = packed();
    let here = source("http://127.0.0.1:9", &archive); // nobody listens there
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join(FILE), b"something else").unwrap();
    let message = fetch(&here, dir.path(), &options(), &mut |_| {}).unwrap_err().to_string();
    assert!(message.contains(FILE) && message.contains("remove the file"), "{message}");
    std::fs::write(dir.path().join(FILE), &archive).unwrap();
    fetch(&here, dir.path(), &options(), &mut |_| {}).unwrap();
    // A mirror that is a folder, and one that is the archive; neither loses its file.
    let mirror = tempfile::tempdir().unwrap();
    std::fs::write(mirror.path().join(FILE), &archive).unwrap();
    let folder = mirror.path().display().to_string();
    for place in [folder.clone(), format!("{folder}/{FILE}"), format!("file://{folder}")] {
        let dir = tempfile::tempdir().unwrap();
        let options = Options { mirror: Some(place), ..options() };
        fetch(&here, dir.path(), &options, &mut |_| {}).unwrap();
        assert_eq!(names(mirror.path()), [FILE]);
    }
    let nowhere = Options { mirror: Some(format!("{folder}/none")), ..options() };
    let empty = tempfile::tempdir().unwrap();
    let message = fetch(&here, empty.path(), &nowhere, &mut |_| {}).unwrap_err().to_string();
    assert!(message.contains("no such file"), "{message}");
    let message = fetch(&here, empty.path(), &options(), &mut |_| {}).unwrap_err().to_string();
    assert!(message.contains("127.0.0.1:9") && message.contains("3 tries"), "{message}");
}

#[test]
fn a_mirror_is_asked_instead_and_the_archive_is_kept_on_request() {
    let (archive, _) = packed();
    let served = archive.clone();
    let server = Server::start(move |_, request| Reply::file(request, &served, VERSION));
    let dir = tempfile::tempdir().unwrap();
    let options =
        Options { mirror: Some(format!("{}/deep/", server.address)), keep_archive: true, ..options() };
    let mut events = Vec::new();
    fetch(&source("http://127.0.0.1:9", &archive), dir.path(), &options, &mut |event| {
        events.push(format!("{event:?}"));
    })
    .unwrap();
    assert_eq!(server.seen()[0].path, format!("/deep/{FILE}"));
    assert_eq!(names(dir.path()), [".fetch-set.lock", "set", FILE]);
    let last = Event::Bytes { done: archive.len() as u64, total: Some(archive.len() as u64) };
    assert!(events.contains(&format!("{last:?}")), "the whole is told");
}

#[test]
fn what_is_there_is_never_replaced_and_two_do_not_fetch_at_once() {
    let (archive, _) = packed();
    let dir = tempfile::tempdir().unwrap();
    let source = source("http://127.0.0.1:9", &archive);
    let lock = std::fs::File::create(dir.path().join(".fetch-set.lock")).unwrap();
    lock.lock().unwrap();
    let error = fetch(&source, dir.path(), &options(), &mut |_| {}).unwrap_err();
    assert!(error.to_string().contains("wait for the first"), "{error}");
    drop(lock);
    std::fs::create_dir(dir.path().join("set")).unwrap();
    std::fs::create_dir_all(dir.path().join(".unpacking-set/set")).unwrap(); // a kill after the set was in its place
    let error = fetch(&source, dir.path(), &options(), &mut |_| {}).unwrap_err();
    assert!(matches!(error, Error::Content { .. }) && error.to_string().contains("move it away"), "{error}");
    assert_eq!(names(dir.path()), [".fetch-set.lock", "set"]);
}

#[test]
fn one_changed_byte_of_the_unpacked_set_is_found() {
    let (archive, mut content) = packed();
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join(FILE), &archive).unwrap();
    let folder = fetch(&source("http://127.0.0.1:9", &archive), dir.path(), &options(), &mut |_| {}).unwrap();
    content[123_456] ^= 1;
    std::fs::write(folder.join("data.bin"), &content).unwrap();
    let problems = manifest::check(&folder).unwrap().unwrap();
    assert!(problems.len() == 1 && problems[0].1.to_string().contains("SHA-256"), "{problems:?}");
    std::fs::remove_file(folder.join("data.bin")).unwrap();
    assert!(matches!(manifest::check(&folder).unwrap().unwrap()[0].1, Error::Read { .. }));
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("/dev/zero", folder.join("data.bin")).unwrap();
        let problems = manifest::check(&folder).unwrap().unwrap();
        assert!(problems[0].1.to_string().contains("a regular file, got a special file"), "{problems:?}");
    }
    let zeros = "0".repeat(64);
    assert_eq!(manifest::parse(format!("{zeros}  a/b.png\n").as_bytes()).unwrap()[0].path, "a/b.png");
    for path in ["../x", "/x", "", "a/../x", "x\r", "x\u{7}y"] {
        assert!(manifest::parse(format!("{zeros}  {path}").as_bytes()).is_err(), "{path:?}");
    }
    assert!(manifest::parse(b"abc  x\n").is_err() && manifest::parse(&[0xff]).is_err());
}
