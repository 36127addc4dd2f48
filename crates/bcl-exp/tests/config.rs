//! Experiment files: what is refused, what is expanded, and that the ready ones resolve.
#![allow(missing_docs, reason = "a test")]

mod common;

use bcl_exp::config::{Experiment, load, parse, resolve};
use common::TINY;
use std::collections::HashSet;
use std::path::Path;
use tch::Device;

fn resolved(text: &str) -> anyhow::Result<Experiment> {
    resolve(&parse(text)?, "data".as_ref(), Device::Cpu)
}

fn message(text: &str) -> String {
    format!("{:#}", resolved(text).expect_err(text))
}

#[test]
fn the_ready_experiments_resolve() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../experiments");
    let mut names = HashSet::new();
    for folder in [root.clone(), root.join("paper"), root.join("recipes")] {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "toml") {
                let experiment = resolve(&load(&path).unwrap(), "data".as_ref(), Device::Cpu).unwrap();
                assert!(!experiment.cells.is_empty());
                let losses: HashSet<&str> =
                    experiment.cells.iter().map(|cell| cell.loss.estimator.as_str()).collect();
                assert!(losses.is_superset(&HashSet::from(["SimCLR", "DCL", "BCL"])), "{path:?}: {losses:?}");
                assert!(names.insert(experiment.name), "{path:?} writes where another does");
            }
        }
    }
    assert!(
        names.is_superset(&["quick", "cifar10-cpu", "cifar10-gpu"].map(String::from).into()),
        "{names:?}"
    );
    assert_eq!(names.len(), 11);
}

#[test]
fn the_quick_sweep_is_what_the_command_line_defaults_to() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../experiments/quick.toml");
    let experiment = resolve(&load(&path).unwrap(), "data".as_ref(), Device::Cpu).unwrap();
    let seeds: HashSet<u64> = experiment.cells.iter().map(|cell| cell.seed).collect();
    assert!(seeds.len() >= 2);
    assert!(experiment.cells.iter().all(|cell| cell.dataset == "fashion-mini"), "embedded data only");
    for losses in ["SimCLR", "DCL", "HCL", "BCL"] {
        assert!(experiment.cells.iter().any(|cell| cell.loss.estimator == losses));
    }
}

#[test]
fn unknown_keys_are_named() {
    for (text, key) in [
        (TINY.replace("knn_k", "knn_neighbours"), "knn_neighbours"),
        (TINY.replace("[train]", "[training]"), "training"),
        (TINY.replace("alpha = 0.8", "location = 0.8"), "location"),
        (TINY.replace("width = 8", "width = 8\nwdith = 4"), "wdith"),
    ] {
        let message = message(&text);
        assert!(message.contains("unknown field") && message.contains(key), "{message}");
    }
}

