//! What is refused, and what the refusal says.
#![allow(missing_docs, reason = "a test")]

mod common;

use bcl_core::{Batch, ContrastiveLoss, Error, Estimator, InfoNce, LossConfig, Oracle, Reduction};
use common::embeddings;
use tch::{Device, Kind, Tensor};

fn message(result: bcl_core::Result<Batch>) -> String {
    result.unwrap_err().to_string()
}

#[test]
fn shapes_are_told() {
    let z = embeddings(4, 3, 1);
    assert_eq!(
        message(Batch::two_views(&z, &embeddings(5, 3, 1))),
        "two views: expected z2 of the shape of z1, [4, 3], got shape [5, 3]"
    );
    assert!(message(Batch::two_views(&embeddings(1, 3, 1), &embeddings(1, 3, 1))).contains("B >= 2"));
    assert!(message(Batch::two_views(&z.view([12]), &z.view([12]))).contains("2-D"));
    assert!(message(Batch::two_views(&z.view([2, 2, 3]), &z.view([2, 2, 3]))).contains("2-D"));
    assert!(message(Batch::two_views(&z.narrow(1, 0, 0), &z.narrow(1, 0, 0))).contains("2-D"));
    assert!(message(Batch::general(&z, &embeddings(3, 3, 1), &z)).contains("positives"));
    assert!(message(Batch::general(&z, &z, &embeddings(4, 2, 1))).contains("negatives N x 3"));
    assert!(message(Batch::general(&z, &z, &z.view([2, 2, 3]))).contains("4 x N x 3"));
}

#[test]
fn types_are_told() {
    let z = embeddings(4, 3, 1);
    assert!(matches!(Batch::two_views(&z, &z.to_kind(Kind::Float)), Err(Error::Dtype { .. })));
    assert!(matches!(
        Batch::two_views(&z.to_kind(Kind::Int64), &z.to_kind(Kind::Int64)),
        Err(Error::Dtype { .. })
    ));
    let floats = Tensor::from_slice(&[0.0, 1.0, 2.0, 3.0]);
    assert!(matches!(Batch::two_views(&z, &z).unwrap().with_labels(&floats), Err(Error::Dtype { .. })));
    assert!(matches!(bcl_core::rank::ranks(&z.to_kind(Kind::Half)), Err(Error::Dtype { .. })));
    assert!(matches!(bcl_core::rank::ranks(&z.view([12])), Err(Error::Shape { .. })));
}

#[test]
fn labels_are_checked() {
    let z = embeddings(4, 3, 1);
    let three = Tensor::from_slice(&[0i64, 1, 2]);
    assert!(message(Batch::two_views(&z, &z).unwrap().with_labels(&three)).contains("4 labels"));
    assert!(matches!(Oracle::new().forward(&z, &z), Err(Error::Labels { .. })));
    let general = || Batch::general(&z, &z, &embeddings(6, 3, 2)).unwrap();
    let (four, six) =
        (Tensor::zeros([4], (Kind::Int64, Device::Cpu)), Tensor::zeros([6], (Kind::Int64, Device::Cpu)));
    assert!(general().with_label_sets(&four, &six).is_ok());
    assert!(message(general().with_label_sets(&six, &six)).contains("4 anchor labels"));
    assert!(message(general().with_label_sets(&four, &four)).contains("[6]"));
    assert!(message(general().with_labels(&four)).contains("with_label_sets"));
}

#[test]
fn an_anchor_without_true_negatives_has_no_loss() {
    let z = embeddings(3, 4, 1).set_requires_grad(true);
    let same = Tensor::zeros([3], (Kind::Int64, Device::Cpu));
    let batch = Batch::two_views(&z, &embeddings(3, 4, 2)).unwrap().with_labels(&same).unwrap();
    let value = Oracle::new().forward_batch(&batch, Reduction::Mean).unwrap();
    value.backward();
    assert_eq!(common::scalar(&value), 0.0);
    assert!(common::to_vec(&z.grad()).iter().all(|g| *g == 0.0));
}

#[test]
fn devices_are_told() {
    for device in common::devices().into_iter().filter(|device| device.is_cuda()) {
        let z = embeddings(4, 3, 1);
        assert!(matches!(Batch::two_views(&z, &z.to_device(device)), Err(Error::Device { .. })));
    }
}

#[test]
fn parameters_are_checked_when_they_apply() {
    let bcl = LossConfig::new(Estimator::Bcl);
    for bad in [
        LossConfig { alpha: f64::NAN, ..bcl },
        LossConfig { alpha: 0.4, ..bcl },
        LossConfig { beta: 1.1, ..bcl },
        LossConfig { tau_plus: 1.0, ..bcl },
        LossConfig { temperature: 0.0, ..bcl },
        LossConfig { hcl_beta: -1.0, ..LossConfig::new(Estimator::Hcl) },
    ] {
        assert!(matches!(bad.build(), Err(Error::Parameter { .. })), "{bad:?}");
    }
    let corner = LossConfig { alpha: 1.0, beta: 1.0, ..bcl }.build().unwrap_err().to_string();
    assert!(corner.contains("alpha = beta = 1"), "{corner}");
    assert!(LossConfig { alpha: f64::NAN, ..LossConfig::new(Estimator::SimClr) }.build().is_ok());
    assert_eq!("dcl".parse::<Estimator>().unwrap(), Estimator::Dcl);
    let unknown = "NTXent".parse::<Estimator>().unwrap_err().to_string();
    assert!(unknown.contains("SimCLR, DCL, HCL, BCL or Oracle") && unknown.contains("NTXent"));
}

#[test]
fn one_loss_serves_batches_of_any_size() {
    let loss = LossConfig { alpha: 0.9, beta: 0.9, ..LossConfig::new(Estimator::Bcl) }.build().unwrap();
    let value =
        |pairs| common::scalar(&loss.forward(&embeddings(pairs, 3, 1), &embeddings(pairs, 3, 2)).unwrap());
    let (five, nine) = (value(5), value(9));
    // A device adds in another order each time.
    for (again, first) in [(value(5), five), (value(9), nine)] {
        assert!((again - first).abs() < 1e-6, "{again} {first}");
    }
    assert!(InfoNce::new().forward(&embeddings(2, 1, 1), &embeddings(2, 1, 2)).is_ok());
}
