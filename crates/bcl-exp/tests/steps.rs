//! A training step on a device: the processor waits for nothing, and what is not finite is found all the same. On a
//! processor the same operations are watched; `BCL_TEST_DEVICE=cuda:0` has them watched where they matter.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

mod common;
#[path = "../../bcl-core/tests/common/device.rs"]
mod device;

use bcl_core::device::waits;
use bcl_core::{Batch, Estimator, Evaluation, LossConfig, Reduction, normalize};
use bcl_data::{ImageSet, LoaderConfig, MadeBy, Policy, ViewLoader};
use bcl_exp::config::{self, Experiment};
use bcl_exp::store::read_cells;
use bcl_exp::store::{CellRow, Status};
use bcl_exp::train::{AugmentOn, Place, Trainer};
use bcl_models::{
    AdamConfig, Arch, Ema, EncoderConfig, LarsConfig, Model, ModelConfig, Optimizer, OptimizerConfig,
    Precision, SgdConfig, Statistics, Stem, clip_gradients,
};
use common::{TINY, stderr, succeeded};
use device::{device, device_name};
use std::collections::BTreeMap;
use std::path::Path;
use tch::{Device, Kind, Tensor};

const NOTHING: [&str; 0] = [];

#[test]
fn no_loss_waits() {
    let z = |seed| {
        tch::manual_seed(seed);
        let z = Tensor::randn([24, 8], (Kind::Float, Device::Cpu)).to_device(device());
        normalize(&z).unwrap().set_requires_grad(true)
    };
    let (z1, z2) = (z(1), z(2));
    let labels = Tensor::arange(24, (Kind::Int64, device())).remainder(3);
    for (estimator, tau_plus) in Estimator::ALL.into_iter().flat_map(|one| [(one, 0.0), (one, 0.1)]) {
        let config = LossConfig { alpha: 0.9, beta: 0.9, tau_plus, ..LossConfig::new(estimator) };
        let loss = config.build().unwrap();
        for evaluation in [Evaluation::Plain, Evaluation::Blockwise] {
            let step = || {
                let batch = Batch::two_views(&z1, &z2).unwrap().with_labels(&labels).unwrap();
                loss.forward_batch(&batch.evaluation(evaluation), Reduction::Mean).unwrap().backward();
            };
            step(); // tables of weights go to the device once
            assert_eq!(waits(step).1, NOTHING, "{estimator} {evaluation:?}");
        }
    }
}

#[test]
fn views_come_to_the_device_without_waiting() {
    let pixels = (0..12 * 3 * 20 * 20).map(|i| (i * 31 % 251) as u8).collect();
    let images = ImageSet::new(pixels, Some((0..12).map(|i| i % 4).collect()), 20, 20).unwrap();
    for made_by in [MadeBy::Threads, MadeBy::Device] {
        let config = LoaderConfig { device: device(), made_by, ..LoaderConfig::training(4, 5, 0, 1) };
        let policies = vec![Policy::published(16), Policy::published(16)];
        let (batches, names) = waits(|| {
            let loader = ViewLoader::new(images.clone(), policies, config).unwrap().map(Result::unwrap);
            loader.map(|batch| (batch.labels_on(device()).unwrap(), batch.views)).collect::<Vec<_>>()
        });
        assert_eq!((batches.len(), names.as_slice()), (3, [].as_slice()));
        for (labels, views) in batches {
            assert!(views.iter().chain(&labels).all(|tensor| tensor.device() == device()), "{made_by:?}");
        }
    }
}

#[test]
fn no_optimizer_waits() {
    let encoder = EncoderConfig { arch: Arch::ResNet10, width: 8, stem: Stem::Compact, in_channels: 3 };
    let config = ModelConfig { encoder, hidden: 16, feature_dim: 8, precision: Precision::Auto };
    let images = Tensor::zeros([4, 3, 8, 8], (Kind::Float, device())).sin_() + 0.5;
    for optimizer in [
        OptimizerConfig::Adam(AdamConfig::default()),
        OptimizerConfig::AdamW(AdamConfig::default()),
        OptimizerConfig::Sgd(SgdConfig::default()),
        OptimizerConfig::Lars(LarsConfig::default()),
    ] {
        let adam = matches!(optimizer, OptimizerConfig::Adam(_) | OptimizerConfig::AdamW(_));
        let model = Model::new(&config, 0, device()).unwrap();
        let mut optimizer = Optimizer::new(&model, optimizer).unwrap();
        let mut ema = Ema::new(&model, 0.99).unwrap();
        let (_, names) = waits(|| {
            optimizer.zero_grad(&model).unwrap();
            model.forward(&images, Statistics::Batch).unwrap().z.square().sum(Kind::Float).backward();
            let _ = clip_gradients(&model, 1.0).unwrap();
            optimizer.step(&model).unwrap();
            ema.update(&model).unwrap();
            let _ = model.extremes().unwrap();
        });
        // libtorch's fused Adam reads the number of the step, on a processor only.
        let reads = device() == Device::Cpu && adam;
        assert_eq!(names, if reads { vec!["aten::_local_scalar_dense"] } else { vec![] }, "{optimizer:?}");
    }
}

fn experiment(folder: &Path, edits: &[(&str, &str)]) -> Experiment {
    let text = edits.iter().fold(TINY.to_owned(), |text, (from, to)| text.replace(from, to));
    let path = folder.join("tiny.toml");
    std::fs::write(&path, text).unwrap();
    config::resolve(&config::load(&path).unwrap(), folder, device()).unwrap()
}

