//! `bcl-exp data` from outside: what is where, previews, downloads and their refusals.
#![allow(missing_docs, reason = "a test")]

mod common;
#[path = "../../bcl-data/tests/server/mod.rs"]
mod server;

use bcl_data::augment::{Layout, apply};
use bcl_data::seed::{Stream, epoch_order};
use bcl_data::{Policy, catalog};
use common::{program, refused, run, stderr, stdout, succeeded};
use server::{Reply, Server};
use std::path::Path;

fn decoded(path: &Path) -> (usize, usize, Vec<u8>) {
    let file = std::io::BufReader::new(std::fs::File::open(path).unwrap());
    let mut reader = png::Decoder::new(file).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let frame = reader.next_frame(&mut pixels).unwrap();
    (frame.width as usize, frame.height as usize, pixels)
}

#[test]
fn a_preview_shows_the_views_that_training_sees() {
    let folder = tempfile::tempdir().unwrap();
    let said = succeeded(&run(
        folder.path(),
        &["data", "preview", "--images", "3", "--seed", "5", "--epoch", "2", "--view-size", "48"],
    ));
    assert!(said.contains("preview.png: 3 images of fashion-mini and 2 views of each"), "{said}");
    let (width, _, pixels) = decoded(&folder.path().join("preview.png"));
    // The second view of the first image, doubled to 96 pixels, somewhere on the sheet.
    let set = catalog::load("fashion-mini", folder.path()).unwrap();
    let index = epoch_order(5, 1, set.pretrain.len())[0];
    let policy = Policy::published(48).with_normalization([0.0; 3], [1.0 / 255.0; 3]);
    let drawn = policy.draw(&mut Stream::new(5, 1, u64::from(index), 1), 28, 28);
    let mut view = vec![0.0f32; 3 * 48 * 48];
    let image = set.pretrain.image(index as usize).unwrap();
    apply(&policy, &drawn, &image, (28, 28), Layout::ChannelsLast, &mut view);
    let row = |y: usize| -> Vec<u8> {
        let row = view[y * 48 * 3..][..48 * 3].chunks(3);
        row.flat_map(|pixel| [pixel, pixel].concat()).map(|value| value.round() as u8).collect()
    };
    let find = |line: &[u8]| pixels.windows(line.len()).position(|window| window == line);
    let at = find(&row(10)).unwrap();
    assert_eq!(pixels[at + 60 * width * 3..][..288], row(40)[..], "30 rows below, doubled");
}

#[test]
fn previews_follow_an_experiment_and_bad_wishes_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let experiment = common::TINY.replace(
        "[encoder]",
        "[[augment.view]]\nsize = 16\ncount = 3\nsteps = [{ op = \"resize\" }, { op = \"solarize\", p = 1.0 }]\n\n[encoder]",
    );
    std::fs::write(folder.path().join("x.toml"), experiment).unwrap();
    let said =
        succeeded(&run(folder.path(), &["data", "preview", "--experiment", "x.toml", "--out", "deep/x.png"]));
    assert!(said.contains("10 images of fashion-mini and 3 views"), "{said}");
    assert!(decoded(&folder.path().join("deep/x.png")).1 > 4 * 96);
    for (args, part) in [
        (&["--images", "0"][..], "--images: expected 1 to 1000, got 0"),
        (&["--view-size", "4"], "--view-size: expected 8 to 512"),
        (&["--epoch", "0"], "--epoch"),
        (&["mnist"], "mnist"),
        (&["stl10"], "stl10"),
        (&["--experiment", "none.toml"], "none.toml"),
        (&["--out", "/proc/none/x.png"], "/proc/none"),
    ] {
        let message = refused(folder.path(), &[&["data", "preview"], args].concat());
        assert!(message.contains(part), "{args:?}: {message}");
    }
}

