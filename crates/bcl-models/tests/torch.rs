//! torchvision's names, torchvision's features: fixtures of `scripts/make_model_fixtures.py`.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

#[path = "../../bcl-core/tests/common/device.rs"]
mod device;
#[path = "common/formula.rs"]
mod formula;

use bcl_models::{Arch, EncoderConfig, Model, ModelConfig, Precision, Statistics, Stem};
use device::device;
use formula::{fill, noise};
use serde_json::Value;
use std::collections::BTreeMap;
use tch::{Device, Kind, Tensor};

fn model(arch: Arch) -> Model {
    let encoder = EncoderConfig { arch, width: 64, stem: Stem::ImageNet, in_channels: 3 };
    let config = ModelConfig { encoder, hidden: 16, feature_dim: 8, precision: Precision::F32 };
    Model::new(&config, 0, device()).unwrap()
}

/// The encoder's tensors under torchvision's names.
fn encoder(model: &Model) -> BTreeMap<String, Tensor> {
    let named = model.named_tensors().into_iter();
    named.filter_map(|(name, tensor)| Some((name.strip_prefix("encoder.")?.to_owned(), tensor))).collect()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

/// Every seventh value, against the fixture, relative to its largest.
fn assert_close(tensor: &Tensor, wanted: &Value, what: &str) {
    let wanted = numbers(wanted);
    let ours: Vec<f64> =
        Vec::<f64>::try_from(tensor.to_device(Device::Cpu).to_kind(Kind::Double).flatten(0, -1)).unwrap();
    let ours: Vec<f64> = ours.into_iter().step_by(7).collect();
    assert_eq!(ours.len(), wanted.len(), "{what}");
    let scale = wanted.iter().fold(0.0f64, |high, x| high.max(x.abs()));
    let off = ours.iter().zip(&wanted).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    assert!(off < 1e-4 * scale, "{what}: off by {off} of {scale}");
}

#[test]
fn names_and_shapes_are_torchvisions() {
    let wanted: Value = serde_json::from_str(include_str!("fixtures/torchvision_names.json")).unwrap();
    for (arch, name) in
        [(Arch::ResNet18, "resnet18"), (Arch::ResNet34, "resnet34"), (Arch::ResNet50, "resnet50")]
    {
        let ours: BTreeMap<String, Vec<i64>> =
            encoder(&model(arch)).into_iter().map(|(name, tensor)| (name, tensor.size())).collect();
        let theirs: BTreeMap<String, Vec<i64>> = serde_json::from_value(wanted[name].clone()).unwrap();
        assert_eq!(ours, theirs, "{name}");
    }
}

#[test]
fn features_are_torchvisions() {
    let wanted: Value = serde_json::from_str(include_str!("fixtures/resnet_features.json")).unwrap();
    for (arch, name) in [(Arch::ResNet18, "resnet18"), (Arch::ResNet50, "resnet50")] {
        let model = model(arch);
        let tensors = encoder(&model);
        fill(&tensors);
        let images = noise(&[3, 3, 40, 40], 5).to_kind(Kind::Float);
        assert_close(&model.features(&images).unwrap(), &wanted[name]["evaluated"], "evaluated");
        assert_close(
            &model.forward(&images, Statistics::Batch).unwrap().features,
            &wanted[name]["trained"],
            "trained",
        );
        for statistic in ["running_mean", "running_var"] {
            assert_close(&tensors[&format!("layer4.1.bn2.{statistic}")], &wanted[name][statistic], statistic);
        }
    }
}
