//! The other commands from outside: help that teaches, errors that say what to do, a run that is scored again.
#![allow(missing_docs, reason = "a test")]

mod common;

use common::{program, refused, run, stderr, succeeded};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;

#[test]
fn help_names_the_estimators_and_parameters_once_and_for_all() {
    let folder = tempfile::tempdir().unwrap();
    let help = |args: &[&str]| succeeded(&run(folder.path(), args));
    let top = help(&["--help"]);
    for part in [
        "--grid",
        "simulate",
        "explain",
        "loss",
        "report",
        "data",
        "doctor",
        "bench",
        "train",
        "eval",
        "not Decoupled",
    ] {
        assert!(top.contains(part), "{part}");
    }
    for command in
        ["train", "eval", "export", "simulate", "explain", "loss", "report", "data", "doctor", "bench"]
    {
        let text = help(&[command, "--help"]);
        assert!(text.contains("Usage: bcl-exp"), "{text}");
    }
    let loss = help(&["loss", "--help"]);
    for flag in [
        "--estimator",
        "--alpha",
        "--beta",
        "--tau-plus",
        "--temperature",
        "--hcl-beta",
        "--compat",
        "--grad-out",
    ] {
        assert!(loss.contains(flag), "{flag}");
    }
    let none = run(folder.path(), &[]);
    assert!(!none.status.success() && stderr(&none).contains("expected --grid or a subcommand"));
}

#[test]
fn bad_flags_and_paths_are_told() {
    let folder = tempfile::tempdir().unwrap();
    for (args, part) in [
        (&["--grid", "missing.toml"][..], "missing.toml (experiments/ holds the ready ones)"),
        (&["--grid"], "experiments/quick.toml"),
        (&["--grid", "x.toml", "--device", "cuda:99"], "--device cuda:99"),
        (&["--grid", "x.toml", "--device", "tpu"], "expected cpu, cuda or cuda:N, got \"tpu\""),
        (&["--grid", "x.toml", "--threads", "0"], "--threads: expected 1 to 1024, got 0"),
        (&["--grids"], "--grid"),
        (&["trian"], "train"),
        (&["train", "--dataset", "imagenet"], "imagenet"),
        (&["train", "--alpha", "0.9", "--beta", "0.9", "--name", "../x"], "name: expected letters"),
        (&["train", "--estimator", "SimCLR", "--dataset", "cifar10"], "cifar10"),
        (
            &["train", "--estimator", "SimCLR", "--batch-pairs", "0"],
            "batch_pairs: expected at least 2, got 0",
        ),
        (&["eval", "knn", "missing.safetensors"], "missing.safetensors"),
        (&["eval", "knn", "missing.safetensors", "--k", "0"], "0"),
        (&["data", "verify", "mnist"], "mnist"),
        (&["data", "verify", "cifar10"], "missing or damaged"),
        (&["bench", "warp"], "warp"),
    ] {
        let message = refused(folder.path(), args);
        assert!(message.contains(part), "{args:?}: {message}");
    }
    std::fs::write(folder.path().join("x.toml"), "name = \n").unwrap();
    assert!(refused(folder.path(), &["--grid", "x.toml"]).contains("x.toml"));
    std::fs::write(folder.path().join("x.toml"), [0xFF, 0xFE]).unwrap();
    assert!(refused(folder.path(), &["--grid", "x.toml"]).contains("x.toml"));
    assert!(!folder.path().join("results").exists(), "a refused command leaves nothing");
}

#[test]
fn doctor_and_data_tell_what_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let doctor = succeeded(&run(folder.path(), &["doctor"]));
    for part in ["2.11.0", "threads", "bf16", "fashion-mini", "cuda"] {
        assert!(doctor.to_lowercase().contains(part), "{part}: {doctor}");
    }
    let list = succeeded(&run(folder.path(), &["data", "list"]));
    for name in ["fashion-mini", "cifar10", "cifar100", "stl10", "tinyimagenet"] {
        assert!(list.contains(name), "{list}");
    }
    let verified = succeeded(&run(folder.path(), &["data", "verify", "fashion-mini"]));
    assert!(verified.contains("ok") && !verified.contains("WRONG"), "{verified}");
}

