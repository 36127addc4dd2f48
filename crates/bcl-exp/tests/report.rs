//! Tables and figures: exact text for known rows.
#![allow(missing_docs, reason = "a test")]

mod common;

use bcl_exp::report::render;
use bcl_exp::store::{CellRow, EpochRow, Status, Store};
use common::rows::{cell, epoch};
use common::{refused, run, succeeded};
use std::path::Path;

fn write(results: &Path, name: &str, cells: &[CellRow], epochs: &[EpochRow]) {
    let mut store = Store::open(results, name).unwrap();
    cells.iter().for_each(|row| store.append_cell(row).unwrap());
    epochs.iter().for_each(|row| store.append_epoch(row).unwrap());
}

fn scored(row: CellRow, knn: f64, linear: f64) -> CellRow {
    CellRow { knn_top1: Some(knn), linear_top1: Some(linear), linear_top5: None, ..row }
}

/// SimCLR with two seeds, DCL with one, BCL with two, in the paper's setting for CIFAR-10.
fn rows() -> Vec<CellRow> {
    vec![
        scored(cell("a0", "SimCLR", 0), 70.0, 80.0),
        scored(cell("a1", "SimCLR", 1), 72.0, 82.0),
        scored(cell("b0", "DCL", 0), 71.0, 81.0),
        scored(cell("c0", "BCL", 0), 73.0, 84.0),
        scored(cell("c1", "BCL", 1), 75.0, 85.0),
    ]
}

#[test]
fn the_table_is_known_to_the_letter() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "known", &rows(), &[]);
    let rendered = render(&folder.path().join("known")).unwrap();
    let expected = "\
# known

cifar10, 50000 images at 32 px; resnet18-w16-cifar (f32), 256 pairs, 20 epochs; kNN k = 200, t = 0.5; linear probe: cached

| loss   | alpha | beta | tau+ | t   | seeds | kNN %            | linear %         | linear - SimCLR | macro-AUC       | final loss      | published % |
| ------ | ----- | ---- | ---- | --- | ----- | ---------------- | ---------------- | --------------- | --------------- | --------------- | ----------- |
| SimCLR |       |      |      | 0.5 | 2     | 71.00 ± 1.41     | 81.00 ± 1.41     |                 | 0.7500 ± 0.0000 | 4.5000 ± 0.0000 | 91.12       |
| DCL    |       |      | 0.1  | 0.5 | 1     | 71.00            | 81.00            | +1.00           | 0.7500          | 4.5000          |             |
| BCL    | 0.9   | 0.9  | 0.1  | 0.5 | 2     | **74.00 ± 1.41** | **84.50 ± 0.71** | +3.50 ± 0.71    | 0.7500 ± 0.0000 | 4.5000 ± 0.0000 | 92.12       |

Mean ± sample standard deviation over seeds; differences from SimCLR seed by seed.
";
    assert!(rendered.summary.starts_with(expected), "{}", rendered.summary);
    assert!(rendered.summary.contains("Published: authors' linear probe after 400 epochs of ResNet-50"));
    assert!(rendered.summary.ends_with(
        "Made by `bcl-exp report known` from cells.csv: code 0123456789, libtorch 2.11.0, cpu with 2 thread(s), 2026-01-02.\n"
    ), "{}", rendered.summary);
    assert_eq!(
        std::fs::read_to_string(folder.path().join("known/tables/accuracy.md")).unwrap(),
        rendered.summary
    );
}

#[test]
fn the_measures_without_labels_have_a_table_of_their_own_where_they_are_known() {
    let folder = tempfile::tempdir().unwrap();
    let unmeasured = CellRow {
        alignment: None,
        uniformity: None,
        feature_std: None,
        effective_rank: None,
        ..cell("b0", "DCL", 0)
    };
    let spread = CellRow { alignment: Some(0.7), ..cell("a1", "SimCLR", 1) };
    let path = |name: &str| folder.path().join(name).join("tables/representation.md");
    write(folder.path(), "some", &[cell("a0", "SimCLR", 0), spread, unmeasured.clone()], &[]);
    render(&folder.path().join("some")).unwrap();
    let text = std::fs::read_to_string(path("some")).unwrap();
    let expected = "\
| loss   | t   | seeds | alignment       | uniformity       | feature std     | effective rank |
| ------ | --- | ----- | --------------- | ---------------- | --------------- | -------------- |
| SimCLR | 0.5 | 2     | 0.6000 ± 0.1414 | -3.0000 ± 0.0000 | 0.0800 ± 0.0000 | 40.00 ± 0.00   |

Alignment: 0 when views coincide. Spread over the sphere of 128 dimensions: uniformity near -4, feature std 0.0884,";
    assert!(text.contains(expected), "{text}");
    write(folder.path(), "none", &[unmeasured], &[]);
    render(&folder.path().join("none")).unwrap();
    assert!(!path("none").exists());
}

#[test]
fn the_last_row_of_a_run_counts_and_failures_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let failed = |id: &str| CellRow {
        status: Status::Failed,
        error: Some("loss is NaN | at epoch 1".into()),
        knn_top1: None,
        linear_top1: None,
        ..cell(id, "DCL", 0)
    };
    let rows = [failed("x"), failed("y"), scored(cell("x", "DCL", 0), 50.0, 60.0)];
    write(folder.path(), "mixed", &rows, &[]);
    let text = render(&folder.path().join("mixed")).unwrap().summary;
    assert!(text.contains("**60.00**"), "{text}");
    assert!(
        text.contains("Failed cells:") && text.contains("| y   | DCL  | 0    | loss is NaN / at epoch 1 |"),
        "{text}"
    );
    assert!(!text.contains("| x "), "{text}");
}

