//! Checkpoints: round trips, strictness, damage.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

use bcl_models::{Arch, Checkpoint, EncoderConfig, Error, Model, ModelConfig, Precision, Stem};
use std::collections::BTreeMap;
use std::fs;
use tch::{Device, Kind, Tensor};

fn model(width: i64, seed: u64) -> Model {
    let encoder = EncoderConfig { arch: Arch::ResNet10, width, stem: Stem::Compact, in_channels: 3 };
    let config = ModelConfig { encoder, hidden: 8, feature_dim: 4, precision: Precision::F32 };
    Model::new(&config, seed, Device::Cpu).unwrap()
}

fn checkpoint(model: &Model) -> Checkpoint {
    let metadata = BTreeMap::from([("epoch".to_owned(), "3 \"quoted\" ü".to_owned())]);
    Checkpoint { tensors: model.named_tensors(), metadata }
}

#[test]
fn a_model_comes_back_as_it_was_saved() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.safetensors");
    let (saved, mut other) = (model(4, 1), model(4, 2));
    assert_ne!(saved.encoder_hash().unwrap(), other.encoder_hash().unwrap());
    checkpoint(&saved).save(&path).unwrap();
    let loaded = Checkpoint::load(&path).unwrap();
    assert_eq!(loaded.metadata["epoch"], "3 \"quoted\" ü");
    other.load(&loaded).unwrap();
    assert!(saved.named_tensors().iter().zip(other.named_tensors()).all(|(a, b)| a.1 == b.1));
    assert_eq!(saved.encoder_hash().unwrap(), other.encoder_hash().unwrap());
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["a.safetensors"], "nothing partial is left");
}

#[test]
fn a_checkpoint_that_does_not_fit_changes_nothing() {
    let mut target = model(4, 1);
    let before = target.encoder_hash().unwrap();
    let message = target.load(&checkpoint(&model(8, 1))).unwrap_err().to_string();
    assert!(
        message.contains("encoder.conv1.weight: expected shape [4, 3, 3, 3], got [8, 3, 3, 3]"),
        "{message}"
    );
    let mut missing = checkpoint(&model(4, 2));
    missing.tensors.retain(|(name, _)| name != "head.3.bias");
    assert!(target.load(&missing).unwrap_err().to_string().contains("head.3.bias is missing"));
    let mut other_kind = checkpoint(&model(4, 2));
    other_kind.tensors[0].1 = Tensor::zeros([4, 3, 3, 3], (Kind::Int64, Device::Cpu));
    assert!(target.load(&other_kind).unwrap_err().to_string().contains("expected Float, got Int64"));
    assert_eq!(target.encoder_hash().unwrap(), before);
}

#[test]
fn damaged_files_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.safetensors");
    assert!(matches!(Checkpoint::load(&path), Err(Error::Io { .. })));
    checkpoint(&model(4, 1)).save(&path).unwrap();
    let whole = fs::read(&path).unwrap();
    let mut huge = whole.clone();
    huge[..8].copy_from_slice(&u64::MAX.to_le_bytes());
    for bytes in
        [&whole[..whole.len() - 1], &whole[..100], &whole[..7], b"", b"not a checkpoint at all", &huge]
    {
        fs::write(&path, bytes).unwrap();
        let message = Checkpoint::load(&path).unwrap_err().to_string();
        assert!(message.contains("a.safetensors") && message.contains("whole safetensors file"), "{message}");
    }
}

#[test]
fn a_changed_bit_anywhere_is_damage() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.safetensors");
    checkpoint(&model(2, 1)).save(&path).unwrap();
    let whole = fs::read(&path).unwrap();
    // Every seventh byte: header, metadata, tensors. Spaces that pad the header mean nothing, and a file whose checksum
    // has lost its name is as one from elsewhere.
    let name = whole.windows(6).position(|word| word == b"sha256").unwrap();
    let counts = |place: &usize| whole[*place] != b' ' && !(name..name + 6).contains(place);
    for place in (0..whole.len()).step_by(7).filter(counts) {
        let mut bytes = whole.clone();
        bytes[place] ^= 1;
        fs::write(&path, &bytes).unwrap();
        let error = Checkpoint::load(&path).map(|_| place).unwrap_err();
        assert!(matches!(error, Error::Damaged { .. }), "byte {place}: {error}");
    }
    // A file from elsewhere has no checksum.
    let tensors = [("a", Tensor::from_slice(&[1.0f32]))];
    Tensor::write_safetensors(&tensors, &path).unwrap();
    assert_eq!(Checkpoint::load(&path).unwrap().tensors.len(), 1);
}

#[test]
fn a_file_that_cannot_be_written_is_an_error_and_the_old_one_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.safetensors");
    checkpoint(&model(4, 1)).save(&path).unwrap();
    let before = fs::read(&path).unwrap();
    // A folder stands where the partial file would go.
    fs::create_dir(path.with_extension("partial")).unwrap();
    assert!(matches!(checkpoint(&model(4, 2)).save(&path), Err(Error::Io { .. })));
    assert_eq!(fs::read(&path).unwrap(), before);
    assert!(checkpoint(&model(4, 1)).save(&folder.path().join("nowhere/a.safetensors")).is_err());
}