#[test]
fn a_run_is_trained_found_finished_and_scored_again() {
    let folder = tempfile::tempdir().unwrap();
    let train = |more: &[&str]| {
        let args = [
            "train",
            "--estimator",
            "DCL",
            "--pretrain-images",
            "128",
            "--image-size",
            "16",
            "--arch",
            "resnet10",
            "--width",
            "8", // a multiple of 8, as `TINY` says
            "--stem",
            "compact",
            "--precision",
            "f32",
            "--epochs",
            "1",
            "--batch-pairs",
            "64",
            "--threads",
            "1",
        ];
        run(folder.path(), &[&args[..], more].concat())
    };
    let row: Value = serde_json::from_str(&succeeded(&train(&[]))).unwrap();
    assert!(succeeded(&train(&[])).contains("has finished before"));
    let id = row["run_id"].as_str().unwrap();
    let checkpoint = format!("runs/{id}/step-00000002.safetensors");
    let text = |args: &[&str]| {
        succeeded(&run(folder.path(), &[&["eval"], args, &[&checkpoint, "--threads", "1"]].concat()))
    };
    let eval = |args: &[&str]| -> Value {
        assert!(
            text(&[args, &["--out", "scores/new.json"]].concat()).ends_with("written to scores/new.json\n")
        );
        let written = std::fs::read_to_string(folder.path().join("scores/new.json")).unwrap();
        serde_json::from_str(&written).unwrap()
    };
    let close = |value: &Value, column: &str, tolerance: f64| {
        let (a, b) = (value.as_f64().unwrap(), row[column].as_f64().unwrap());
        assert!((a - b).abs() < tolerance, "{column}: {a}, in the row {b}");
    };
    let knn = eval(&["knn"]);
    close(&knn["top1"], "knn_top1", 1e-3);
    assert_eq!(
        (knn["per_class"].as_array().unwrap().len(), knn["confusion"][9].as_array().unwrap().len()),
        (10, 10)
    );
    let linear = eval(&["linear"]);
    close(&linear["top1"], "linear_top1", 1e-3);
    close(&linear["top5"], "linear_top5", 1e-3);
    close(&linear["balanced"], "linear_top1", 1e-3); // as many test images of each class
    assert_eq!(
        (&linear["settings"]["penalty"], &linear["settings"]["converged"]),
        (&1e-4.into(), &true.into())
    );
    let table = text(&["linear"]);
    for part in [
        &format!("linear of run {id} on fashion-mini\n"),
        "  penalty         0.0001\n",
        "  encoder sha256  ",
        "standardised over the probe images\n",
        "batch normalisation with running statistics\n",
        "top-1 ",
        "top-5 ",
        "balanced ",
        "class         images   accuracy  most often taken for\n",
        "ankle boot       200 ",
    ] {
        assert!(table.contains(part), "{part}: {table}");
    }
    assert!(eval(&["linear", "--penalty", "10"])["top1"].as_f64() < linear["top1"].as_f64());
    close(&eval(&["auc"])["measures"]["macro_auc"], "macro_auc", 1e-4);
    let representation = eval(&["representation"]);
    for column in ["alignment", "uniformity", "feature_std", "effective_rank"] {
        close(&representation["measures"][column], column, 1e-3);
    }
    let published = eval(&["linear", "--protocol", "published", "--epochs", "1"]);
    assert!(published["top1"].as_f64().unwrap() > 10.0, "{published}");
    let shaped = ["eval", "knn", &checkpoint, "--width", "8"];
    assert!(refused(folder.path(), &shaped).contains("a run's checkpoint knows its encoder"));
    let sized = ["eval", "knn", &checkpoint, "--image-size", "16"];
    assert!(refused(folder.path(), &sized).contains("a run's checkpoint knows its images"));
    assert_eq!(published["settings"]["learning_rate"], 1e-3);
    for (args, part) in [
        (
            &["linear", "--protocol", "published", "--penalty", "1"][..],
            "--penalty: expected it with --protocol cached",
        ),
        (&["linear", "--epochs", "3"], "--epochs: expected it with --protocol published only"),
        (&["linear", "--learning-rate", "3"], "--learning-rate: expected it with --protocol published only"),
        (&["linear", "--penalty", "nan"], "expected a number >= 0, got NaN"),
        (&["knn", "--out", "scores/new.json/below"], "scores/new.json"),
    ] {
        let message = refused(folder.path(), &[&["eval"], args, &[&checkpoint]].concat());
        assert!(message.contains(part), "{args:?}: {message}");
    }
    ends_quietly(folder.path(), &["eval", "knn", &checkpoint]);
    // A checkpoint that is cut short is no checkpoint.
    let path = folder.path().join(&checkpoint);
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() - 10]).unwrap();
    assert!(refused(folder.path(), &["eval", "knn", &checkpoint]).contains("step-00000002.safetensors"));
}

