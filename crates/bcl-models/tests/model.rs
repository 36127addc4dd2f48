//! Models: shapes, seeds, gradients, precision, batch statistics, errors.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

#[path = "../../bcl-core/tests/common/device.rs"]
mod device;

use bcl_models::{
    AdamConfig, Arch, EncoderConfig, Error, Model, ModelConfig, Optimizer, OptimizerConfig, Precision,
    Statistics, Stem,
};
use device::device;
use tch::{Device, Kind, Tensor};

fn config(arch: Arch, stem: Stem, precision: Precision) -> ModelConfig {
    let encoder = EncoderConfig { arch, width: 4, stem, in_channels: 3 };
    ModelConfig { encoder, hidden: 16, feature_dim: 8, precision }
}

fn small(precision: Precision, device: Device) -> Model {
    Model::new(&config(Arch::ResNet18, Stem::Cifar, precision), 7, device).unwrap()
}

fn images(count: i64, side: i64) -> Tensor {
    (Tensor::arange(count * 3 * side * side, (Kind::Float, Device::Cpu)) * 0.13)
        .sin()
        .view([count, 3, side, side])
}

#[test]
fn every_encoder_gives_features_and_unit_projections() {
    for arch in Arch::ALL {
        for stem in [Stem::Cifar, Stem::ImageNet, Stem::Compact] {
            let config = config(arch, stem, Precision::F32);
            let model = Model::new(&config, 0, device()).unwrap();
            let output = model.forward(&images(3, 32), Statistics::Batch).unwrap();
            assert_eq!(output.features.size(), [3, config.encoder.features_dim()], "{arch} {stem}");
            assert_eq!(output.z.size(), [3, 8]);
            let lengths = output.z.square().sum_dim_intlist([1i64].as_slice(), false, Kind::Float);
            assert!((lengths - 1.0).abs().max().double_value(&[]) < 1e-5);
        }
    }
}

#[test]
fn a_seed_names_the_weights() {
    let weights = |seed| {
        let model =
            Model::new(&config(Arch::ResNet10, Stem::Cifar, Precision::F32), seed, Device::Cpu).unwrap();
        model.named_tensors().into_iter().map(|(_, tensor)| tensor).collect::<Vec<_>>()
    };
    assert!(weights(1).iter().zip(weights(1)).all(|(a, b)| *a == b));
    assert!(weights(1).iter().zip(weights(2)).any(|(a, b)| *a != b));
    let hash = |seed| {
        Model::new(&config(Arch::ResNet10, Stem::Cifar, Precision::F32), seed, Device::Cpu)
            .unwrap()
            .encoder_hash()
            .unwrap()
    };
    assert_eq!(hash(1), hash(1));
    assert_ne!(hash(1), hash(2));
}

#[test]
fn gradients_reach_every_parameter_and_a_step_moves_them() {
    for device in [device()] {
        for precision in [Precision::F32, Precision::Tf32, Precision::Bf16] {
            let model = small(precision, device);
            let before: Vec<Tensor> =
                model.named_tensors().iter().map(|(_, tensor)| tensor.detach().copy()).collect();
            let mut adam = Optimizer::new(&model, OptimizerConfig::Adam(AdamConfig::default())).unwrap();
            for _ in 0..2 {
                let output = model.forward(&images(6, 16), Statistics::Batch).unwrap();
                adam.zero_grad(&model).unwrap();
                (output.z.get(0) * output.z.get(1)).sum(Kind::Float).backward();
                adam.step(&model).unwrap();
            }
            for ((name, tensor), old) in model.named_tensors().iter().zip(&before) {
                assert!(tensor.ne_tensor(old).any().int64_value(&[]) == 1, "{precision} {name} did not move");
                assert_eq!(tensor.kind(), Kind::Float, "weights and statistics stay f32");
                assert!(tensor.isfinite().all().int64_value(&[]) == 1);
            }
        }
    }
}

