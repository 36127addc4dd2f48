//! Confusion matrices: counts against loops, as files, from the classifiers of a sweep to its report.
#![allow(missing_docs, reason = "a test")]

mod common;

use bcl_exp::eval::{Confusion, NamedConfusion, Outcome};
use bcl_exp::report::render;
use bcl_exp::store::{CellRow, Classifier, Finished, Store, read_cells, read_confusion};
use common::rows::cell;
use common::{TINY, refused, run, succeeded};
use std::path::Path;
use tch::{Kind, Tensor};

fn named(classes: &[&str], counts: &[&[u64]]) -> NamedConfusion {
    NamedConfusion {
        classes: classes.iter().map(|&name| name.to_owned()).collect(),
        confusion: Confusion::new(counts.iter().map(|row| row.to_vec()).collect()).unwrap(),
    }
}

fn total(confusion: &Confusion) -> u64 {
    confusion.images().iter().sum()
}

/// Per cent on the diagonal.
fn top1(confusion: &Confusion) -> f64 {
    let hits: u64 = confusion.counts().iter().enumerate().map(|(class, row)| row[class]).sum();
    100.0 * hits as f64 / total(confusion) as f64
}

#[test]
fn counts_are_those_of_loops() {
    tch::manual_seed(3);
    for (images, classes) in [(1, 1), (500, 7), (3000, 200)] {
        let device = (Kind::Float, tch::Device::Cpu);
        let scores = (Tensor::rand([images, classes], device) * 4.0).floor(); // many ties
        let labels = Tensor::randint(classes, [images], (Kind::Int64, tch::Device::Cpu));
        let outcome = Outcome::new(&scores, &labels).unwrap();
        let mut expected = vec![vec![0u64; classes as usize]; classes as usize];
        for (row, label) in Vec::<i64>::try_from(&labels).unwrap().into_iter().enumerate() {
            let row: Vec<f32> = Vec::try_from(scores.get(row as i64)).unwrap();
            let highest = row.iter().copied().fold(f32::MIN, f32::max);
            expected[label as usize][row.iter().position(|score| *score == highest).unwrap()] += 1;
        }
        let confusion = &outcome.confusion;
        assert_eq!(confusion.counts(), expected);
        assert_eq!(total(confusion), images as u64);
        assert!((top1(confusion) - outcome.top1).abs() < 1e-9);
    }
}

#[test]
fn a_matrix_comes_back_as_it_went_in_and_damage_is_told() {
    let awkward =
        named(&["a, \"b\"", "ü", "true \\ predicted"], &[&[1, 0, u64::MAX], &[0, 2, 0], &[3, 4, 5]]);
    assert_eq!(NamedConfusion::from_csv(&awkward.to_csv().unwrap()).unwrap(), awkward);
    let plain = named(&["cat", "dog"], &[&[5, 1], &[2, 6]]);
    assert_eq!(
        String::from_utf8(plain.to_csv().unwrap()).unwrap(),
        "true \\ predicted,cat,dog\ncat,5,1\ndog,2,6\n"
    );
    for (text, part) in [
        ("", "expected a header that begins with"),
        ("class,cat,dog\n", "expected a header that begins with"),
        ("true \\ predicted\n", "expected a line for each of 0 classes, got 0"),
        ("true \\ predicted,cat,dog\ncat,5,1\n", "expected a line for each of 2 classes, got 1"),
        ("true \\ predicted,cat,dog\ndog,5,1\ncat,2,6\n", "expected the line of Some(\"cat\"), got \"dog\""),
        ("true \\ predicted,cat,dog\ncat,5,1\ndog,2,6\nemu,0,0\n", "expected the line of None"),
        ("true \\ predicted,cat,dog\ncat,5,-1\ndog,2,6\n", "line of \"cat\": expected a count, got \"-1\""),
        ("true \\ predicted,cat,dog\ncat,5\ndog,2,6\n", "found record with 2 fields"),
    ] {
        let error = format!("{:#}", NamedConfusion::from_csv(text.as_bytes()).unwrap_err());
        assert!(error.contains(part), "{text:?}: {error}");
    }
}

