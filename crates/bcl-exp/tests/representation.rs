//! Measures without labels: against the published definitions, at the ends of their ranges, by a frozen encoder.
#![allow(missing_docs, reason = "a test")]

use bcl_data::{ImageSet, Labeled, Policy};
use bcl_exp::eval::linear::{self, PublishedProbe};
use bcl_exp::eval::{Features, Representation, auc, frozen, knn};
use bcl_models::{Arch, EncoderConfig, Model, ModelConfig, Precision, Statistics, Stem};
use serde_json::Value;
use tch::{Device, Kind, Tensor};

fn fixture() -> Value {
    serde_json::from_str(include_str!("fixtures/eval.json")).unwrap()
}

fn matrix(value: &Value) -> Tensor {
    let rows: Vec<Vec<f32>> = serde_json::from_value(value.clone()).unwrap();
    Tensor::from_slice(&rows.concat()).view([rows.len() as i64, rows[0].len() as i64])
}

fn split(x: &Value, labels: &Value) -> Features {
    let labels: Vec<i64> = serde_json::from_value(labels.clone()).unwrap();
    Features::new(matrix(x), Tensor::from_slice(&labels)).unwrap()
}

fn close(ours: f64, expected: &Value, tolerance: f64, what: &str) {
    let expected = expected.as_f64().unwrap();
    assert!((ours - expected).abs() < tolerance, "{what}: expected {expected}, got {ours}");
}

#[test]
fn knn_and_auc_are_scikit_learns() {
    let known = fixture();
    let (probe, test) =
        (split(&known["probe"], &known["probe_labels"]), split(&known["test"], &known["test_labels"]));
    let (k, t) = (known["k"].as_u64().unwrap() as u32, known["temperature"].as_f64().unwrap());
    let outcome = knn::classify(&probe, &test, known["classes"].as_i64().unwrap(), k, t).unwrap();
    close(outcome.top1, &known["knn"]["top1"], 1e-9, "top-1");
    close(outcome.top5.unwrap(), &known["knn"]["top5"], 1e-9, "top-5");
    let confusion: Vec<Vec<u64>> = serde_json::from_value(known["knn"]["confusion"].clone()).unwrap();
    assert_eq!(outcome.confusion.counts(), confusion);
    close(outcome.confusion.balanced().unwrap(), &known["knn"]["balanced"], 1e-9, "balanced");
    for (ours, theirs) in
        outcome.confusion.per_class().iter().zip(known["knn"]["per_class"].as_array().unwrap())
    {
        close(ours.unwrap(), theirs, 1e-9, "a class");
    }
    close(auc::macro_auc_of(&test, usize::MAX).unwrap(), &known["macro_auc"], 1e-6, "macro-AUC");
}

#[test]
fn the_measures_are_the_published_ones() {
    let known = fixture();
    let unit = |name: &str| bcl_core::normalize(&matrix(&known[name])).unwrap();
    let ours = Representation::of(&unit("test"), &unit("other_view")).unwrap();
    let expected = &known["representation"];
    close(ours.alignment, &expected["alignment"], 1e-6, "alignment");
    close(ours.uniformity, &expected["uniformity"], 1e-6, "uniformity");
    close(ours.feature_std, &expected["feature_std"], 1e-6, "feature std");
    close(ours.effective_rank, &expected["effective_rank"], 1e-5, "effective rank");
}

#[test]
fn collapse_and_spread_are_the_ends_of_the_ranges() {
    let axis = Tensor::eye(16, (Kind::Float, Device::Cpu)).narrow(0, 0, 1);
    let collapsed = axis.repeat([1500, 1]); // more rows than are compared at a time
    let ours = Representation::of(&collapsed, &collapsed).unwrap();
    assert_eq!((ours.alignment, ours.feature_std), (0.0, 0.0));
    assert!(ours.uniformity.abs() < 1e-9 && (ours.effective_rank - 1.0).abs() < 1e-6, "{ours:?}");

    tch::manual_seed(1);
    let normal =
        || bcl_core::normalize(&Tensor::f_randn([1500, 128], (Kind::Float, Device::Cpu)).unwrap()).unwrap();
    let ours = Representation::of(&normal(), &normal()).unwrap();
    assert!((ours.alignment - 2.0).abs() < 0.02, "independent views: {ours:?}");
    assert!((ours.uniformity + 4.0).abs() < 0.1, "{ours:?}");
    assert!((ours.feature_std - 1.0 / 128f64.sqrt()).abs() < 1e-3, "{ours:?}");
    assert!(ours.effective_rank > 120.0 && ours.effective_rank <= 128.0, "{ours:?}");

    let opposite = Tensor::cat(&[&axis, &-&axis], 0);
    let ours = Representation::of(&opposite, &-&opposite).unwrap();
    assert!((ours.alignment - 4.0).abs() < 1e-6 && (ours.uniformity + 8.0).abs() < 1e-6, "{ours:?}");
}