#[test]
fn sets_are_listed_with_what_a_download_takes() {
    let folder = tempfile::tempdir().unwrap();
    let list = succeeded(&run(folder.path(), &["data", "list"]));
    assert!(list.contains("`bcl-exp data fetch stl10` downloads 2.6 GB"), "{list}");
    assert!(list.lines().any(|line| line.contains("fashion-mini") && line.contains("embedded")), "{list}");
}

#[test]
fn a_file_where_the_data_folder_should_be_is_told_once() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), "").unwrap();
    for command in [&["verify"][..], &["preview", "cifar10"], &["fetch", "cifar10"]] {
        let message = refused(folder.path(), &[&["data"], command, &["--data", "file"]].concat());
        assert!(message.contains("file") && message.matches("os error").count() == 1, "{message}");
    }
    let list = succeeded(&run(folder.path(), &["data", "list", "--data", "file"]));
    assert!(list.contains("cannot read file/cifar-10-batches-bin: "), "{list}");
    let verified = run(folder.path(), &["data", "verify", "--data", "none"]);
    assert!(succeeded(&verified).contains("fashion-mini:") && stderr(&verified).contains("no such folder"));
}

#[test]
fn what_cannot_be_fetched_is_told_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    for (args, part) in [
        (&["mnist"][..], "mnist"),
        (&["fashion-mini"], "expected one of cifar10"),
        (&[], "NAME"),
        (&["cifar10", "--stall", "0"], "--stall: expected 1 to 3600"),
        (&["cifar10", "--mirror", "nowhere"], "nowhere/cifar-10-binary.tar.gz: expected an archive"),
    ] {
        let message = refused(folder.path(), &[&["data", "fetch"], args].concat());
        assert!(message.contains(part), "{args:?}: {message}");
    }
    let server = Server::start(|_, request| Reply::file(request, b"not the archive", "\"v\""));
    let message = refused(folder.path(), &["data", "fetch", "cifar10", "--mirror", &server.address]);
    assert!(message.contains("cifar-10-binary.tar.gz: from http://127.0.0.1"), "{message}");
    assert!(message.contains("expected MD5 c32a1d4ab5d03f1284b67883e8d87530"), "{message}");
    let left = std::fs::read_dir(folder.path().join("data")).unwrap().count();
    assert_eq!(left, 1, "the lock's file only");
    // A set that is there is not fetched again.
    let cifar = folder.path().join("data/cifar-10-batches-bin");
    std::fs::create_dir_all(&cifar).unwrap();
    for name in ["data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch"]
    {
        std::fs::write(cifar.join(format!("{name}.bin")), [0; 3073]).unwrap();
    }
    let said = succeeded(&run(folder.path(), &["data", "fetch", "cifar10"]));
    assert!(said.contains("there already"), "{said}");
}

#[test]
fn proxies_are_asked_and_exceptions_honoured() {
    let folder = tempfile::tempdir().unwrap();
    let proxy = Server::start(|_, request| Reply::file(request, b"through the proxy", "\"v\""));
    let fetch = |no_proxy: &str, mirror: &str| {
        program(folder.path())
            .args(["data", "fetch", "cifar10", "--mirror", mirror])
            .env("HTTP_PROXY", &proxy.address)
            .env("NO_PROXY", no_proxy)
            .output()
            .unwrap()
    };
    // A name that nobody knows: only the proxy can have answered.
    let output = fetch("", "http://mirror.invalid/");
    let message = stderr(&output);
    assert!(!output.status.success() && message.contains("expected MD5"), "{message}{}", stdout(&output));
    let seen = proxy.seen();
    assert!(seen[0].method == "CONNECT" && seen[0].path.starts_with("mirror.invalid"), "{seen:?}");
    let direct = Server::start(|_, request| Reply::file(request, b"directly", "\"v\""));
    fetch("127.0.0.1", &direct.address);
    assert_eq!((proxy.seen().len(), direct.seen().len()), (seen.len(), 1), "no detour");
}