#[test]
fn bad_values_are_refused_with_expected_and_got() {
    for (from, to, expected) in [
        ("alpha_source = \"self-estimated\"", "alpha_source = \"guess\"", "self-estimated, got \"guess\""),
        ("alpha_source = \"self-estimated\"\nbeta = 0.7", "beta = 1.5", "beta"),
        ("alpha = 0.8\nalpha_source = \"self-estimated\"", "alpha = 0.3", "alpha"),
        ("alpha = 0.8\nalpha_source = \"self-estimated\"", "alpha = nan", "alpha"),
        ("alpha = 0.8\nalpha_source = \"self-estimated\"", "", "needs alpha"),
        ("alpha = 0.8\nalpha_source = \"self-estimated\"\nbeta = 0.7", "alpha = 1.0\nbeta = 1.0", "alpha"),
        ("beta = 0.7", "", "needs beta"),
        ("\"SimCLR\", \"HCL\", \"BCL\"", "\"NTXent\"", "NTXent"),
        ("epochs = 2", "epochs = 0", "epochs: expected at least 1, got 0"),
        ("batch_pairs = 64", "batch_pairs = 1", "batch_pairs: expected at least 2, got 1"),
        ("batch_pairs = 64", "batch_pairs = 64\nmicro_pairs = 21", "no rest of 1 pair"),
        ("batch_pairs = 64", "batch_pairs = 64\nmicro_pairs = 1", "expected at least 2"),
        (
            "batch_pairs = 64",
            "batch_pairs = 512",
            "pretrain_images: expected at least batch_pairs = 512, got 256",
        ),
        ("batch_pairs = 64", "batch_pairs = 64\nlearning_rate = 0.0", "learning_rate"),
        ("batch_pairs = 64", "batch_pairs = 64\nweight_decay = -1.0", "weight_decay"),
        ("batch_pairs = 64", "batch_pairs = 64\ncheckpoint_every = 0", "checkpoint_every"),
        ("alpha = 0.8", "alpha_every = 0\nalpha = 0.8", "alpha_every: expected at least 1 epoch, got 0"),
        ("knn_k = 20", "knn_k = 0", "knn_k"),
        ("knn_k = 20", "knn_t = 0.0", "knn_t"),
        (
            "knn_k = 20",
            "linear_penalty = -1.0",
            "penalty of the linear probe: expected a number >= 0, got -1",
        ),
        ("knn_k = 20", "linear_penalty = inf", "expected a number >= 0, got inf"),
        (
            "knn_k = 20",
            "linear = \"none\"\nlinear_penalty = 1.0",
            "with linear = \"cached\" only, got it with \"none\"",
        ),
        ("knn_k = 20", "linear = \"svm\"", "cached, published or none, got \"svm\""),
        ("image_size = 16", "image_size = 4", "image_size: expected 8 to 512 pixels, got 4"),
        ("hidden = 16", "hidden = 0", "hidden"),
        ("arch = \"resnet10\"", "arch = \"vit\"", "vit"),
        ("stem = \"compact\"", "stem = \"big\"", "big"),
        ("precision = \"f32\"", "precision = \"f8\"", "f8"),
        ("\"fashion-mini\"", "\"mnist\"", "mnist"),
        ("name = \"tiny\"", "name = \"../up\"", "name: expected letters"),
        ("name = \"tiny\"", "name = \"\"", "name: expected letters"),
        ("beta = 0.7", "beta = []", "an empty list leaves no cell"),
        ("beta = 0.7", "beta = \"0.7\"", "expected one value or a list of them"),
        ("alpha = 0.8", "temperature = 0.0\nalpha = 0.8", "temperature"),
        ("alpha = 0.8", "tau_plus = 1.0\nalpha = 0.8", "tau"),
    ] {
        assert!(TINY.contains(from), "{from}");
        let message = message(&TINY.replacen(from, to, 1));
        assert!(message.contains(expected), "{to}: {message}");
    }
    let no_grid = TINY.split("[[grid]]").next().unwrap();
    assert!(message(no_grid).contains("at least one [[grid]]"));
}

#[test]
fn equal_cells_are_run_once_and_foreign_keys_left_out() {
    let twice =
        format!("{TINY}\n[[grid]]\nestimator = [\"SimCLR\", \"SimCLR\"]\nbeta = [0.1, 0.2]\nseed = [0, 1]\n");
    let experiment = resolved(&twice).unwrap();
    let labels: Vec<String> = experiment.cells.iter().map(|cell| cell.label()).collect();
    assert_eq!(
        labels,
        [
            "SimCLR t=0.5 seed=0",
            "HCL hcl-beta=1 tau+=0.1 t=0.5 seed=0",
            "BCL alpha=self-estimated beta=0.7 tau+=0.1 t=0.5 seed=0",
            "SimCLR t=0.5 seed=1",
        ]
    );
}

