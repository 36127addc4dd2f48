//! Weights from torch and for torch: checkpoints that `scripts/make_weight_fixtures.py` made, and files that do not fit.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

#[path = "common/formula.rs"]
mod formula;

use bcl_models::{
    Arch, Checkpoint, EncoderConfig, Model, ModelConfig, Names, Precision, Statistics, Stem, Weights,
};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tch::{Device, Kind, Tensor};

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/weights").join(name)
}

fn fixture(name: &str) -> Checkpoint {
    Checkpoint::load(&file(name)).unwrap()
}

fn model(arch: Arch, width: i64, stem: Stem, seed: u64) -> Model {
    let encoder = EncoderConfig { arch, width, stem, in_channels: 3 };
    let config = ModelConfig { encoder, hidden: 4, feature_dim: 4, precision: Precision::F32 };
    Model::new(&config, seed, Device::Cpu).unwrap()
}

/// A model of the authors' fixture's shape.
fn authors(seed: u64) -> Model {
    model(Arch::ResNet18, 2, Stem::Cifar, seed)
}

/// A model of torchvision's fixture's shape.
fn torchvisions(seed: u64) -> Model {
    model(Arch::ResNet50, 1, Stem::ImageNet, seed)
}

/// The script's images.
fn images() -> Tensor {
    formula::noise(&[4, 3, 16, 16], 5).to_kind(Kind::Float)
}

fn assert_computes(got: &Tensor, name: &str) {
    let wanted: Value =
        serde_json::from_str(&std::fs::read_to_string(file("features.json")).unwrap()).unwrap();
    let wanted: Vec<Vec<f32>> = serde_json::from_value(wanted[name].clone()).unwrap();
    let wanted = Tensor::from_slice2(&wanted);
    assert_eq!(got.size(), wanted.size(), "{name}");
    let (off, scale) = ((got - &wanted).abs().max(), wanted.abs().max());
    assert!(f64::try_from(off / scale).unwrap() < 1e-5, "{name}: {got} instead of {wanted}");
}

fn by_name(checkpoint: &Checkpoint) -> BTreeMap<&str, &Tensor> {
    checkpoint.tensors.iter().map(|(name, tensor)| (name.as_str(), tensor)).collect()
}

/// Whether `ours` are all the tensors of `theirs`, to the bit, but those whose names end with one of `without`.
fn assert_same(ours: &Checkpoint, theirs: &Checkpoint, without: &[&str]) {
    let mut theirs = by_name(theirs);
    theirs.retain(|name, _| !without.iter().any(|end| name.ends_with(end)));
    let ours = by_name(ours);
    assert!(ours.keys().eq(theirs.keys()), "{:?} instead of {:?}", ours.keys(), theirs.keys());
    assert!(ours.iter().all(|(name, tensor)| **tensor == *theirs[name]));
}

#[test]
fn the_authors_checkpoints_load_and_go_back() {
    let weights = Weights::of(fixture("authors.safetensors")).unwrap();
    assert_eq!((weights.names(), weights.head()), (Names::Authors, Some([4, 4])));
    assert!(weights.ignored().is_empty(), "counters are not worth a word");
    let mut model = authors(1);
    model.import(&weights).unwrap();
    assert_computes(&model.features(&images()).unwrap(), "authors");
    assert_computes(&model.forward(&images(), Statistics::Running).unwrap().z, "authors_z");
    assert_same(&model.export(Names::Authors), &fixture("authors.safetensors"), &["num_batches_tracked"]);
}

#[test]
fn torchvisions_state_dicts_load_and_go_back() {
    let weights = Weights::of(fixture("torchvision.safetensors")).unwrap();
    assert_eq!((weights.names(), weights.head()), (Names::Torchvision, None));
    assert_eq!(weights.ignored(), ["fc.bias", "fc.weight"]);
    let mut model = torchvisions(1);
    let head = |model: &Model| -> Vec<Tensor> {
        let named = model.named_tensors().into_iter();
        named.filter(|(name, _)| name.starts_with("head.")).map(|(_, tensor)| tensor.copy()).collect()
    };
    let before = head(&model);
    model.import(&weights).unwrap();
    assert!(head(&model) == before, "torchvision knows no head");
    assert_computes(&model.features(&images()).unwrap(), "torchvision");
    let without = ["num_batches_tracked", "fc.bias", "fc.weight"];
    assert_same(&model.export(Names::Torchvision), &fixture("torchvision.safetensors"), &without);
}

