//! Optimizers, clipping, schedules and averages against torch's (fixtures of `scripts/make_model_fixtures.py`) and
//! against loops; state that goes on elsewhere as it would have gone on here.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

#[path = "../../bcl-core/tests/common/device.rs"]
mod device;
#[path = "common/formula.rs"]
mod formula;

use bcl_models::{
    AdamConfig, Arch, Checkpoint, Ema, EncoderConfig, LarsConfig, Model, ModelConfig, Optimizer,
    OptimizerConfig, Precision, Schedule, SgdConfig, Shape, Statistics, Stem, clip_gradients,
};
use device::device;
use serde_json::Value;
use std::collections::BTreeMap;
use tch::{Device, Kind, Tensor};

fn model(seed: u64, device: Device) -> Model {
    let encoder = EncoderConfig { arch: Arch::ResNet10, width: 2, stem: Stem::Compact, in_channels: 3 };
    let config = ModelConfig { encoder, hidden: 4, feature_dim: 4, precision: Precision::F32 };
    Model::new(&config, seed, device).unwrap()
}

fn every_optimizer() -> [OptimizerConfig; 6] {
    let adam = AdamConfig { lr: 1e-2, weight_decay: 1e-2, ..AdamConfig::default() };
    let sgd = SgdConfig { lr: 1e-1, weight_decay: 1e-2, momentum: 0.9, nesterov: false };
    let lars = LarsConfig { lr: 2.0, weight_decay: 1e-2, ..LarsConfig::default() };
    [
        OptimizerConfig::Adam(adam),
        OptimizerConfig::AdamW(adam),
        OptimizerConfig::Sgd(sgd),
        OptimizerConfig::Sgd(SgdConfig { nesterov: true, ..sgd }),
        OptimizerConfig::Lars(lars),
        OptimizerConfig::Lars(LarsConfig { nesterov: true, ..lars }),
    ]
}

fn noise(count: i64, k: i64) -> Tensor {
    formula::noise(&[count], k).to_kind(Kind::Float)
}

fn values(tensors: &[&Tensor]) -> Vec<f64> {
    let flat: Vec<Tensor> = tensors.iter().map(|tensor| tensor.detach().flatten(0, -1)).collect();
    Vec::<f64>::try_from(Tensor::cat(&flat, 0).to_kind(Kind::Double).to_device(Device::Cpu)).unwrap()
}

#[test]
fn every_optimizer_is_torchs() {
    let wanted: Value = serde_json::from_str(include_str!("fixtures/optimizers.json")).unwrap();
    let [adam, adamw, sgd, nesterov, lars, lars_nesterov] = every_optimizer();
    let plain = SgdConfig { lr: 1e-1, weight_decay: 1e-2, momentum: 0.0, nesterov: false };
    for (name, config, clip) in [
        ("adam", adam, None),
        ("adamw", adamw, None),
        ("sgd", sgd, None),
        ("sgd, nesterov", nesterov, None),
        ("sgd, no momentum, clipped", OptimizerConfig::Sgd(plain), Some(0.3)),
        ("lars", lars, None),
        ("lars, nesterov", lars_nesterov, None),
    ] {
        for device in [device()] {
            let model = model(0, device);
            let tensors: BTreeMap<String, Tensor> = model.named_tensors().into_iter().collect();
            let [conv, bias] = [&tensors["encoder.conv1.weight"], &tensors["encoder.bn1.bias"]];
            tch::no_grad(|| {
                conv.shallow_clone().copy_(&noise(54, 1).view([2, 3, 3, 3]));
                bias.shallow_clone().copy_(&noise(2, 2));
            });
            let mut optimizer = Optimizer::new(&model, config).unwrap();
            for (step, wanted) in wanted[name].as_array().unwrap().iter().enumerate() {
                optimizer.zero_grad(&model).unwrap();
                let loss = [conv, bias].into_iter().enumerate().map(|(k, parameter)| {
                    let fixed = noise(parameter.numel() as i64, (3 + 2 * step + k) as i64) * 0.1;
                    let gradient = fixed.view_as(parameter).to_device(device) + parameter.detach() * 0.05;
                    (parameter * gradient).sum(Kind::Float)
                });
                loss.sum::<Tensor>().backward();
                if let Some(norm) = clip {
                    let _ = clip_gradients(&model, norm).unwrap();
                }
                optimizer.step(&model).unwrap();
                let wanted: Vec<f64> =
                    wanted.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect();
                let ours = values(&[conv, bias]);
                assert_eq!(ours.len(), wanted.len());
                for (a, b) in ours.iter().zip(wanted) {
                    assert!((a - b).abs() < 1e-6, "{name}, step {step}: {a} {b}");
                }
            }
        }
    }
}

