//! Three steps of training are those of torchvision and PyTorch: features, projections, losses, gradients, weights and running
//! statistics, against the fixture of `scripts/make_training_fixture.py`.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

#[path = "../../bcl-core/tests/common/device.rs"]
mod device;
#[path = "../../bcl-models/tests/common/formula.rs"]
mod formula;

use bcl_core::{Estimator, LossConfig};
use bcl_models::{
    AdamConfig, Arch, EncoderConfig, Model, ModelConfig, Optimizer, OptimizerConfig, Precision, Statistics,
    Stem,
};
use device::device;
use formula::{fill, noise};
use std::collections::BTreeMap;
use tch::{Device, Kind, Tensor};

/// What two numbers may differ by: the tensors' root mean square is 1 then.
const MOST: f64 = 1e-4;

#[derive(serde::Deserialize)]
struct Case {
    arch: String,
    stem: String,
    estimator: String,
    pairs: i64,
    side: i64,
    /// Names the images.
    k: i64,
    /// What the scales of the residual branches' last batch normalisation are multiplied by.
    branch: f64,
    /// Adam's epsilon.
    eps: f64,
    losses: Vec<f64>,
    tensors: BTreeMap<String, [f64; 2]>,
}

/// The root mean square, and the product with a vector of the formula.
fn sketch(tensor: &Tensor) -> [f64; 2] {
    let flat = tensor.detach().to_device(Device::Cpu).to_kind(Kind::Double).flatten(0, -1);
    let count = flat.numel() as i64;
    [flat.square().mean(Kind::Double).sqrt(), flat.dot(&noise(&[count], 1)) / (count as f64).sqrt()]
        .map(|value| value.double_value(&[]))
}

/// The names of what is off, and by how much.
fn differences(case: &Case) -> Vec<String> {
    let arch = if case.arch == "resnet50" { Arch::ResNet50 } else { Arch::ResNet18 };
    let stem = if case.stem == "cifar" { Stem::Cifar } else { Stem::ImageNet };
    let config = ModelConfig {
        encoder: EncoderConfig { arch, width: 4, stem, in_channels: 3 },
        hidden: 16,
        feature_dim: 8,
        precision: Precision::F32,
    };
    let model = Model::new(&config, 0, device()).unwrap();
    let tensors: BTreeMap<String, Tensor> = model.named_tensors().into_iter().collect();
    fill(&tensors);
    tch::no_grad(|| {
        for (name, tensor) in &tensors {
            if name.ends_with("bn3.weight") {
                let _ = tensor.shallow_clone().g_mul_scalar_(case.branch);
            }
        }
    });
    let estimator: Estimator = case.estimator.parse().unwrap();
    let loss =
        LossConfig { alpha: 0.9, beta: 0.9, tau_plus: 0.1, temperature: 0.5, ..LossConfig::new(estimator) };
    let loss = loss.build().unwrap();
    let adam = AdamConfig { lr: 1e-3, weight_decay: 1e-6, epsilon: case.eps, ..AdamConfig::default() };
    let mut optimizer = Optimizer::new(&model, OptimizerConfig::Adam(adam)).unwrap();
    let images =
        noise(&[2, case.pairs, 3, case.side, case.side], case.k).to_kind(Kind::Float).to_device(device());

    let (mut losses, mut ours) = (Vec::new(), BTreeMap::new());
    for step in 0..case.losses.len() {
        optimizer.zero_grad(&model).unwrap();
        let views = [0, 1].map(|view| model.forward(&images.get(view), Statistics::Batch).unwrap());
        let value = loss.forward(&views[0].z, &views[1].z).unwrap();
        value.backward();
        losses.push(value.double_value(&[]));
        if step == 0 {
            for (k, view) in views.iter().enumerate() {
                ours.insert(format!("features {k}"), sketch(&view.features));
                ours.insert(format!("z {k}"), sketch(&view.z));
            }
            for (name, parameter) in tensors.iter().filter(|(_, tensor)| tensor.requires_grad()) {
                ours.insert(format!("gradient of {name}"), sketch(&parameter.grad()));
            }
        }
        optimizer.step(&model).unwrap();
    }
    ours.extend(tensors.iter().map(|(name, tensor)| (format!("{name} after"), sketch(tensor))));

    assert_eq!(ours.keys().collect::<Vec<_>>(), case.tensors.keys().collect::<Vec<_>>());
    let of_losses =
        losses.iter().zip(&case.losses).map(|(ours, theirs)| ("loss".to_owned(), (ours - theirs) / theirs));
    let of_tensors = ours.iter().flat_map(|(name, ours)| {
        let theirs = case.tensors[name];
        [0, 1].map(|i| (name.clone(), (ours[i] - theirs[i]) / theirs[0]))
    });
    let off = of_losses.chain(of_tensors).filter(|(_, off)| off.is_nan() || off.abs() > MOST);
    off.map(|(name, off)| format!("{name}: {off:.1e}")).collect()
}

#[test]
fn three_steps_are_pytorchs() {
    tch::set_num_threads(1);
    let cases: Vec<Case> = serde_json::from_str(include_str!("fixtures/training.json")).unwrap();
    assert_eq!(cases.len(), 4);
    for case in &cases {
        let off = differences(case);
        assert!(off.is_empty(), "{} {} {}: {off:#?}", case.arch, case.stem, case.estimator);
    }
}
