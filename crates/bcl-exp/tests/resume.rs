//! A run that is killed, stopped, starved or moved ends bit for bit as one that was left alone.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

mod common;

use bcl_models::Checkpoint;
use common::curves::{event_files, lasting_points};
use common::{TINY, program, refused, run, run_on_a_full_disk, stderr, succeeded, without_timings};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

const GRID: [&str; 6] = ["--grid", "tiny.toml", "--threads", "1", "--tensorboard", "curves"];

/// One BCL cell of three epochs of four steps, a state after each step.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let experiment = TINY
        .replace("\"SimCLR\", \"HCL\", \"BCL\"", "\"BCL\"")
        .replace("epochs = 2", "epochs = 3\ncheckpoint_steps = 1")
        .replace("knn_every = 1", "knn_every = 2\nlinear = \"none\"");
    std::fs::write(folder.path().join("tiny.toml"), experiment).unwrap();
    folder
}

fn spawn(folder: &Path) -> Child {
    program(folder).args(GRID).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// The folder of the only run.
fn run_folder(folder: &Path) -> PathBuf {
    std::fs::read_dir(folder.join("runs")).unwrap().next().unwrap().unwrap().path()
}

/// The saved states, oldest first.
fn states(folder: &Path) -> Vec<PathBuf> {
    let Ok(runs) = std::fs::read_dir(folder.join("runs")) else { return Vec::new() };
    let mut states: Vec<PathBuf> = runs
        .flat_map(|run| std::fs::read_dir(run.unwrap().path()).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "safetensors"))
        .collect();
    states.sort();
    states
}

