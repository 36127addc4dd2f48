//! `bcl-exp loss` through files: golden values and gradients, precisions, and what is refused.
#![allow(missing_docs, reason = "a test")]

mod common;

use common::{refused, run, succeeded};
use serde_json::Value;
use std::path::Path;
use tch::{Kind, Tensor};

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

fn save(path: &Path, tensors: &[(&str, Tensor)]) {
    Tensor::write_safetensors(tensors, path).unwrap();
}

fn value_of(json: &str) -> f64 {
    assert_eq!(json.trim().lines().count(), 1, "one JSON object on one line: {json}");
    serde_json::from_str::<Value>(json).unwrap()["value"].as_f64().unwrap()
}

fn pair(folder: &Path, kind: Kind) {
    let z = |seed: f64| {
        bcl_core::normalize(&(Tensor::arange(24, (Kind::Double, tch::Device::Cpu)) * seed).sin().view([6, 4]))
            .unwrap()
    };
    save(&folder.join("z.safetensors"), &[("z1", z(1.3).to_kind(kind)), ("z2", z(2.1).to_kind(kind))]);
}

#[test]
fn golden_values_and_gradients_come_through_files() {
    let golden: Value =
        serde_json::from_str(include_str!("../../bcl-core/tests/golden/loss_golden.json")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let case = &golden["cases"][0];
    let shape = [case["batch_pairs"].as_i64().unwrap(), case["dim"].as_i64().unwrap()];
    let z = |name: &str| Tensor::from_slice(&numbers(&case[name])).view(shape);
    save(&folder.path().join("z.safetensors"), &[("z1", z("z1")), ("z2", z("z2"))]);
    for entry in case["losses"].as_array().unwrap() {
        for (compat, tolerance) in [("exact", 1e-9), ("reference", 1e-6)] {
            let number = |name: &str| entry[name].as_f64().unwrap_or_default().to_string();
            let mut args: Vec<String> =
                ["loss", "z.safetensors", "--compat", compat, "--grad-out", "g.safetensors"]
                    .map(String::from)
                    .into();
            args.push(format!("--estimator={}", entry["loss"].as_str().unwrap()));
            args.push(format!("--temperature={}", case["temperature"]));
            args.push(format!("--tau-plus={}", number("tau_plus")));
            match entry["loss"].as_str().unwrap() {
                "HCL" => args.push(format!("--hcl-beta={}", number("beta"))),
                "BCL" => args
                    .extend([format!("--alpha={}", number("alpha")), format!("--beta={}", number("beta"))]),
                _ => {}
            }
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            let value = value_of(&succeeded(&run(folder.path(), &args)));
            let wanted = &entry[compat];
            assert!((value - wanted["value"].as_f64().unwrap()).abs() < tolerance, "{args:?}");
            let gradients = Tensor::read_safetensors(folder.path().join("g.safetensors")).unwrap();
            for name in ["grad_z1", "grad_z2"] {
                let (_, ours) = gradients.iter().find(|(found, _)| found == name).unwrap();
                assert_eq!((ours.size(), ours.kind()), (shape.to_vec(), Kind::Double));
                let off = (ours.flatten(0, -1) - Tensor::from_slice(&numbers(&wanted[name]))).abs().max();
                assert!(off.double_value(&[]) < tolerance, "{name} {args:?}");
            }
        }
    }
}

#[test]
fn every_precision_is_computed_in_its_own_or_better() {
    let folder = tempfile::tempdir().unwrap();
    let args = ["loss", "z.safetensors", "--alpha", "0.9", "--beta", "0.9"];
    let mut values = Vec::new();
    for (kind, name) in
        [(Kind::Double, "f64"), (Kind::Float, "f32"), (Kind::BFloat16, "bf16"), (Kind::Half, "f16")]
    {
        pair(folder.path(), kind);
        let json = succeeded(&run(folder.path(), &args));
        assert!(json.contains(&format!("\"dtype\":\"{name}\"")), "{json}");
        values.push(value_of(&json));
    }
    assert!((values[0] - values[1]).abs() < 1e-6, "{values:?}");
    assert!((values[0] - values[2]).abs() < 0.02 && (values[0] - values[3]).abs() < 0.005, "{values:?}");
}

#[test]
fn oracle_needs_labels_and_uses_them() {
    let folder = tempfile::tempdir().unwrap();
    pair(folder.path(), Kind::Double);
    let args = ["loss", "z.safetensors", "--estimator", "Oracle"];
    assert!(refused(folder.path(), &args).contains("Oracle needs a tensor named labels"));
    let mut tensors = Tensor::read_safetensors(folder.path().join("z.safetensors")).unwrap();
    let simclr =
        value_of(&succeeded(&run(folder.path(), &["loss", "z.safetensors", "--estimator", "simclr"])));
    let mut with = |labels: &[i64]| {
        tensors.retain(|(name, _)| name != "labels");
        tensors.push(("labels".into(), Tensor::from_slice(labels)));
        Tensor::write_safetensors(&tensors, folder.path().join("z.safetensors")).unwrap();
        value_of(&succeeded(&run(folder.path(), &args)))
    };
    let apart = with(&[0, 1, 2, 3, 4, 5]);
    assert!((apart - simclr).abs() < 1e-12, "no false negatives: Oracle is SimCLR");
    assert!(with(&[0, 0, 1, 1, 2, 2]) != apart);
}

#[test]
fn unusable_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let bcl = |file: &str| refused(folder.path(), &["loss", file, "--alpha", "0.9", "--beta", "0.9"]);
    assert!(bcl("none.safetensors").contains("none.safetensors: no such file"));
    pair(folder.path(), Kind::Double);
    let whole = std::fs::read(folder.path().join("z.safetensors")).unwrap();
    let mut huge = whole.clone();
    huge[..8].copy_from_slice(&u64::MAX.to_le_bytes());
    let longer = [&whole[..], &[0; 9]].concat();
    for bytes in [&[][..], &[0xFF; 100], &whole[..7], &whole[..60], &whole[..whole.len() - 1], &huge, &longer]
    {
        std::fs::write(folder.path().join("bad.safetensors"), bytes).unwrap();
        let message = bcl("bad.safetensors");
        assert!(message.contains("expected a safetensors file"), "{message}");
    }
    let z = || Tensor::ones([4, 3], (Kind::Float, tch::Device::Cpu));
    for (tensors, part) in [
        (vec![("a", z()), ("b", z())], "expected tensors z1 and z2, got a, b"),
        (vec![("z1", z()), ("z2", z().narrow(0, 0, 3).contiguous())], "expected"),
        (vec![("z1", z()), ("z2", z().narrow(1, 0, 2).contiguous())], "expected"),
        (vec![("z1", z().narrow(0, 0, 1).contiguous()), ("z2", z().narrow(0, 0, 1).contiguous())], "2"),
        (vec![("z1", z().view([2, 2, 3])), ("z2", z().view([2, 2, 3]))], "expected"),
        (vec![("z1", z()), ("z2", z().to_kind(Kind::Double))], "got double"),
        (
            vec![("z1", z().to_kind(Kind::Int64)), ("z2", z().to_kind(Kind::Int64))],
            "expected f32 or f64, got i64",
        ),
    ] {
        save(&folder.path().join("odd.safetensors"), &tensors);
        let message = bcl("odd.safetensors");
        assert!(message.to_lowercase().contains(part), "{part}: {message}");
    }
    pair(folder.path(), Kind::Float);
    let out = refused(
        folder.path(),
        &["loss", "z.safetensors", "--estimator", "DCL", "--grad-out", "no/such/g.safetensors"],
    );
    assert!(out.contains("no/such/g.safetensors"), "{out}");
}

#[test]
fn unusable_parameters_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    pair(folder.path(), Kind::Float);
    for (args, part) in [
        (&["--alpha", "0.9"][..], "needs beta"),
        (&["--beta", "0.9"], "needs alpha"),
        (&["--alpha", "1", "--beta", "1"], "alpha"),
        (&["--alpha", "0.2", "--beta", "0.5"], "alpha"),
        (&["--alpha", "nan", "--beta", "0.5"], "alpha"),
        (&["--alpha", "0.9", "--beta", "0.9", "--temperature=-1"], "temperature"),
        (
            &["--alpha", "0.9", "--beta", "0.9", "--compat", "close"],
            "expected exact or reference, got \"close\"",
        ),
        (&["--estimator", "HCL", "--hcl-beta=-1"], "hcl"),
        (&["--estimator", "Decoupled"], "Decoupled"),
        (&["--estimator", "DCL", "--tau-plus", "1"], "tau"),
        (&["--alhpa", "0.9"], "--alpha"),
    ] {
        let message = refused(folder.path(), &[&["loss", "z.safetensors"], args].concat());
        assert!(message.to_lowercase().contains(&part.to_lowercase()), "{args:?}: {message}");
    }
}
