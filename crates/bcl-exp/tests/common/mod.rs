//! Shared by the tests: the program, a tiny experiment, and results without their timings.
#![allow(dead_code, missing_docs, unreachable_pub, reason = "each test file uses a part")]

pub mod curves;
pub mod rows;

use std::path::Path;
use std::process::{Command, Output};

/// `bcl-exp`, run in `folder`; `BCL_TEST_PROGRAM` says where it is when the tests were carried elsewhere.
pub fn program(folder: &Path) -> Command {
    let built = || env!("CARGO_BIN_EXE_bcl-exp").into();
    let mut command = Command::new(std::env::var_os("BCL_TEST_PROGRAM").unwrap_or_else(built));
    command.current_dir(folder);
    command
}

/// Runs `bcl-exp ARGS` in `folder`.
pub fn run(folder: &Path, args: &[&str]) -> Output {
    program(folder).args(args).output().unwrap()
}

pub fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Fails with both streams when the command did.
pub fn succeeded(output: &Output) -> String {
    assert!(output.status.success(), "{}\n{}", stdout(output), stderr(output));
    stdout(output)
}

/// Runs `bcl-exp ARGS` in `folder` where no file can grow beyond 16 KiB: writes fail as on a full disk.
pub fn run_on_a_full_disk(folder: &Path, args: &[&str]) -> Output {
    Command::new("sh")
        .current_dir(folder)
        .args(["-c", "trap '' XFSZ; ulimit -f 32; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_bcl-exp")])
        .args(args)
        .output()
        .unwrap()
}

/// Runs a command that has to fail without a panic, and returns its message.
pub fn refused(folder: &Path, args: &[&str]) -> String {
    let output = run(folder, args);
    let message = stderr(&output);
    assert!(!output.status.success(), "{args:?} succeeded: {}", stdout(&output));
    assert!(!message.contains("panicked"), "{message}");
    message
}

/// A sweep of seconds: three losses, two epochs each.
///
/// The width is a multiple of 8: with fewer channels libtorch 2.11 writes behind a buffer of its AVX2 convolutions.
pub const TINY: &str = r#"
name = "tiny"

[data]
dataset = "fashion-mini"
pretrain_images = 256
image_size = 16

[encoder]
arch = "resnet10"
width = 8
stem = "compact"
hidden = 16
feature_dim = 16
precision = "f32"

[train]
epochs = 2
batch_pairs = 64

[eval]
knn_k = 20
knn_every = 1
auc_anchors = 64

[[grid]]
estimator = ["SimCLR", "HCL", "BCL"]
alpha = 0.8
alpha_source = "self-estimated"
beta = 0.7
"#;

/// Columns that tell of time and memory, not of results.
const TIMINGS: [&str; 7] =
    ["wall_s", "views_per_s", "peak_mem_mb", "peak_device_mb", "finished_at", "data_wait_pct", "git"];

/// The lines of a CSV file without its timings.
pub fn without_timings(path: &Path) -> Vec<Vec<String>> {
    let mut reader = csv::Reader::from_path(path).unwrap();
    let kept: Vec<bool> = reader.headers().unwrap().iter().map(|name| !TIMINGS.contains(&name)).collect();
    reader
        .records()
        .map(|record| {
            let record = record.unwrap();
            record.iter().zip(&kept).filter(|(_, kept)| **kept).map(|(field, _)| field.to_owned()).collect()
        })
        .collect()
}