#[test]
fn gradients_of_one_step_do_not_leak_into_the_next() {
    let model = small(Precision::F32, device());
    let adam = || {
        Optimizer::new(&model, OptimizerConfig::Adam(AdamConfig { lr: 0.0, ..AdamConfig::default() }))
            .unwrap()
    };
    let gradient = |adam: &mut Optimizer| {
        adam.zero_grad(&model).unwrap();
        model.forward(&images(4, 16), Statistics::Batch).unwrap().z.get(0).sum(Kind::Float).backward();
        adam.step(&model).unwrap();
        model.named_tensors()[0].1.grad().copy()
    };
    let mut adam = adam();
    let first = gradient(&mut adam);
    assert!(first.abs().sum(Kind::Float).double_value(&[]) > 0.0);
    assert!(gradient(&mut adam).allclose(&first, 1e-4, 1e-7, false), "zeroed and made anew");
}

#[test]
fn bf16_stays_close_to_f32() {
    let (exact, fast) = (small(Precision::F32, device()), small(Precision::Bf16, device()));
    let features = |model: &Model| model.features(&images(8, 16)).unwrap();
    let (a, b) = (features(&exact), features(&fast));
    assert_eq!(b.kind(), Kind::Float);
    let cosine = (&a * &b).sum(Kind::Double).double_value(&[])
        / (a.norm().double_value(&[]) * b.norm().double_value(&[]));
    assert!(cosine > 0.999, "{cosine}");
}

#[test]
fn evaluation_leaves_the_encoder_alone_and_training_moves_its_statistics() {
    let model = small(Precision::F32, device());
    let before = model.encoder_hash().unwrap();
    let first = model.features(&images(4, 16)).unwrap();
    assert!(!first.requires_grad());
    assert_eq!(model.features(&images(4, 16)).unwrap(), first);
    assert_eq!(model.encoder_hash().unwrap(), before);
    let _ = model.forward(&images(4, 16), Statistics::Batch).unwrap();
    assert_ne!(model.encoder_hash().unwrap(), before);
}

#[test]
fn wrong_inputs_are_told() {
    let model = small(Precision::F32, device());
    let message = model.forward(&images(4, 16).narrow(1, 0, 1), Statistics::Batch).unwrap_err().to_string();
    assert_eq!(message, "encoder: expected N x 3 x H x W images, got shape [4, 1, 16, 16]");
    assert!(matches!(model.features(&images(4, 16).get(0)), Err(Error::Shape { .. })));
    let mut bad = config(Arch::ResNet18, Stem::Cifar, Precision::F32);
    bad.encoder.width = 0;
    assert!(Model::new(&bad, 0, Device::Cpu).unwrap_err().to_string().contains("width"));
    bad.encoder.width = 4;
    bad.feature_dim = 0;
    assert!(Model::new(&bad, 0, Device::Cpu).unwrap_err().to_string().contains("feature_dim"));
    assert!("resnet19".parse::<Arch>().unwrap_err().to_string().contains("resnet50"));
    assert!("tiny".parse::<Stem>().unwrap_err().to_string().contains("compact"));
    assert!("fp16".parse::<Precision>().unwrap_err().to_string().contains("bf16"));
}

#[test]
fn extremes_show_what_is_not_finite() {
    for device in [device()] {
        let encoder = EncoderConfig { arch: Arch::ResNet10, width: 8, stem: Stem::Compact, in_channels: 3 };
        let config = ModelConfig { encoder, hidden: 16, feature_dim: 8, precision: Precision::F32 };
        let model = Model::new(&config, 7, device).unwrap();
        let extremes = || Vec::<f32>::try_from(model.extremes().unwrap()).unwrap();
        assert_eq!(extremes()[0], 0.0, "no gradient yet");
        let z = model.forward(&images(4, 16), Statistics::Batch).unwrap().z;
        (z.slice(1, 0, 4, 1).sum(Kind::Float) * 1e30).backward();
        let (mut gradient, mut weight) = (0.0f64, 0.0f64);
        for (_, tensor) in model.named_tensors().iter().filter(|(_, tensor)| tensor.requires_grad()) {
            gradient = gradient.max(tensor.grad().abs().max().double_value(&[]));
            weight = weight.max(tensor.abs().max().double_value(&[]));
        }
        assert_eq!(extremes(), [gradient as f32, weight as f32]);
        assert!(gradient > 1e25, "squares would overflow");
        let (_, tensor) = model.named_tensors().remove(3);
        for value in [f64::NAN, f64::INFINITY] {
            let _guard = tch::no_grad_guard();
            let _ = tensor.shallow_clone().fill_(value);
            assert_eq!(extremes()[1].to_string(), (value as f32).to_string());
            assert!(extremes()[0].is_finite());
        }
    }
}