/// cuDNN reads no weights that begin elsewhere. A part of two channels is 8 bytes.
#[test]
fn parameters_gradients_and_statistics_begin_on_cache_lines() {
    let model = model(3, device());
    for config in every_optimizer() {
        train(&model, &mut Optimizer::new(&model, config).unwrap(), 0);
    }
    for (name, tensor) in model.named_tensors() {
        assert!((tensor.data_ptr() as usize).is_multiple_of(64), "{name}");
        let gradient = tensor.grad();
        assert!(
            !gradient.defined() || (gradient.data_ptr() as usize).is_multiple_of(64),
            "gradient of {name}"
        );
    }
    let counted: usize =
        model.named_tensors().iter().map(|(_, t)| if t.requires_grad() { t.numel() } else { 0 }).sum();
    assert_eq!(model.parameter_count(), counted);
}

#[test]
fn every_schedule_is_torchs() {
    let wanted: Value = serde_json::from_str(include_str!("fixtures/schedules.json")).unwrap();
    for (name, shape, warmup) in [
        ("cosine", Shape::Cosine, 0.0),
        ("cosine, warm-up of 2 epochs", Shape::Cosine, 2.0),
        ("step, each 3 epochs", Shape::Step { epochs: 3, factor: 0.1 }, 0.0),
        ("constant, warm-up of 2 epochs", Shape::Constant, 2.0),
    ] {
        let schedule = Schedule::new(shape, warmup, 10, 4).unwrap();
        for (step, wanted) in wanted[name].as_array().unwrap().iter().enumerate() {
            let (ours, wanted) = (schedule.factor(step as u64), wanted.as_f64().unwrap());
            assert!((ours - wanted).abs() < 1e-9, "{name}, step {step}: {ours} {wanted}");
        }
    }
}

/// A step of a made-up training; the gradients differ from step to step.
fn train(model: &Model, optimizer: &mut Optimizer, step: i64) {
    let images = noise(4 * 3 * 8 * 8, step).view([4, 3, 8, 8]).to_device(model.device());
    optimizer.zero_grad(model).unwrap();
    let z = model.forward(&images, Statistics::Batch).unwrap().z;
    (z.get(0) * z.get(1)).sum(Kind::Float).backward();
    let _ = clip_gradients(model, 0.5).unwrap();
    optimizer.step(model).unwrap();
}

/// Steps 0..4 of a training that is stopped before step `stop` and goes on from a file; its whole state at the end.
fn trained(config: OptimizerConfig, stop: Option<i64>) -> Vec<(String, Tensor)> {
    let mut parts = fresh(config, 1);
    for step in 0..4 {
        if stop == Some(step) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("state.safetensors");
            Checkpoint { tensors: state(&parts), ..Checkpoint::default() }.save(&path).unwrap();
            let checkpoint = Checkpoint::load(&path).unwrap();
            parts = fresh(config, 9);
            parts.0.load(&checkpoint).unwrap();
            parts.1.load(&checkpoint).unwrap();
            parts.2.load(&checkpoint).unwrap();
        }
        train(&parts.0, &mut parts.1, step);
        parts.2.update(&parts.0).unwrap();
    }
    assert_eq!(parts.1.steps(), 4);
    state(&parts)
}

fn fresh(config: OptimizerConfig, seed: u64) -> (Model, Optimizer, Ema) {
    let model = model(seed, Device::Cpu);
    let (optimizer, ema) = (Optimizer::new(&model, config).unwrap(), Ema::new(&model, 0.7).unwrap());
    (model, optimizer, ema)
}

fn state((model, optimizer, ema): &(Model, Optimizer, Ema)) -> Vec<(String, Tensor)> {
    let mut state = model.named_tensors();
    state.extend(optimizer.named_state().unwrap());
    state.extend(ema.named_state());
    state
}

#[test]
fn what_is_saved_at_any_step_goes_on_as_if_nothing_had_happened() {
    tch::set_num_threads(1); // the model is tiny
    for config in every_optimizer() {
        let through = trained(config, None);
        for stop in 0..4 {
            for ((name, a), (_, b)) in through.iter().zip(trained(config, Some(stop))) {
                assert_eq!(*a, b, "{config:?}: {name} after a stop before step {stop}");
            }
        }
    }
}

#[test]
fn the_state_of_another_optimizer_is_refused() {
    let model = model(0, Device::Cpu);
    let mut adam = Optimizer::new(&model, every_optimizer()[0]).unwrap();
    train(&model, &mut adam, 0);
    let sgd = Optimizer::new(&model, every_optimizer()[2]).unwrap();
    let checkpoint = Checkpoint { tensors: sgd.named_state().unwrap(), ..Checkpoint::default() };
    let message = adam.load(&checkpoint).unwrap_err().to_string();
    assert!(message.contains("adam.first_moment is missing") && message.contains("adam.steps"), "{message}");
    assert_eq!(adam.steps(), 1);
    let message = Ema::new(&model, 0.5).unwrap().load(&checkpoint).unwrap_err().to_string();
    assert!(message.contains("ema.encoder.conv1.weight is missing"), "{message}");
}