/// Runs the sweep until the state after `step` is there, and kills it.
fn killed_after(folder: &Path, step: u64) {
    let mut child = spawn(folder);
    let wanted = format!("step-{step:08}.safetensors");
    let begun = Instant::now();
    while !states(folder).iter().any(|path| path.ends_with(&wanted)) {
        assert!(child.try_wait().unwrap().is_none(), "the sweep ended before step {step}");
        assert!(begun.elapsed() < Duration::from_secs(300), "the sweep did not get to step {step}");
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Rows, curves, weights, statistics, optimizer and sums are those of an uninterrupted run.
fn ended_as(whole: &Path, other: &Path) {
    for file in ["results/tiny/cells.csv", "results/tiny/epochs.csv"] {
        assert_eq!(without_timings(&other.join(file)), without_timings(&whole.join(file)));
    }
    let [whole_curves, other_curves] = [whole, other].map(|folder| {
        let files = event_files(&folder.join("curves"));
        assert_eq!(files.len(), 1, "one file a run");
        lasting_points(&files[0])
    });
    assert_eq!(other_curves, whole_curves);
    let last = |folder: &Path| {
        let mut last = Checkpoint::load(states(folder).last().unwrap()).unwrap();
        last.tensors.sort_by(|(one, _), (other, _)| one.cmp(other));
        last
    };
    let (whole, other) = (last(whole), last(other));
    assert_eq!(whole.tensors.len(), other.tensors.len());
    for ((name, one), (other, two)) in whole.tensors.iter().zip(&other.tensors) {
        assert_eq!(name, other);
        assert_eq!(one, two, "{name}");
    }
    let progress = |checkpoint: &Checkpoint| {
        let mut value: serde_json::Value = serde_json::from_str(&checkpoint.metadata["progress"]).unwrap();
        value["wall_s"].take();
        value
    };
    assert_eq!(progress(&whole), progress(&other));
}

#[test]
fn killed_at_random_moments_it_ends_bit_for_bit_the_same() {
    let (whole, broken) = (folder(), folder());
    let begun = Instant::now();
    succeeded(&run(whole.path(), &GRID));
    let took = begun.elapsed();
    // A fixed sequence of moments: while it starts, within steps, while a state or a row is written.
    let mut random = 1u64;
    for _ in 0..20 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mut child = spawn(broken.path());
        std::thread::sleep(took.mul_f64(0.8 * (random >> 40) as f64 / (1u64 << 24) as f64));
        let _ = child.kill(); // SIGKILL; it may have ended by itself
        child.wait().unwrap();
    }
    succeeded(&run(broken.path(), &GRID));
    ended_as(whole.path(), broken.path());
}

#[test]
fn killed_after_chosen_steps_it_goes_on_from_there() {
    let (whole, broken) = (folder(), folder());
    succeeded(&run(whole.path(), &GRID));
    for step in [1, 3, 4, 6, 11] {
        killed_after(broken.path(), step);
    }
    let output = run(broken.path(), &GRID);
    succeeded(&output);
    assert!(stderr(&output).contains("resuming after epoch 2, step 11"), "{}", stderr(&output));
    ended_as(whole.path(), broken.path());
}

#[test]
fn damaged_states_are_set_aside_and_the_one_before_is_used() {
    let whole = folder();
    succeeded(&run(whole.path(), &GRID));
    let damages: [fn(&mut Vec<u8>); 3] =
        [|bytes| bytes.truncate(bytes.len() / 2), Vec::clear, |bytes| *bytes.last_mut().unwrap() ^= 0x40];
    for damage in damages {
        let folder = folder();
        let folder = folder.path();
        killed_after(folder, 6);
        let damaged = |path: &Path| {
            let mut bytes = std::fs::read(path).unwrap();
            damage(&mut bytes);
            std::fs::write(path, &bytes).unwrap();
        };
        let saved = states(folder);
        damaged(saved.last().unwrap());
        let output = run(folder, &GRID);
        succeeded(&output);
        let told = stderr(&output);
        assert!(
            told.contains("trying the state before it") && told.contains("resuming after epoch 1"),
            "{told}"
        );
        assert!(saved.last().unwrap().with_extension("damaged").exists(), "nothing is deleted");
        ended_as(whole.path(), folder);
    }

    // When none is whole, training begins anew, and says so.
    let folder = folder();
    killed_after(folder.path(), 6);
    let saved = states(folder.path());
    saved.iter().for_each(|path| std::fs::write(path, "no state").unwrap());
    let output = run(folder.path(), &GRID);
    succeeded(&output);
    let told = stderr(&output);
    assert!(told.contains("is whole: training begins anew"), "{told}");
    assert!(saved.iter().all(|path| path.with_extension("damaged").exists()), "nothing is deleted");
    ended_as(whole.path(), folder.path());
}

#[test]
fn a_full_disk_keeps_the_state_before() {
    let (whole, broken) = (folder(), folder());
    succeeded(&run(whole.path(), &GRID));
    killed_after(broken.path(), 2);
    let before = states(broken.path());
    let limited = run_on_a_full_disk(broken.path(), &GRID);
    let told = stderr(&limited);
    assert!(!limited.status.success() && !told.contains("panicked"), "{told}");
    assert!(told.contains("cannot write the checkpoint"), "{told}");
    assert_eq!(states(broken.path()), before);
    succeeded(&run(broken.path(), &GRID));
    ended_as(whole.path(), broken.path());
}

#[cfg(unix)]
#[test]
fn a_signal_saves_the_state_and_says_how_to_go_on() {
    use std::os::unix::process::ExitStatusExt;
    let (whole, broken) = (folder(), folder());
    succeeded(&run(whole.path(), &GRID));
    for (name, code) in [("-TERM", 143), ("-INT", 130)] {
        let child = program(broken.path()).args(GRID).stderr(Stdio::piped()).spawn().unwrap();
        let before = states(broken.path());
        while states(broken.path()) == before {
            std::thread::sleep(Duration::from_millis(1));
        }
        let sent = std::process::Command::new("kill").args([name, &child.id().to_string()]).status().unwrap();
        assert!(sent.success());
        let output = child.wait_with_output().unwrap();
        let told = stderr(&output);
        assert_eq!(output.status.code(), Some(code), "{told}, signal {:?}", output.status.signal());
        assert!(
            told.contains("stopped: BCL") && told.contains("the same command goes on from there"),
            "{told}"
        );
        let named = told.split("saved in ").nth(1).unwrap().split(';').next().unwrap();
        assert!(broken.path().join(named).exists(), "{told}");
    }
    succeeded(&run(broken.path(), &GRID));
    ended_as(whole.path(), broken.path());
}

#[test]
fn a_second_process_in_the_same_run_folder_is_refused() {
    let folder = folder();
    let mut first = spawn(folder.path());
    while states(folder.path()).is_empty() {
        assert!(first.try_wait().unwrap().is_none(), "the first sweep ended early");
        std::thread::sleep(Duration::from_millis(1));
    }
    let message = refused(folder.path(), &[&GRID[..], &["--results", "elsewhere"]].concat());
    assert!(message.contains("being written by another process") && message.contains("--runs"), "{message}");
    first.kill().unwrap();
    first.wait().unwrap();
}

/// `bcl-exp train` for the cell of the sweep.
fn train(more: &[&str]) -> Vec<String> {
    let fixed = "train --pretrain-images 256 --image-size 16 --arch resnet10 --width 8 --stem compact --feature-dim 16 \
                 --precision f32 --batch-pairs 64 --estimator SimCLR --linear none --knn-every 0 --threads 1 \
                 --checkpoint-steps 1";
    fixed.split_whitespace().chain(more.iter().copied()).map(str::to_owned).collect()
}

#[test]
fn a_chosen_state_must_be_of_the_same_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let call = |more: &[&str]| program(folder).args(train(more)).output().unwrap();
    succeeded(&call(&["--epochs", "1"]));
    let from = run_folder(folder);
    let from = from.strip_prefix(folder).unwrap().to_str().unwrap();

    let other = call(&["--epochs", "2", "--temperature", "0.2", "--resume-from", from]);
    let told = stderr(&other);
    assert!(!other.status.success(), "{told}");
    assert!(told.contains("train.epochs: expected 2, got 1"), "{told}");
    assert!(told.contains("loss.temperature: expected 0.2, got 0.5"), "{told}");
    assert!(!told.contains("\n  seed"), "only what differs: {told}");

    // The same configuration elsewhere: the file or its folder.
    let state = format!("{from}/step-00000003.safetensors");
    for (from, results) in [(from, "one"), (&state, "two")] {
        let more = ["--epochs", "1", "--resume-from", from, "--runs", results, "--results", results];
        let output = call(&more);
        succeeded(&output);
        let (one, two) = (format!("{results}/train/epochs.csv"), "results/train/epochs.csv");
        if results == "two" {
            assert_eq!(without_timings(&folder.join(one)), without_timings(&folder.join(two)));
        }
    }
    // A later state in the run's own folder is not passed over.
    let more = ["--epochs", "1", "--resume-from", &state, "--results", "three"];
    assert!(stderr(&call(&more)).contains("is a later state of this run"), "{}", stderr(&call(&more)));
    // Nothing there, and nothing that is a state.
    for (from, expected) in
        [("nowhere", "nowhere"), (".", "expected saved states"), ("results/train/epochs.csv", "safetensors")]
    {
        let message = call(&["--epochs", "1", "--runs", "new", "--results", "new", "--resume-from", from]);
        assert!(!message.status.success() && stderr(&message).contains(expected), "{}", stderr(&message));
    }
}