/// The row of the first cell.
fn run(folder: &Path, experiment: &Experiment, augment: AugmentOn, look_each_step: bool) -> CellRow {
    let place = Place {
        device: device(),
        augment,
        look_each_step,
        threads: 1,
        data: folder.join("data"),
        runs: folder.join("runs"),
    };
    tch::set_num_threads(1);
    Trainer::new(&place).run(&experiment.cells[0], experiment.options, &mut |_| Ok(())).unwrap().row
}

#[test]
fn twice_the_steps_wait_no_more_often() {
    let of = |images: &str, augment| {
        let folder = tempfile::tempdir().unwrap();
        let experiment = experiment(
            folder.path(),
            &[
                ("pretrain_images = 256", images),
                ("\"SimCLR\", \"HCL\", \"BCL\"", "\"BCL\""), // which looks at its batches for alpha too
                ("epochs = 2", "epochs = 1\noptimizer = \"sgd\"\nclip_norm = 1.0\nema = 0.9"),
                ("knn_every = 1", "linear = \"none\""), // whose steps depend on the features
            ],
        );
        let (row, names) = waits(|| run(folder.path(), &experiment, augment, false));
        assert_eq!((row.status, row.peak_device_mb.is_some()), (Status::Ok, device() != Device::Cpu));
        names
    };
    let counts = |names: Vec<String>| {
        names.into_iter().fold(BTreeMap::<String, usize>::new(), |mut counts, name| {
            *counts.entry(name).or_default() += 1;
            counts
        })
    };
    for augment in [AugmentOn::Cpu, AugmentOn::Device] {
        drop(of("pretrain_images = 256", augment)); // what a process sends to the device once has been sent now
        let four = counts(of("pretrain_images = 256", augment));
        assert!(!four.is_empty(), "scores are read");
        assert_eq!(four, counts(of("pretrain_images = 512", augment)), "{augment:?}");
    }
}

#[test]
fn the_step_that_broke_is_found_at_a_later_look_and_nothing_after_it_is_saved() {
    let found = [true, false].map(|look_each_step| {
        let folder = tempfile::tempdir().unwrap();
        let edits = [
            // The second step breaks; a look is due after the third, where a state is, and after the fourth and last.
            ("epochs = 2", "epochs = 1\nlearning_rate = 1e30\ncheckpoint_steps = 3"),
            ("SimCLR", "Oracle"),
        ];
        let experiment = experiment(folder.path(), &edits);
        let row = run(folder.path(), &experiment, AugmentOn::default(), look_each_step);
        assert_eq!(row.status, Status::Failed);
        let saved = folder.path().join("runs").join(&row.run_id).join("nonfinite.safetensors");
        let files = std::fs::read_dir(saved.parent().unwrap()).unwrap();
        let files: Vec<String> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        assert!(!files.iter().any(|name| name.starts_with("step-")), "{files:?}");
        let tensors: BTreeMap<String, Tensor> =
            Tensor::read_safetensors(&saved).unwrap().into_iter().collect();
        assert_eq!(tensors.keys().collect::<Vec<_>>(), ["labels", "z1", "z2"]);
        assert_eq!(tensors["z1"].isnan().any().int64_value(&[]), 1);
        // Labels tell the batches apart.
        let labels = Vec::<i64>::try_from(&tensors["labels"]).unwrap();
        (row.error.unwrap().replace(&folder.path().display().to_string(), ""), labels)
    });
    assert!(found[0].0.contains("at epoch 1, step 2 of Oracle"), "{}", found[0].0);
    assert_eq!(found[0], found[1]);
}

#[test]
fn a_sweep_trains_and_scores_on_the_device() {
    let folder = tempfile::tempdir().unwrap();
    let experiment = TINY.replace("\"SimCLR\", ", "\"SimCLR\", \"DCL\", \"Oracle\", ");
    std::fs::write(folder.path().join("tiny.toml"), experiment).unwrap();
    let grid = ["--grid", "tiny.toml", "--threads", "1", "--device", &device_name()];
    succeeded(&common::run(folder.path(), &grid));
    let rows = read_cells(&folder.path().join("results/tiny/cells.csv")).unwrap();
    assert_eq!(rows.len(), 5);
    for row in &rows {
        assert_eq!((row.status, &row.error), (Status::Ok, &None));
        assert_eq!(row.device, bcl_exp::train::device_name(device()));
        assert!(
            row.knn_top1.is_some_and(|top1| top1 > 25.0),
            "{} of 10 classes: {:?}",
            row.estimator,
            row.knn_top1
        );
    }
    let again = common::run(folder.path(), &grid);
    assert!(stderr(&again).contains("5 done, 0 to run"), "{}", stderr(&again));
    // The state of the first cell, scored on the device by itself.
    let runs = folder.path().join("runs").join(&rows[0].run_id);
    let state = std::fs::read_dir(runs).unwrap().map(|entry| entry.unwrap().path());
    let state =
        state.filter(|path| path.extension().is_some_and(|ending| ending == "safetensors")).max().unwrap();
    let eval = [
        "eval",
        "knn",
        state.to_str().unwrap(),
        "--threads",
        "1",
        "--k",
        "20",
        "--out",
        "knn.json",
        "--device",
    ];
    succeeded(&common::run(folder.path(), &[&eval[..], &[&device_name()]].concat()));
    let answer = std::fs::read(folder.path().join("knn.json")).unwrap();
    let answer: serde_json::Value = serde_json::from_slice(&answer).unwrap();
    let top1 = answer["top1"].as_f64().unwrap();
    assert!((top1 - rows[0].knn_top1.unwrap()).abs() < 0.5, "{top1} {:?}", rows[0].knn_top1);
}