#[test]
fn every_name_leads_back_through_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.safetensors");
    let (from, mut to) = (authors(1), authors(2));
    for names in Names::ALL {
        from.export(names).save(&path).unwrap();
        let weights = Weights::of(Checkpoint::load(&path).unwrap()).unwrap();
        assert_eq!(weights.names(), names);
        to.import(&weights).unwrap();
        assert_eq!(from.encoder_hash().unwrap(), to.encoder_hash().unwrap());
        assert_eq!(names.to_string().parse::<Names>().unwrap(), names);
        to = authors(3);
    }
    assert!("moco".parse::<Names>().unwrap_err().to_string().contains("own, torchvision or authors"));
}

#[test]
fn what_does_not_fit_is_told_under_the_files_names_and_changes_nothing() {
    let mut model = authors(1);
    let before = model.encoder_hash().unwrap();
    let mut refuse = |change: &dyn Fn(&mut Checkpoint)| {
        let mut checkpoint = fixture("authors.safetensors");
        change(&mut checkpoint);
        let message =
            Weights::of(checkpoint).and_then(|weights| model.import(&weights)).unwrap_err().to_string();
        assert_eq!(model.encoder_hash().unwrap(), before);
        message
    };
    let without = |end: &'static str| {
        move |checkpoint: &mut Checkpoint| checkpoint.tensors.retain(|(name, _)| !name.ends_with(end))
    };
    assert!(refuse(&without("f.3.1.bn2.bias")).contains("module.f.3.1.bn2.bias is missing"));
    assert!(refuse(&without("g.1.weight")).contains("module.g.1.weight is missing"));
    let extra = Tensor::zeros([2], (Kind::Float, Device::Cpu));
    let message = refuse(&|checkpoint| {
        checkpoint.tensors.push(("module.f.3.2.bn1.bias".into(), extra.shallow_clone()));
    });
    assert!(message.contains("module.f.3.2.bn1.bias is unexpected"), "{message}");
    let message = refuse(&|checkpoint| {
        let conv = checkpoint.tensors.iter_mut().find(|(name, _)| name == "module.f.0.weight").unwrap();
        conv.1 = Tensor::zeros([2, 3, 7, 7], (Kind::Float, Device::Cpu));
    });
    assert!(
        message.contains("module.f.0.weight: expected shape [2, 3, 3, 3], got [2, 3, 7, 7]"),
        "{message}"
    );
    let message = refuse(&|checkpoint| {
        let conv = checkpoint.tensors.iter_mut().find(|(name, _)| name == "module.f.1.bias").unwrap();
        conv.1 = Tensor::zeros([2], (Kind::Int64, Device::Cpu));
    });
    assert!(message.contains("module.f.1.bias: expected Float, got Int64"), "{message}");
    let message =
        refuse(&|checkpoint| checkpoint.tensors = vec![("backbone.weight".into(), extra.shallow_clone())]);
    assert!(message.contains("(f.0.weight), got 1 tensors named backbone.weight"), "{message}");
    assert!(refuse(&|checkpoint| checkpoint.tensors.clear()).contains("got 0 tensors"));
}

#[test]
fn another_architecture_is_told_in_a_few_lines() {
    let weights = Weights::of(fixture("torchvision.safetensors")).unwrap();
    let message = model(Arch::ResNet18, 1, Stem::ImageNet, 1).import(&weights).unwrap_err().to_string();
    assert!(message.contains("layer1.0.bn3.bias is unexpected"), "{message}");
    assert!(message.contains("more like this") && message.len() < 2000, "{} bytes: {message}", message.len());
}

#[test]
fn other_widths_of_floats_become_f32_and_archives_of_torch_are_known() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.safetensors");
    let exact = Tensor::from_slice(&[1.5f32, -0.25, 3.0]);
    for kind in [Kind::Half, Kind::BFloat16, Kind::Double] {
        Tensor::write_safetensors(&[("a", exact.to_kind(kind))], &path).unwrap();
        let loaded = Checkpoint::load(&path).unwrap();
        assert!(loaded.tensors[0].1 == exact && loaded.tensors[0].1.kind() == Kind::Float);
    }
    std::fs::write(&path, b"PK\x03\x04 and so on").unwrap();
    assert!(Checkpoint::load(&path).unwrap_err().to_string().contains("convert_weights.py"));
}