/// Runs a command whose reader has gone.
fn ends_quietly(folder: &Path, args: &[&str]) {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = program(folder).args(args).stdout(writer).stderr(Stdio::piped()).spawn().unwrap();
    let output = output.wait_with_output().unwrap();
    assert_eq!(stderr(&output), "", "{args:?}");
    assert!(!output.status.success(), "{args:?}");
    #[cfg(unix)]
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&output.status), Some(13), "{args:?}");
}

#[test]
fn a_reader_that_goes_away_is_no_panic() {
    let folder = tempfile::tempdir().unwrap();
    let explain = ["explain", "--alpha", "0.9", "--beta", "0.9", "--tau-plus", "0.1"];
    for args in [&explain[..], &["data", "list"], &["data", "verify", "fashion-mini"], &["doctor"]] {
        ends_quietly(folder.path(), args);
    }
    // Messages are read no more: as quiet.
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let ended = program(folder.path()).args(["--grid", "none.toml"]).stderr(writer).status().unwrap();
    assert!(!ended.success());
}

#[test]
fn weights_from_elsewhere_are_scored_and_exported() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../bcl-models/tests/fixtures/weights");
    for name in ["authors.safetensors", "torchvision.safetensors"] {
        std::fs::copy(fixtures.join(name), at.join(name)).unwrap();
    }
    let authors = ["--arch", "resnet18", "--width", "2"];
    let torchvision = ["--width", "1", "--stem", "imagenet"];
    let set = ["--dataset", "fashion-mini", "--threads", "1"];
    let knn = |file: &str, shape: &[&str]| -> Value {
        let scored = run(at, &[&["eval", "knn", file, "--out", "knn.json"], shape, &set[..]].concat());
        assert!(succeeded(&scored).starts_with("knn of weights from elsewhere on fashion-mini\n"));
        serde_json::from_str(&std::fs::read_to_string(at.join("knn.json")).unwrap()).unwrap()
    };
    let first = knn("authors.safetensors", &authors);
    assert!(first["run_id"].is_null() && first["top1"].as_f64().unwrap() > 20.0, "{first}");
    // Encoder and scores survive a journey through other names; a head that is not there cannot be written or measured.
    let export = |file: &str, shape: &[&str], names: &str, out: &str| {
        run(at, &[&["export", file, "--names", names, "--out", out], shape].concat())
    };
    for names in ["torchvision", "authors", "own"] {
        let text = succeeded(&export("authors.safetensors", &authors, names, names));
        assert!(text.contains("resnet18 of width 2 with the cifar stem"), "{text}");
        assert_eq!(knn(names, &authors), first);
    }
    let taken = export("torchvision.safetensors", &torchvision, "torchvision", "bare");
    assert!(stderr(&taken).contains("torchvision.safetensors: not used: fc.bias, fc.weight"));
    assert!(
        stderr(&export("bare", &torchvision, "authors", "x"))
            .contains("expected weights with a projection head")
    );
    assert!(
        stderr(&export("bare", &torchvision, "torchvision", "bare"))
            .contains("expected another file than bare")
    );
    let eval = |args: &[&str]| refused(at, &[&["eval"], args].concat());
    let file = "authors.safetensors";
    let message = eval(&[&["representation", "bare"], &torchvision[..], &set].concat());
    assert!(message.contains("expected a projection head"), "{message}");
    let message = eval(&[&["auc", file, "--arch", "resnet34", "--width", "2"], &set[..]].concat());
    assert!(message.contains("not a resnet34 of width 2 with the cifar stem"), "{message}");
    assert!(message.contains("module.f.3.2.conv1.weight is missing"), "{message}");
    assert!(eval(&[&["knn", file], &authors[..]].concat()).contains("need --dataset NAME"));
    assert!(eval(&["knn", file, "--std", "1,2"]).contains("expected three numbers"));
    let message = eval(&[&["knn", file, "--std", "0,1,1"], &authors[..], &set].concat());
    assert!(message.contains("std: expected positive"), "{message}");
}