#[test]
fn what_cannot_be_measured_is_refused() {
    let z = |rows, width| Tensor::full([rows, width], 0.5, (Kind::Float, Device::Cpu));
    let refused = |z1: &Tensor, z2: &Tensor, part: &str| {
        let error = Representation::of(z1, z2).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    };
    refused(&z(1, 4), &z(1, 4), "N at least 2, got [1, 4]");
    refused(&z(5, 4), &z(5, 3), "got [5, 4] and [5, 3]");
    refused(&z(5, 4).get(0), &z(5, 4).get(0), "got [4]");
    refused(&(z(5, 4) * f64::NAN), &z(5, 4), "not finite");
}

#[test]
fn scoring_leaves_the_encoder_as_it_was() {
    let encoder = EncoderConfig { arch: Arch::ResNet10, width: 4, stem: Stem::Compact, in_channels: 3 };
    let config = ModelConfig { encoder, hidden: 16, feature_dim: 8, precision: Precision::F32 };
    let model = Model::new(&config, 1, Device::Cpu).unwrap();
    let pixels: Vec<u8> = (0..64 * 3 * 16 * 16).map(|place| (place * 37 % 251) as u8).collect();
    let set = ImageSet::new(pixels, Some((0..64).map(|place| place % 4).collect()), 16, 16).unwrap();
    let before = model.encoder_hash().unwrap();

    let views = [Policy::published(16), Policy::published(16)];
    let measure =
        |policies: &[Policy], seed, threads| Representation::measure(&model, &set, policies, seed, threads);
    let ours = measure(&views, 1, 1).unwrap();
    assert_eq!(ours, measure(&views, 1, 2).unwrap(), "the views do not depend on threads");
    assert_ne!(ours.alignment, measure(&views, 2, 1).unwrap().alignment);
    assert!(ours.alignment > 0.0, "{ours:?}");
    assert_eq!(measure(&[Policy::plain(16), Policy::plain(16)], 1, 1).unwrap().alignment, 0.0);
    assert!(measure(&views[..1], 1, 1).unwrap_err().to_string().contains("expected two views"));

    let probe = Labeled::new(set.clone()).unwrap();
    let settings = PublishedProbe { epochs: 2, batch: 16, ..PublishedProbe::of("cifar10", 1, 1) };
    linear::published(&model, &probe, &Policy::published(16), 4, settings).unwrap();
    let wild = PublishedProbe { learning_rate: f64::NAN, ..settings };
    let error = linear::published(&model, &probe, &Policy::published(16), 4, wild).unwrap_err().to_string();
    assert!(error.contains("expected a number > 0, got NaN"), "{error}");
    let features = Features::extract(&model, &probe, &Policy::plain(16), 1).unwrap();
    linear::cached(&features, 4, linear::PENALTY).unwrap();
    assert_eq!(model.encoder_hash().unwrap(), before);
    // What would change it is found out: batch statistics, as the authors' probe leaves them in training mode, or a weight.
    let images = Tensor::rand([4, 3, 16, 16], (Kind::Float, Device::Cpu));
    let scored = |statistics| frozen::kept(&model, || Ok(model.forward(&images, statistics)?));
    assert_eq!(scored(Statistics::Running).unwrap().1, before);
    let error = scored(Statistics::Batch).unwrap_err().to_string();
    assert!(error.contains(&format!("expected its hash {before}, got ")), "{error}");
    let nudge = || {
        let (_, weight) = model.named_tensors().remove(0);
        let _ = weight.detach().f_add_scalar_(1e-3)?;
        Ok(())
    };
    assert!(frozen::kept(&model, nudge).is_err());
}

#[test]
fn the_published_step_size_is_the_data_sets() {
    for (dataset, rate) in [("stl10", 1e-2), ("cifar10", 1e-3), ("tinyimagenet", 1e-3), ("folder:x", 1e-3)] {
        assert_eq!(PublishedProbe::of(dataset, 1, 1).learning_rate, rate, "{dataset}");
    }
}
