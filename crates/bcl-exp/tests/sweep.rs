//! A sweep that is killed, starved or raced loses nothing and repeats nothing.
#![allow(missing_docs, reason = "a test")]

mod common;

use common::{TINY, program, refused, run, run_on_a_full_disk, stderr, succeeded, without_timings};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

const GRID: [&str; 4] = ["--grid", "tiny.toml", "--threads", "1"];

fn folder_with(experiment: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("tiny.toml"), experiment).unwrap();
    folder
}

fn cells(folder: &Path) -> PathBuf {
    folder.join("results/tiny/cells.csv")
}

fn epochs(folder: &Path) -> PathBuf {
    folder.join("results/tiny/epochs.csv")
}

/// Starts the sweep and kills it once `when` holds; false when it ended before.
fn killed(folder: &Path, when: impl Fn() -> bool) -> bool {
    let mut child = program(folder).args(GRID).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let begun = Instant::now();
    let mut ended = false;
    while !ended && !when() {
        assert!(begun.elapsed() < Duration::from_secs(300), "the sweep did not get there in five minutes");
        std::thread::sleep(Duration::from_millis(3));
        ended = child.try_wait().unwrap().is_some();
    }
    let _ = child.kill(); // SIGKILL; it may have ended by itself
    child.wait().unwrap();
    !ended
}

fn lines(path: &Path) -> usize {
    std::fs::read_to_string(path).map_or(0, |text| text.lines().count())
}

#[test]
fn a_killed_sweep_ends_as_an_uninterrupted_one() {
    let (whole, broken) = (folder_with(TINY), folder_with(TINY));
    succeeded(&run(whole.path(), &GRID));
    let broken = broken.path();
    // In the first epoch; after an epoch's row, about when its state is saved; in the second cell; after a state.
    let begun = Instant::now();
    assert!(killed(broken, || lines(&epochs(broken)) == 1 && begun.elapsed() > Duration::from_millis(300)));
    assert!(killed(broken, || lines(&epochs(broken)) == 2));
    assert!(killed(broken, || lines(&cells(broken)) == 2));
    assert!(killed(broken, || lines(&epochs(broken)) == 4));
    let output = run(broken, &GRID);
    succeeded(&output);
    assert!(stderr(&output).contains("1 done, 2 to run"), "{}", stderr(&output));

    assert_eq!(without_timings(&cells(whole.path())).len(), 3);
    assert_eq!(without_timings(&epochs(whole.path())).len(), 6);
    for file in [cells, epochs] {
        assert_eq!(without_timings(&file(broken)), without_timings(&file(whole.path())));
    }

    // Once more there is nothing to do.
    let again = run(broken, &GRID);
    let text = succeeded(&again);
    assert!(stderr(&again).contains("3 done, 0 to run"));
    assert!(text.contains("| SimCLR") && text.contains("cells.csv"), "{text}");
}

#[test]
fn a_damaged_state_falls_back_to_the_one_before() {
    let folder = folder_with(
        &TINY.replace("epochs = 2", "epochs = 3").replace("\"SimCLR\", \"HCL\", \"BCL\"", "\"BCL\""),
    );
    let folder = folder.path();
    assert!(killed(folder, || lines(&epochs(folder)) == 4)); // the last epoch's row is there, the cell's is not
    let run_folder = std::fs::read_dir(folder.join("runs")).unwrap().next().unwrap().unwrap().path();
    let newest = run_folder.join("step-00000012.safetensors");
    let newest = if newest.exists() { newest } else { run_folder.join("step-00000008.safetensors") };
    let bytes = std::fs::read(&newest).unwrap();
    std::fs::write(&newest, &bytes[..bytes.len() / 2]).unwrap();
    let output = run(folder, &GRID);
    succeeded(&output);
    let told = stderr(&output);
    assert!(told.contains("trying the state before it") && told.contains("resuming after epoch"), "{told}");

    let whole = folder_with(&std::fs::read_to_string(folder.join("tiny.toml")).unwrap());
    succeeded(&run(whole.path(), &GRID));
    assert_eq!(without_timings(&cells(folder)), without_timings(&cells(whole.path())));
    assert_eq!(without_timings(&epochs(folder)), without_timings(&epochs(whole.path())));
}