#[test]
fn states_of_an_older_version_are_told_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let call =
        |more: &[&str]| program(folder).args(train(&[&["--epochs", "1"], more].concat())).output().unwrap();
    let first = call(&[]);
    succeeded(&first);
    assert!(!stderr(&first).contains("older version"), "{}", stderr(&first));
    let run = run_folder(folder);
    let old = ["epoch-0001.safetensors", "epoch-0002.safetensors"].map(|name| run.join(name));
    for path in states(folder) {
        std::fs::rename(path, &old[1]).unwrap();
    }
    std::fs::copy(&old[1], &old[0]).unwrap();

    let chosen = call(&["--results", "other", "--resume-from", run.to_str().unwrap()]);
    assert!(stderr(&chosen).contains("got those of an older version"), "{}", stderr(&chosen));
    let anew = call(&["--results", "other"]);
    succeeded(&anew);
    let told = stderr(&anew);
    let lines: Vec<&str> = told.lines().filter(|line| line.contains("older version")).collect();
    assert!(
        matches!(lines[..], [line] if line.contains("epoch-0002.safetensors is of an older version")),
        "{told}"
    );
    assert!(old.iter().all(|path| path.exists()), "nothing is deleted");
    assert_eq!(
        without_timings(&folder.join("other/train/epochs.csv")),
        without_timings(&folder.join("results/train/epochs.csv"))
    );
}
