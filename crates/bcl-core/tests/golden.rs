//! Values and gradients of the authors' code and of the exact forms, in f64; see golden/README.md.
#![allow(missing_docs, reason = "a test")]

mod common;

use bcl_core::{Batch, Compat, Estimator, LossConfig};
use common::{scalar, to_vec};
use serde_json::Value;
use tch::{Device, Tensor};

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

fn worst(ours: &[f64], golden: &[f64]) -> f64 {
    assert_eq!(ours.len(), golden.len());
    ours.iter().zip(golden).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

fn config(case: &Value, entry: &Value) -> LossConfig {
    let mut config = LossConfig::new(entry["loss"].as_str().unwrap().parse().unwrap());
    config.temperature = case["temperature"].as_f64().unwrap();
    config.tau_plus = entry["tau_plus"].as_f64().unwrap();
    let beta = entry["beta"].as_f64().unwrap();
    match config.estimator {
        Estimator::Hcl => config.hcl_beta = beta,
        Estimator::Bcl => (config.alpha, config.beta) = (entry["alpha"].as_f64().unwrap(), beta),
        _ => {}
    }
    config
}

fn check(device: Device) {
    let golden: Value = serde_json::from_str(include_str!("golden/loss_golden.json")).unwrap();
    let mut checked = 0;
    for case in golden["cases"].as_array().unwrap() {
        let shape = [case["batch_pairs"].as_i64().unwrap(), case["dim"].as_i64().unwrap()];
        let leaf = |name: &str| {
            Tensor::from_slice(&numbers(&case[name])).view(shape).to_device(device).set_requires_grad(true)
        };
        for entry in case["losses"].as_array().unwrap() {
            for (kind, compat, tolerance) in
                [("exact", Compat::Exact, 1e-9), ("reference", Compat::Reference, 1e-6)]
            {
                let (z1, z2) = (leaf("z1"), leaf("z2"));
                let loss = LossConfig { compat, ..config(case, entry) }.build().unwrap();
                let value = loss.forward(&z1, &z2).unwrap();
                value.backward();
                let wanted = &entry[kind];
                let off = [
                    (scalar(&value) - wanted["value"].as_f64().unwrap()).abs(),
                    worst(&to_vec(&z1.grad()), &numbers(&wanted["grad_z1"])),
                    worst(&to_vec(&z2.grad()), &numbers(&wanted["grad_z2"])),
                ];
                assert!(
                    off.iter().all(|off| *off < tolerance),
                    "{kind} {:?}: off by {off:?}",
                    config(case, entry)
                );
                if kind == "exact" && wanted["weights_row0"].is_array() {
                    let detailed = loss.forward_detailed(&Batch::two_views(&z1, &z2).unwrap()).unwrap();
                    let row = to_vec(&detailed.weighting.weights.unwrap().get(0));
                    assert!(worst(&row, &numbers(&wanted["weights_row0"])) < 1e-9);
                }
                checked += 1;
            }
        }
    }
    assert_eq!(checked, 4 * 14 * 2);
}

#[test]
fn values_gradients_and_weights_agree() {
    common::devices().into_iter().for_each(check);
}