#[test]
fn the_augmentation_is_timed_without_torchvision_too() {
    let folder = tempfile::tempdir().unwrap();
    let args = ["bench", "augment", "--seconds", "0.01", "--python", "nowhere/python", "--out", "out"];
    let text = succeeded(&run(folder.path(), &args));
    assert!(text.contains("torchvision: not measured; nowhere/python: cannot be started"), "{text}");
    let csv = std::fs::read_to_string(folder.path().join("out/bench-augment.csv")).unwrap();
    let header = "image_side,name,runs,median_us_a_view,views_per_s,times_torchvision,share";
    assert_eq!(csv.lines().next(), Some(header));
    assert_eq!(csv.lines().count(), 1 + 2 * 13, "three pipelines and ten parts from two sizes: {csv}");
}

#[test]
fn the_training_step_is_timed_without_pytorch_too() {
    let folder = tempfile::tempdir().unwrap();
    let bench = |python: &str| {
        let shapes = "--encoders resnet10:1:2,resnet10:2:4 --image-side 8 --precision f32 --threads 1";
        let mut args = vec!["bench", "train", "--seconds", "0.01", "--python", python, "--out", "out"];
        args.extend(shapes.split(' '));
        let text = succeeded(&run(folder.path(), &args));
        let csv = csv::Reader::from_path(folder.path().join("out/bench-train.csv")).unwrap();
        let rows: Vec<BTreeMap<String, String>> = csv.into_deserialize().map(Result::unwrap).collect();
        (text, rows)
    };
    let (text, rows) = bench("nowhere/python");
    assert!(text.contains("PyTorch: not measured; nowhere/python: cannot be started"), "{text}");
    assert_eq!(rows.len(), 2);
    assert_eq!((&*rows[1]["width"], &*rows[1]["pairs"], &*rows[1]["times_pytorch"]), ("2", "4", ""));

    // A stand-in that is done at once.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let python = folder.path().join("python");
        let script = "#!/bin/sh\necho '{\"ready\": \"stand-in 1\"}'; while read line; do echo '{}'; done\n";
        std::fs::write(&python, script).unwrap();
        std::fs::set_permissions(&python, PermissionsExt::from_mode(0o755)).unwrap();
        let (text, rows) = bench(python.to_str().unwrap());
        assert!(text.contains("stand-in 1"), "{text}");
        let layouts: Vec<&str> = rows.iter().map(|row| &*row["layout"]).collect();
        assert_eq!(layouts, ["channels_last", "channels_last", "contiguous"].repeat(2));
        assert!(rows[0]["times_pytorch"].parse::<f64>().unwrap() < 1.0, "the stand-in does nothing");
    }
}
