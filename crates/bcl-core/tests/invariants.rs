//! Identities that hold whatever the batch, and gradients by finite differences.
#![allow(missing_docs, reason = "a test")]

mod common;

use bcl_core::{Batch, ContrastiveLoss, Estimator, LossConfig, Reduction, Rows};
use common::{configs, devices, embeddings, scalar, to_vec};
use tch::{Device, Kind, Tensor};

fn two_view_configs(temperature: f64) -> Vec<LossConfig> {
    configs(temperature).into_iter().filter(|config| config.estimator != Estimator::Oracle).collect()
}

fn bcl(alpha: f64, beta: f64, tau_plus: f64) -> Box<dyn ContrastiveLoss> {
    LossConfig { alpha, beta, tau_plus, ..LossConfig::new(Estimator::Bcl) }.build().unwrap()
}

#[test]
fn bcl_is_simclr_where_it_weighs_nothing() {
    let simclr = LossConfig::new(Estimator::SimClr).build().unwrap();
    for device in devices() {
        let (z1, z2) = (embeddings(16, 8, 1).to_device(device), embeddings(16, 8, 2).to_device(device));
        let wanted = scalar(&simclr.forward(&z1, &z2).unwrap());
        for loss in [bcl(0.5, 0.5, 0.1), bcl(0.8, 0.5, 0.0), bcl(1.0, 0.5, 0.0), bcl(0.7, 0.7, 0.5)] {
            let off = scalar(&loss.forward(&z1, &z2).unwrap()) - wanted;
            assert!(off.abs() < 1e-12, "{loss:?}: {off}");
        }
        // And only there.
        assert!((scalar(&bcl(0.8, 0.5, 0.1).forward(&z1, &z2).unwrap()) - wanted).abs() > 1e-3);
    }
}

#[test]
fn a_shift_of_all_scores_changes_nothing() {
    // DCL's and HCL's floor N exp(-1/t) is not shift-invariant; the others are.
    let shifted = |rows: &Rows, by: f64| Rows {
        positive: &rows.positive + by,
        negative: &rows.negative + by,
        same_class: None,
    };
    let rows = Batch::two_views(&embeddings(8, 4, 1), &embeddings(8, 4, 2)).unwrap().rows().unwrap();
    let per_anchor = |loss: &dyn ContrastiveLoss, rows: &Rows| {
        to_vec(&(loss.log_negatives(rows).unwrap() - &rows.positive / loss.temperature().get()))
    };
    for config in two_view_configs(0.5) {
        let loss = config.build().unwrap();
        if matches!(config.estimator, Estimator::SimClr | Estimator::Bcl) {
            let (here, there) =
                (per_anchor(loss.as_ref(), &rows), per_anchor(loss.as_ref(), &shifted(&rows, 0.25)));
            assert!(here.iter().zip(&there).all(|(a, b)| (a - b).abs() < 1e-9), "{config:?}");
        }
    }
}

#[test]
fn permuting_the_batch_permutes_the_gradient_and_swapping_views_changes_nothing() {
    let (z1, z2) = (embeddings(9, 5, 3), embeddings(9, 5, 4));
    let order = Tensor::from_slice(&[4i64, 0, 8, 2, 6, 1, 3, 5, 7]);
    let run = |loss: &dyn ContrastiveLoss, z1: &Tensor, z2: &Tensor| {
        let (z1, z2) = (z1.copy().set_requires_grad(true), z2.copy().set_requires_grad(true));
        let value = loss.forward(&z1, &z2).unwrap();
        value.backward();
        (scalar(&value), z1.grad(), z2.grad())
    };
    for config in two_view_configs(0.3) {
        let loss = config.build().unwrap();
        let (value, grad1, grad2) = run(loss.as_ref(), &z1, &z2);
        let (permuted, permuted1, _) =
            run(loss.as_ref(), &z1.index_select(0, &order), &z2.index_select(0, &order));
        assert!((value - permuted).abs() < 1e-12);
        assert!(permuted1.allclose(&grad1.index_select(0, &order), 1e-9, 1e-12, false));
        let (swapped, swapped1, swapped2) = run(loss.as_ref(), &z2, &z1);
        assert!((value - swapped).abs() < 1e-12);
        assert!(
            swapped1.allclose(&grad2, 1e-9, 1e-12, false) && swapped2.allclose(&grad1, 1e-9, 1e-12, false)
        );
    }
}

#[test]
fn tied_scores_get_one_weight() {
    let z = bcl_core::normalize(&Tensor::ones([4, 3], (Kind::Double, Device::Cpu))).unwrap();
    let detailed = bcl(0.9, 0.9, 0.1).forward_detailed(&Batch::two_views(&z, &z).unwrap()).unwrap();
    let weights = to_vec(&detailed.weighting.weights.unwrap());
    assert!(weights.iter().all(|w| (w - weights[0]).abs() < 1e-12));
    assert!(to_vec(&detailed.weighting.ranks.unwrap()).iter().all(|rank| *rank == 6.0));
    assert!(scalar(&detailed.per_anchor.sum(Kind::Double)).is_finite());
}

/// BCL's weights are held: they are constant between ties, so the quotient must not cross one.
#[test]
fn gradients_are_those_of_finite_differences() {
    let step = 1e-6;
    for (pairs, dim, temperature) in [(2, 3, 0.5), (5, 4, 0.1), (7, 6, 1.0)] {
        let (z1, z2) = (embeddings(pairs, dim, 11), embeddings(pairs, dim, 12));
        let labels = Tensor::from_slice(&(0..pairs).map(|i| i % 2).collect::<Vec<i64>>());
        for config in configs(temperature) {
            let loss = config.build().unwrap();
            let value = |z1: &Tensor| {
                let batch = Batch::two_views(z1, &z2).unwrap().with_labels(&labels).unwrap();
                loss.forward_batch(&batch, Reduction::Sum).unwrap()
            };
            let leaf = z1.copy().set_requires_grad(true);
            value(&leaf).backward();
            let gradient = to_vec(&leaf.grad());
            for (index, wanted) in gradient.iter().enumerate() {
                // The first formulation's weights follow the scores; the loss takes them as constants.
                if config.formulation == bcl_core::Formulation::VonMisesFisher {
                    continue;
                }
                let moved = |by: f64| {
                    let z = z1.copy();
                    let mut element = z.view([-1]).get(index as i64);
                    let _ = element.f_add_scalar_(by).unwrap();
                    scalar(&value(&z))
                };
                let quotient = (moved(step) - moved(-step)) / (2.0 * step);
                assert!(
                    (quotient - wanted).abs() < 1e-5 * (1.0 + wanted.abs()),
                    "{config:?} [{index}]: {quotient} {wanted}"
                );
            }
        }
    }
}

#[test]
fn the_gradient_composes_with_other_losses() {
    let (z1, z2) = (embeddings(6, 4, 1).set_requires_grad(true), embeddings(6, 4, 2));
    let loss = bcl(0.9, 0.9, 0.1);
    loss.forward(&z1, &z2).unwrap().backward();
    let alone = z1.grad().copy();
    let mut grad = z1.grad();
    let _ = grad.zero_();
    let other = z1.square().sum(Kind::Double);
    (loss.forward(&z1, &z2).unwrap() * 3.0 + other).backward();
    assert!(z1.grad().allclose(&(alone * 3.0 + z1.detach() * 2.0), 1e-9, 1e-12, false));
    assert!(!tch::no_grad(|| loss.forward(&z1, &z2).unwrap()).requires_grad());
}