#[test]
fn a_full_disk_is_an_error_and_nothing_is_lost() {
    let experiment = TINY.replace("\"SimCLR\", \"HCL\", \"BCL\"", "\"SimCLR\"");
    let folder = folder_with(&experiment);
    let limited = run_on_a_full_disk(folder.path(), &GRID);
    let told = stderr(&limited);
    assert!(!limited.status.success() && !told.contains("panicked"), "{told}");
    assert!(told.contains("step-00000004.safetensors"), "{told}");
    assert_eq!(lines(&cells(folder.path())), 1, "a full disk is not the cell's failure");

    succeeded(&run(folder.path(), &GRID));
    let whole = folder_with(&experiment);
    succeeded(&run(whole.path(), &GRID));
    assert_eq!(without_timings(&cells(folder.path())), without_timings(&cells(whole.path())));
    assert_eq!(without_timings(&epochs(folder.path())), without_timings(&epochs(whole.path())));
}

#[test]
fn a_second_process_on_the_same_results_is_refused() {
    let folder = folder_with(TINY);
    let folder = folder.path();
    let mut first = program(folder).args(GRID).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while lines(&epochs(folder)) < 2 {
        assert!(first.try_wait().unwrap().is_none(), "the first sweep ended early");
        std::thread::sleep(Duration::from_millis(5));
    }
    let message = refused(folder, &GRID);
    assert!(message.contains("being written by another process"), "{message}");
    assert!(message.contains(&format!("process {}", first.id())), "{message}");
    first.kill().unwrap();
    first.wait().unwrap();
}

#[test]
fn a_cell_that_fails_is_recorded_and_the_sweep_goes_on() {
    // Such a step size breaks the loss at once.
    let folder = folder_with(&TINY.replace("batch_pairs = 64", "batch_pairs = 64\nlearning_rate = 1e30"));
    let message = refused(folder.path(), &GRID);
    assert!(message.contains("3 cell(s) failed") && message.contains("--retry-failed"), "{message}");
    let rows = without_timings(&cells(folder.path()));
    assert_eq!(rows.len(), 3, "{rows:?}");
    for row in &rows {
        let error = row.last().unwrap();
        assert_eq!(row[1], "failed");
        assert!(
            error.contains(" is NaN at epoch 1, step ") || error.contains(" is inf at epoch 1, step "),
            "{error}"
        );
        // The message ends with the command that evaluates the same loss on the same batch.
        let command = error.rsplit("look at it with: bcl-exp ").next().unwrap();
        let json = succeeded(&run(folder.path(), &command.split(' ').collect::<Vec<_>>()));
        assert!(json.contains("\"value\":") && json.contains("\"batch_pairs\":64"), "{json}");
    }
    // Again: failed cells stay failed, and run anew when asked.
    let again = run(folder.path(), &GRID);
    assert!(stderr(&again).contains("3 done, 0 to run"), "{}", stderr(&again));
    let retried = run(folder.path(), &[&GRID[..], &["--retry-failed"]].concat());
    assert!(stderr(&retried).contains("3 to run"), "{}", stderr(&retried));
    assert_eq!(without_timings(&cells(folder.path())).len(), 6, "rows are appended, never rewritten");
}

#[test]
fn a_dry_run_prints_cells_and_writes_nothing() {
    let folder = folder_with(TINY);
    let text = succeeded(&run(folder.path(), &[&GRID[..], &["--dry-run"]].concat()));
    assert!(text.contains("tiny: 3 cells") && text.contains("BCL alpha=self-estimated beta=0.7"), "{text}");
    assert!(text.contains("3 to run"));
    assert!(!folder.path().join("results").exists() && !folder.path().join("runs").exists());
}

#[test]
fn a_batch_may_be_embedded_in_parts() {
    let one = TINY.replace("\"SimCLR\", \"HCL\", \"BCL\"", "\"BCL\"");
    let whole = folder_with(&one);
    let parts = folder_with(&one.replace("batch_pairs = 64", "batch_pairs = 64\nmicro_pairs = 24"));
    let none = folder_with(&one.replace("batch_pairs = 64", "batch_pairs = 64\nmicro_pairs = 64"));
    for folder in [&whole, &parts, &none] {
        succeeded(&run(folder.path(), &GRID));
    }
    let rows = |folder: &tempfile::TempDir| without_timings(&epochs(folder.path()));
    assert_eq!(rows(&whole), rows(&none), "parts as large as the batch are the batch");
    assert_eq!(rows(&whole).len(), rows(&parts).len());
    assert_ne!(rows(&whole), rows(&parts), "batch normalisation sees the parts");
}
