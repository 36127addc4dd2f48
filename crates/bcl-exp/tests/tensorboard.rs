//! Curves for TensorBoard: what a run writes is what its rows say, and a file is never spoilt.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

mod common;

use bcl_exp::store::{CellRow, EpochRow, read_cells, read_epochs};
use common::curves::{event_files, lasting_points, points};
use common::{TINY, refused, run, stderr, succeeded};
use std::path::Path;

/// What a cell with a linear probe is scored by.
const SCORES: &str =
    "knn_top1 linear_top1 linear_top5 macro_auc alignment uniformity feature_std effective_rank";

/// Runs the tiny sweep's BCL cell, with what is in `folder` already.
fn sweep(folder: &Path, results: &str, runs: &str) -> std::process::Output {
    let experiment =
        TINY.replace("\"SimCLR\", \"HCL\", \"BCL\"", "\"BCL\"").replace("knn_every = 1", "knn_every = 2");
    std::fs::write(folder.join("tiny.toml"), experiment).unwrap();
    let flags = ["--threads", "1", "--results", results, "--runs", runs, "--tensorboard", "curves"];
    run(folder, &[&["--grid", "tiny.toml"], &flags[..]].concat())
}

/// The numbers of a row's columns under their tags, but for those that say which row it is.
fn expected(group: &str, row: &impl serde::Serialize, columns: &[&str]) -> Vec<(String, f32)> {
    let row = serde_json::to_value(row).unwrap();
    let value = |column: &&str| Some((format!("{group}/{column}"), row[*column].as_f64()? as f32));
    columns.iter().filter(|column| !["seed", "epoch"].contains(column)).filter_map(value).collect()
}

#[test]
fn points_are_what_the_rows_say() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    succeeded(&sweep(folder, "results", "runs"));
    let cells: Vec<CellRow> = read_cells(&folder.join("results/tiny/cells.csv")).unwrap();
    let epochs: Vec<EpochRow> = read_epochs(&folder.join("results/tiny/epochs.csv")).unwrap();
    let files = event_files(&folder.join("curves"));
    let [file] = &files[..] else { panic!("one run, one file: {files:?}") };
    let run = file.parent().unwrap().file_name().unwrap().to_str().unwrap();
    let id = &cells[0].run_id;
    assert_eq!(run, format!("fashion-mini_BCL_alpha=self-estimated_beta=0.7_tau+=0.1_t=0.5_seed=0_{id}"));

    let points = points(file);
    let at = |group: &str, step: u64| -> Vec<(String, f32)> {
        let of_group = |tag: &str| tag.split('/').next() == Some(group);
        let points = points.iter().filter(|(tag, at, _)| of_group(tag) && *at == step);
        points.map(|(tag, _, value)| (tag.clone(), *value)).collect()
    };
    // Two epochs of four steps; kNN and the measures without labels after the second.
    assert_eq!((at("epoch", 4).len(), at("epoch", 8).len()), (6, 11));
    for (row, step) in epochs.iter().zip([4, 8]) {
        assert_eq!(at("epoch", step), expected("epoch", row, EpochRow::COLUMNS));
    }
    let scores: Vec<&str> = SCORES.split(' ').collect();
    assert_eq!(at("scores", 8), expected("scores", &cells[0], &scores));
    for step in [1, 4, 5, 8] {
        let tags: Vec<String> = at("step", step).into_iter().map(|(tag, _)| tag).collect();
        assert_eq!(tags, ["step/loss", "step/learning_rate"]);
    }
    assert_eq!(points.len(), 4 * 2 + 6 + 11 + scores.len());
}

#[test]
fn a_file_is_cut_where_the_run_goes_on_or_it_is_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    succeeded(&sweep(folder, "one", "runs"));
    let file = event_files(&folder.join("curves")).remove(0);
    let whole = lasting_points(&file);
    let bytes = std::fs::read(&file).unwrap();

    // From the last state there is nothing left but to score: what was written of steps stays as it is.
    succeeded(&sweep(folder, "two", "runs"));
    assert_eq!(lasting_points(&file), whole);
    let again = std::fs::read(&file).unwrap();
    let same = bytes.iter().zip(&again).take_while(|(a, b)| a == b).count();
    assert!(same > bytes.len() / 2 && again.len() == bytes.len(), "{same} of {}", bytes.len());

    // Anew, over a whole file, a damaged one, one cut short, and what is none.
    let mut damaged = bytes.clone();
    damaged[bytes.len() / 2] ^= 1;
    for (name, before) in
        [("a", &bytes[..]), ("b", &damaged), ("c", &bytes[..bytes.len() - 1]), ("d", b"x"), ("e", b"")]
    {
        std::fs::write(&file, before).unwrap();
        succeeded(&sweep(folder, name, name));
        assert_eq!(lasting_points(&file), whole);
    }

    // From the last state with a damaged file: what came before the damage stays, and the scores are written.
    std::fs::write(&file, &damaged).unwrap();
    succeeded(&sweep(folder, "three", "runs"));
    let kept = lasting_points(&file);
    let scores = kept.iter().filter(|(tag, ..)| tag.starts_with("scores/")).count();
    assert_eq!(scores, SCORES.split(' ').count());
    assert!(kept.len() < whole.len() && whole.starts_with(&kept[..kept.len() - scores]), "{kept:?}");
}

#[test]
fn what_cannot_be_written_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("curves"), "a file").unwrap();
    let told = stderr(&sweep(folder, "results", "runs"));
    assert!(told.contains("cannot create curves/fashion-mini_BCL"), "{told}");
    assert!(refused(folder, &["--grid", "tiny.toml", "--tensorboard"]).contains("--tensorboard <DIR>"));
}