#[test]
fn clipping_leaves_short_gradients_alone_and_shortens_long_ones() {
    for device in [device()] {
        let model = model(0, device);
        let mut optimizer = Optimizer::new(&model, every_optimizer()[2]).unwrap();
        let named = model.named_tensors();
        let trained: Vec<&Tensor> =
            named.iter().map(|(_, tensor)| tensor).filter(|tensor| tensor.requires_grad()).collect();
        let squares = |trained: &[&Tensor]| {
            values(&trained.iter().map(|tensor| tensor.grad()).collect::<Vec<_>>().iter().collect::<Vec<_>>())
                .iter()
                .map(|value| value * value)
                .sum::<f64>()
        };
        optimizer.zero_grad(&model).unwrap();
        trained.iter().map(|tensor| (*tensor * 3.0).sum(Kind::Float)).sum::<Tensor>().backward();
        let length = (model.parameter_count() as f64 * 9.0).sqrt();
        let told = clip_gradients(&model, 2.0 * length).unwrap().double_value(&[]);
        assert!((told / length - 1.0).abs() < 1e-6, "{told} {length}");
        assert!((squares(&trained).sqrt() / length - 1.0).abs() < 1e-9, "left alone");
        let _ = clip_gradients(&model, 0.5).unwrap();
        assert!((squares(&trained).sqrt() - 0.5).abs() < 1e-6, "shortened");
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(clip_gradients(&model, bad).unwrap_err().to_string().contains("clip norm"));
        }
    }
}

#[test]
fn the_average_follows_weights_and_statistics() {
    let model = model(3, device());
    let mut optimizer = Optimizer::new(&model, every_optimizer()[0]).unwrap();
    let mut ema = Ema::new(&model, 0.75).unwrap();
    let all =
        |model: &Model| values(&model.named_tensors().iter().map(|(_, tensor)| tensor).collect::<Vec<_>>());
    let mut wanted = all(&model);
    for step in 0..5 {
        train(&model, &mut optimizer, step);
        ema.update(&model).unwrap();
        for (average, now) in wanted.iter_mut().zip(all(&model)) {
            *average = 0.75 * *average + 0.25 * now;
        }
    }
    let ours = all(ema.model());
    assert!(ours.iter().zip(&wanted).all(|(a, b)| (a - b).abs() < 1e-5));
    assert!(ours.iter().zip(all(&model)).any(|(a, b)| (a - b).abs() > 1e-4), "not the model itself");
    let checkpoint = Checkpoint { tensors: ema.named_state(), ..Checkpoint::default() };
    let mut scored = self::model(8, device());
    scored.load(&Ema::part_of(&checkpoint)).unwrap();
    assert_eq!(scored.encoder_hash().unwrap(), ema.model().encoder_hash().unwrap());
    for bad in [1.0, -0.1, f64::NAN] {
        assert!(Ema::new(&model, bad).unwrap_err().to_string().contains("ema"));
    }
}

#[test]
fn numbers_out_of_range_are_told() {
    let model = model(0, Device::Cpu);
    let (adam, sgd, lars) = (AdamConfig::default(), SgdConfig::default(), LarsConfig::default());
    for (bad, name) in [
        (OptimizerConfig::Adam(AdamConfig { lr: f64::NAN, ..adam }), "learning rate"),
        (OptimizerConfig::Adam(AdamConfig { beta1: 1.0, ..adam }), "beta1"),
        (OptimizerConfig::AdamW(AdamConfig { epsilon: f64::INFINITY, ..adam }), "epsilon"),
        (OptimizerConfig::Sgd(SgdConfig { weight_decay: -1.0, ..sgd }), "weight decay"),
        (OptimizerConfig::Sgd(SgdConfig { momentum: 0.0, nesterov: true, ..sgd }), "nesterov"),
        (OptimizerConfig::Lars(LarsConfig { trust: 0.0, ..lars }), "trust"),
        (OptimizerConfig::Lars(LarsConfig { momentum: f64::NAN, ..lars }), "momentum"),
    ] {
        let message = Optimizer::new(&model, bad).unwrap_err().to_string();
        assert!(message.contains(name), "{message}");
    }
    let mut optimizer = Optimizer::new(&model, OptimizerConfig::Sgd(sgd)).unwrap();
    assert!(optimizer.set_learning_rate(f64::NAN).is_err());
    assert_eq!(optimizer.learning_rate(), 1e-2, "the old one stays");
}