#[test]
fn the_run_id_follows_what_changes_results_and_nothing_else() {
    let id = |text: &str| resolved(text).unwrap().cells[0].run_id();
    let base = id(TINY);
    assert_eq!(base.len(), 12);
    for same in [
        TINY.replace("knn_every = 1", "knn_every = 0"),
        TINY.replace("epochs = 2", "epochs = 2\ncheckpoint_every = 2"),
        TINY.replace("epochs = 2", "epochs = 2\ncheckpoint_steps = 3\ncheckpoint_minutes = 1"),
        TINY.replace("alpha = 0.8", "alpha = 0.8\nalpha_every = 3"),
        TINY.replace("name = \"tiny\"", "name = \"other\"\ndescription = \"words\""),
        TINY.replace("knn_k = 20", "knn_k = 20\nlinear_penalty = 1e-4"),
    ] {
        assert_eq!(id(&same), base, "{same}");
    }
    for other in [
        TINY.replace("epochs = 2", "epochs = 3"),
        TINY.replace("image_size = 16", "image_size = 17"),
        TINY.replace("width = 8", "width = 5"),
        TINY.replace("alpha = 0.8", "seed = 1\nalpha = 0.8"),
        TINY.replace("alpha = 0.8", "temperature = 0.4\nalpha = 0.8"),
        TINY.replace("knn_k = 20", "knn_k = 21"),
        TINY.replace("knn_k = 20", "knn_k = 20\nlinear_penalty = 1e-3"),
    ] {
        assert_ne!(id(&other), base, "{other}");
    }
}

/// A key that is added must not rename the runs of the files that do not have it.
#[test]
fn the_runs_of_committed_results_keep_their_names() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut file = load(&root.join("experiments/quick.toml")).unwrap();
    file.encoder.precision = "bf16".into(); // the processor that they were made on has it
    let ids: HashSet<String> = resolve(&file, "data".as_ref(), Device::Cpu)
        .unwrap()
        .cells
        .iter()
        .map(bcl_exp::config::CellConfig::run_id)
        .collect();
    let rows = std::fs::read_to_string(root.join("results/2026-11-25-cpu/quick/cells.csv")).unwrap();
    let committed: HashSet<String> =
        rows.lines().skip(1).filter_map(|row| row.split(',').next()).map(String::from).collect();
    assert!(!committed.is_empty() && ids == committed, "{ids:?} {committed:?}");
}

#[test]
fn optimizers_and_schedules_resolve_and_what_does_not_apply_is_told() {
    let with = |keys: &str| TINY.replace("[train]", &format!("[train]\n{keys}"));
    let ids: HashSet<String> = [
        "",
        "optimizer = \"adamw\"",
        "optimizer = \"sgd\"",
        "optimizer = \"sgd\"\nnesterov = true",
        "optimizer = \"lars\"\nmomentum = 0.8",
        "schedule = \"cosine\"",
        "warmup_epochs = 0.5",
        "schedule = \"step\"\nstep_epochs = 1",
        "clip_norm = 1.0",
        "ema = 0.99",
    ]
    .map(|keys| resolved(&with(keys)).unwrap().cells[0].run_id())
    .into();
    assert_eq!(ids.len(), 10, "each is a run of its own");
    let same = resolved(&with("optimizer = \"adam\"\nschedule = \"constant\"\nwarmup_epochs = 0")).unwrap();
    assert!(ids.contains(&same.cells[0].run_id()), "written-out defaults name the same run");
    for (keys, part) in [
        ("optimizer = \"rmsprop\"", "adam, adamw, sgd or lars"),
        ("momentum = 0.9", "sgd and lars have them, adam has not"),
        ("optimizer = \"sgd\"\nmomentum = 1.0", "momentum: expected a number in [0, 1)"),
        ("optimizer = \"sgd\"\nmomentum = 0.0\nnesterov = true", "nesterov"),
        ("schedule = \"linear\"", "constant, cosine or step"),
        ("schedule = \"step\"", "needs step_epochs"),
        ("step_factor = 0.5", "expected schedule = \"step\""),
        ("schedule = \"step\"\nstep_epochs = 0", "step_epochs: expected at least 1"),
        ("warmup_epochs = 1000", "warmup_epochs: expected a number in [0, epochs]"),
        ("clip_norm = 0.0", "clip_norm: expected a number > 0"),
        ("ema = 1.0", "ema: expected a decay in [0, 1)"),
    ] {
        let message = message(&with(keys));
        assert!(message.contains(part), "{keys}: {message}");
    }
}
