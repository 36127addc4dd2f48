//! Values that a fixture need not hold: the formula of `scripts/fixture_formula.py`.
#![allow(dead_code, unreachable_pub, missing_docs, reason = "shared by tests, each of which uses a part")]

use std::collections::BTreeMap;
use tch::{Device, Kind, Tensor};

/// Numbers in [-1, 1): f64, on the processor.
pub fn noise(shape: &[i64], k: i64) -> Tensor {
    let i = Tensor::arange(shape.iter().product::<i64>(), (Kind::Int64, Device::Cpu));
    let residue: Tensor = &i * &i * 31 + &i * 7919 + 613 * k;
    (residue.remainder(10007).to_kind(Kind::Double) / 10007.0 * 2.0 - 1.0).view(shape)
}

/// Sets every tensor of a model.
pub fn fill(tensors: &BTreeMap<String, Tensor>) {
    let _guard = tch::no_grad_guard();
    for (k, (name, tensor)) in tensors.iter().enumerate() {
        let values = noise(&tensor.size(), k as i64);
        let values = if name.ends_with("running_var") {
            values * 0.5 + 1.0
        } else if tensor.dim() > 1 {
            let fan_in: i64 = tensor.size()[1..].iter().product();
            values * (6.0 / fan_in as f64).sqrt()
        } else if name.ends_with("weight") {
            values * 0.3 + 1.0
        } else {
            values * 0.1
        };
        tensor.shallow_clone().copy_(&values);
    }
}