#[test]
fn a_finished_cell_leaves_the_matrices_of_its_accuracies() {
    let folder = tempfile::tempdir().unwrap();
    let grid = TINY.replace("\"SimCLR\", \"HCL\", \"BCL\"", "\"SimCLR\"");
    let probed = "knn_every = 1\nlinear = \"published\"\nlinear_epochs = 2";
    std::fs::write(folder.path().join("tiny.toml"), grid.replace("knn_every = 1", probed)).unwrap();
    let text = succeeded(&run(folder.path(), &["--grid", "tiny.toml", "--threads", "1"]));
    for part in ["per-class.md", "confusion-simclr-t0.5.svg"] {
        assert!(text.contains(part), "{text}");
    }
    let results = folder.path().join("results/tiny");
    let row = read_cells(&results.join("cells.csv")).unwrap().remove(0);
    assert_eq!(row.protocol, "published-2");
    for (classifier, accuracy) in [(Classifier::Linear, row.linear_top1), (Classifier::Knn, row.knn_top1)] {
        let matrix = read_confusion(&results, &row.run_id, classifier).unwrap().unwrap();
        assert_eq!((matrix.classes.len(), &*matrix.classes[9]), (10, "ankle boot"));
        assert_eq!(matrix.confusion.images(), [200; 10]);
        assert!((top1(&matrix.confusion) - accuracy.unwrap()).abs() < 1e-3);
    }

    // The same probe of the saved encoder, and the same matrix.
    let checkpoint = format!("runs/{}/step-00000008.safetensors", row.run_id);
    let eval = |what: &[&str]| succeeded(&run(folder.path(), &[&["eval"], what, &[&checkpoint]].concat()));
    let published = ["linear", "--protocol", "published", "--epochs", "2", "--threads", "1"];
    for (what, classifier) in [(&published[..], Classifier::Linear), (&["knn", "--k", "20"], Classifier::Knn)]
    {
        let told = eval(&[what, &["--confusion", "matrix.csv"]].concat());
        assert!(told.contains("\nwritten to matrix.csv\n"), "{told}");
        let written = std::fs::read(folder.path().join("matrix.csv")).unwrap();
        let kept = read_confusion(&results, &row.run_id, classifier).unwrap().unwrap();
        assert_eq!(NamedConfusion::from_csv(&written).unwrap(), kept);
    }
    let message = refused(folder.path(), &["eval", "auc", &checkpoint, "--confusion", "matrix.csv"]);
    assert!(message.contains("unexpected argument '--confusion'"), "{message}");
}

fn append(results: &Path, row: CellRow, confusions: Vec<(Classifier, NamedConfusion)>) {
    Store::open(results, "known").unwrap().append(&Finished { row, confusions }).unwrap();
}

#[test]
fn the_report_tells_classes_where_there_are_matrices() {
    let folder = tempfile::tempdir().unwrap();
    let known = folder.path().join("known");
    let files = || -> Vec<String> {
        let rendered = render(&known).unwrap();
        rendered.files.iter().map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect()
    };
    let of_classes = || -> Vec<String> {
        files().into_iter().filter(|name| name.contains("class") || name.contains("confusion")).collect()
    };
    append(folder.path(), cell("old", "DCL", 0), Vec::new());
    assert_eq!(of_classes(), [""; 0], "results of an older version have none");

    let pets = |counts: &[&[u64]]| named(&["cat", "dog", "emu"], counts);
    let first = pets(&[&[6, 4, 0], &[1, 9, 0], &[0, 0, 10]]);
    let second = pets(&[&[8, 2, 0], &[2, 7, 1], &[0, 0, 10]]);
    append(
        folder.path(),
        cell("a0", "SimCLR", 0),
        vec![(Classifier::Linear, first.clone()), (Classifier::Knn, first)],
    );
    append(folder.path(), cell("a1", "SimCLR", 1), vec![(Classifier::Linear, second)]);
    let sharp = |id: &str, hcl_beta| CellRow { hcl_beta: Some(hcl_beta), ..cell(id, "HCL", 0) };
    let right = pets(&[&[10, 0, 0], &[0, 10, 0], &[0, 0, 10]]);
    append(folder.path(), sharp("h1", 1.0), vec![(Classifier::Linear, right.clone())]);
    append(folder.path(), sharp("h2", 2.0), vec![(Classifier::Linear, right)]);
    assert_eq!(
        of_classes(),
        [
            "per-class.md",
            "confusion-simclr-t0.5.svg",
            "confusion-hcl-hcl1-tau0.1-t0.5.svg",
            "confusion-hcl-hcl2-tau0.1-t0.5.svg"
        ]
    );
    let table = std::fs::read_to_string(known.join("tables/per-class.md")).unwrap();
    for part in [
        "the linear probe takes for it",
        "| class | SimCLR        | HCL hcl β=1 τ⁺=0.1 t=0.5 | HCL hcl β=2 τ⁺=0.1 t=0.5 |\n",
        "| cat   | 70.00 ± 14.14 | 100.00                   | 100.00                   |\n",
        "| SimCLR                   | cat → dog 30.00, dog → cat 15.00, dog → emu 5.00 |\n",
        "| HCL hcl β=2 τ⁺=0.1 t=0.5 |                                                  |\n",
        "the kNN takes for it",
        "| class | SimCLR |\n",
        "| cat   | 60.00  |\n",
        "Made by `bcl-exp report known` from cells.csv",
    ] {
        assert!(table.contains(part), "{part}\n{table}");
    }
    let svg = std::fs::read_to_string(known.join("figures/confusion-simclr-t0.5.svg")).unwrap();
    for part in ["SimCLR, linear probe, 2 seeds", "cifar10, 50000 images", "70.0", "30.0", "emu"] {
        assert!(svg.contains(part), "{part}");
    }
    assert!(!svg.contains("NaN") && !svg.contains("inf"));

    std::fs::write(known.join("confusion/a0-linear.csv"), "x").unwrap();
    let error = format!("{:#}", render(&known).unwrap_err());
    assert!(error.contains("a0-linear.csv: damaged: expected a header"), "{error}");
    let other = named(&["cat", "dog", "yak"], &[&[1, 0, 0], &[0, 1, 0], &[0, 0, 1]]);
    std::fs::write(known.join("confusion/a0-linear.csv"), other.to_csv().unwrap()).unwrap();
    let error = format!("{:#}", render(&known).unwrap_err());
    assert!(error.contains("confusion matrices of SimCLR: expected the classes"), "{error}");
}