#[test]
fn only_failed_cells_or_none_say_so() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "none", &[], &[]);
    let rendered = render(&folder.path().join("none")).unwrap();
    assert!(rendered.summary.contains("No cell has finished."), "{}", rendered.summary);
    assert_eq!(rendered.files.len(), 1);
}

#[test]
fn protocols_that_differ_do_not_share_a_table() {
    let folder = tempfile::tempdir().unwrap();
    for (column, other) in [
        ("epochs", CellRow { epochs: 40, ..cell("z", "SimCLR", 0) }),
        ("probe", CellRow { protocol: "published-100".into(), ..cell("z", "SimCLR", 0) }),
        ("encoder", CellRow { encoder: "resnet50-w64-cifar".into(), ..cell("z", "SimCLR", 0) }),
        ("knn", CellRow { knn_k: Some(20), ..cell("z", "SimCLR", 0) }),
        ("images", CellRow { pretrain_images: 10_000, ..cell("z", "SimCLR", 0) }),
    ] {
        write(folder.path(), column, &[rows(), vec![other]].concat(), &[]);
        let text = render(&folder.path().join(column)).unwrap().summary;
        assert_eq!(text.matches("| loss ").count(), 2, "{column}: {text}");
    }
}

#[test]
fn published_numbers_stand_only_beside_their_own_setting() {
    let folder = tempfile::tempdir().unwrap();
    let bcl = |id: &str, alpha: f64, beta: f64| CellRow {
        alpha: Some(alpha),
        beta: Some(beta),
        ..cell(id, "BCL", 0)
    };
    let stl = |row: CellRow| CellRow { dataset: "stl10".into(), ..row };
    let rows = [
        stl(bcl("a", 0.7, 1.0)),
        stl(bcl("b", 0.7, 0.9)),
        stl(CellRow { tau_plus: Some(0.05), ..cell("c", "DCL", 0) }),
        stl(CellRow { tau_plus: Some(0.07), ..cell("d", "DCL", 0) }),
        stl(CellRow { variant: Some("reference".into()), ..bcl("e", 0.7, 1.0) }),
    ];
    write(folder.path(), "stl", &rows, &[]);
    let text = render(&folder.path().join("stl")).unwrap().summary;
    let published: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("| BCL") || line.starts_with("| DCL"))
        .map(|line| line.trim_end_matches('|').rsplit('|').next().unwrap().trim())
        .collect();
    assert_eq!(published, ["87.51", "", "81.85", "", ""], "{text}");
}

#[test]
fn figures_are_drawn_where_there_is_something_to_draw() {
    let folder = tempfile::tempdir().unwrap();
    let mut cells = vec![cell("s", "SimCLR", 0)];
    for (index, (alpha, beta)) in [(0.6, 0.5), (0.6, 0.9), (0.9, 0.5), (0.9, 0.9)].into_iter().enumerate() {
        let row = CellRow { alpha: Some(alpha), beta: Some(beta), ..cell(&format!("b{index}"), "BCL", 0) };
        cells.push(scored(row, 70.0 + index as f64, 80.0 + index as f64));
    }
    let epochs: Vec<EpochRow> = (1..=3).map(|number| epoch("s", number, 5.0 / f64::from(number))).collect();
    write(folder.path(), "drawn", &cells, &epochs);
    let rendered = render(&folder.path().join("drawn")).unwrap();
    let mut names: Vec<&str> =
        rendered.files.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "accuracy.md",
            "alpha-beta.md",
            "knn-alpha-beta.svg",
            "knn-by-alpha.svg",
            "knn-by-loss.svg",
            "linear-alpha-beta.svg",
            "linear-by-alpha.svg",
            "linear-by-loss.svg",
            "loss-by-epoch.svg",
            "representation.md",
        ]
    );
    for path in rendered.files.iter().filter(|path| path.extension().is_some_and(|e| e == "svg")) {
        let svg = std::fs::read_to_string(path).unwrap();
        let opened = svg.matches('<').count();
        assert_eq!(opened, svg.matches('>').count(), "{path:?}");
        assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"), "{path:?}");
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{path:?}");
        assert!(svg.contains("cifar10, 50000 images"), "{path:?} does not tell its protocol");
    }
    let grid = std::fs::read_to_string(folder.path().join("drawn/tables/alpha-beta.md")).unwrap();
    assert!(grid.contains("| alpha | beta 0.5 | beta 0.9 |\n|---|---|---|\n| 0.6 | 80.00 | 81.00 |\n| 0.9 | 82.00 | 83.00 |\n"), "{grid}");
}

#[test]
fn the_same_rows_give_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "same", &rows(), &[epoch("a0", 1, 5.0)]);
    let bytes = || -> Vec<Vec<u8>> {
        let rendered = render(&folder.path().join("same")).unwrap();
        rendered.files.iter().map(|path| std::fs::read(path).unwrap()).collect()
    };
    assert_eq!(bytes(), bytes());
}

#[test]
fn the_command_finds_every_experiment_and_refuses_what_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let results = folder.path().join("results");
    assert!(refused(folder.path(), &["report"]).contains("results"));
    std::fs::create_dir(&results).unwrap();
    assert!(refused(folder.path(), &["report"]).contains("expected folders with a cells.csv, found none"));
    write(&results, "one", &rows(), &[]);
    write(&results, "two", &rows(), &[]);
    let text = succeeded(&run(folder.path(), &["report"]));
    assert!(text.contains("# one\n") && text.contains("# two\n"));
    assert!(!succeeded(&run(folder.path(), &["report", "two"])).contains("# one\n"));
    assert!(refused(folder.path(), &["report", "three"]).contains("three"));
    std::fs::write(results.join("one/cells.csv"), "garbage\n1\n").unwrap();
    assert!(refused(folder.path(), &["report", "one"]).contains("cells.csv"));
}
