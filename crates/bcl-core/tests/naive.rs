//! Every estimator against plain loops: random, tied, extreme and tiny batches; types; detailed results.
#![allow(missing_docs, reason = "a test")]

mod common;

use bcl_core::{Batch, Estimator, LossConfig, Reduction, normalize};
use common::{configs, devices, embeddings, naive, naive_weights, scalar, to_vec};
use proptest::prelude::*;
use tch::{Device, Kind, Tensor};

fn labels(pairs: i64) -> Vec<i64> {
    (0..pairs).map(|i| i % 3).collect()
}

fn per_anchor(config: &LossConfig, z1: &Tensor, z2: &Tensor) -> Vec<f64> {
    let labels = Tensor::from_slice(&labels(z1.size()[0]));
    let batch = Batch::two_views(z1, z2).unwrap().with_labels(&labels).unwrap();
    to_vec(&config.build().unwrap().forward_batch(&batch, Reduction::None).unwrap())
}

fn assert_close(ours: &[f64], wanted: &[f64], tolerance: f64, what: &LossConfig) {
    assert_eq!(ours.len(), wanted.len());
    for (a, b) in ours.iter().zip(wanted) {
        assert!((a - b).abs() <= tolerance * (1.0 + b.abs()), "{what:?}: expected {b}, got {a}");
    }
}

/// Batches that have gone wrong for somebody: ties, collapse, opposite views, two pairs.
fn awkward() -> Vec<(Tensor, Tensor)> {
    let z = embeddings(6, 5, 7);
    let repeated = Tensor::cat(&[&z.narrow(0, 0, 3), &z.narrow(0, 0, 3)], 0);
    let collapsed = normalize(&Tensor::ones([6, 5], (Kind::Double, Device::Cpu))).unwrap();
    vec![
        (embeddings(2, 3, 1), embeddings(2, 3, 2)),
        (embeddings(2, 1, 1), embeddings(2, 1, 2)),
        (repeated.shallow_clone(), repeated.shallow_clone()),
        (collapsed.shallow_clone(), collapsed.shallow_clone()),
        (collapsed.shallow_clone(), -&collapsed),
        (z.shallow_clone(), -&z),
        (z.shallow_clone(), z),
    ]
}

#[test]
fn awkward_batches_agree_at_every_temperature() {
    for device in devices() {
        for (z1, z2) in awkward() {
            for temperature in [0.01, 0.07, 0.5, 5.0] {
                for config in configs(temperature) {
                    let wanted = naive(&config, &z1, &z2, &labels(z1.size()[0]));
                    // 1 - exp(d) cancels where DCL's and HCL's two terms are nearly equal: compare where it is sound.
                    let tolerance =
                        if matches!(config.estimator, Estimator::Dcl | Estimator::Hcl) { 1e-6 } else { 1e-9 };
                    let ours = per_anchor(&config, &z1.to_device(device), &z2.to_device(device));
                    assert!(ours.iter().all(|value| value.is_finite()), "{config:?}: {ours:?}");
                    if wanted.iter().all(|value| value.is_finite()) {
                        assert_close(&ours, &wanted, tolerance, &config);
                    }
                }
            }
        }
    }
}

#[test]
fn values_and_gradients_are_finite_in_every_type() {
    for device in devices() {
        for (z1, z2) in awkward() {
            for kind in [Kind::Double, Kind::Float, Kind::BFloat16, Kind::Half] {
                for config in configs(0.01) {
                    let leaf = |z: &Tensor| {
                        z.to_device(device).to_kind(kind).detach().copy().set_requires_grad(true)
                    };
                    let (a, b) = (leaf(&z1), leaf(&z2));
                    let labels = Tensor::from_slice(&labels(a.size()[0]));
                    let batch = Batch::two_views(&a, &b).unwrap().with_labels(&labels).unwrap();
                    let value = config.build().unwrap().forward_batch(&batch, Reduction::Mean).unwrap();
                    value.backward();
                    assert!(scalar(&value).is_finite(), "{config:?} {kind:?}");
                    for grad in [a.grad(), b.grad()] {
                        assert_eq!(grad.kind(), kind);
                        assert!(to_vec(&grad).iter().all(|g| g.is_finite()), "{config:?} {kind:?}");
                    }
                }
            }
        }
    }
}

#[test]
fn lower_precision_stays_close_to_f64() {
    let (z1, z2) = (embeddings(32, 16, 3), embeddings(32, 16, 4));
    for (kind, tolerance) in [(Kind::Float, 1e-5), (Kind::BFloat16, 0.03), (Kind::Half, 0.01)] {
        for config in configs(0.5) {
            let exact = per_anchor(&config, &z1, &z2).iter().sum::<f64>() / 64.0;
            let ours = per_anchor(&config, &z1.to_kind(kind), &z2.to_kind(kind)).iter().sum::<f64>() / 64.0;
            assert!((ours - exact).abs() < tolerance, "{config:?} {kind:?}: {exact} {ours}");
        }
    }
}

#[test]
fn reductions_are_of_the_same_values() {
    let (z1, z2) = (embeddings(5, 4, 1), embeddings(5, 4, 2));
    for config in configs(0.5).into_iter().filter(|config| config.estimator != Estimator::Oracle) {
        let loss = config.build().unwrap();
        let reduced =
            |reduction| loss.forward_batch(&Batch::two_views(&z1, &z2).unwrap(), reduction).unwrap();
        let each = to_vec(&reduced(Reduction::None));
        assert_eq!(each.len(), 10);
        assert!((scalar(&reduced(Reduction::Sum)) - each.iter().sum::<f64>()).abs() < 1e-12);
        assert!((scalar(&reduced(Reduction::Mean)) - each.iter().sum::<f64>() / 10.0).abs() < 1e-12);
        assert!((scalar(&loss.forward(&z1, &z2).unwrap()) - scalar(&reduced(Reduction::Mean))).abs() < 1e-12);
    }
}

#[test]
fn the_general_form_equals_two_views_fed_the_same_rows() {
    let (z1, z2) = (embeddings(4, 6, 5), embeddings(4, 6, 6));
    let z = Tensor::cat(&[&z1, &z2], 0);
    let partners = Tensor::cat(&[&z2, &z1], 0);
    let rows: Vec<Tensor> = (0..8)
        .map(|i| {
            let keep: Vec<i64> = (0..8).filter(|&j| j != i && j != (i + 4) % 8).collect();
            z.index_select(0, &Tensor::from_slice(&keep))
        })
        .collect();
    let negatives = Tensor::stack(&rows, 0); // 8 x 6 x 6
    let anchor_labels = Tensor::from_slice(&[0i64, 1, 2, 0, 0, 1, 2, 0]);
    let negative_labels = Tensor::stack(
        &(0..8)
            .map(|i| {
                let keep: Vec<i64> = (0..8).filter(|&j| j != i && j != (i + 4) % 8).collect();
                anchor_labels.index_select(0, &Tensor::from_slice(&keep))
            })
            .collect::<Vec<_>>(),
        0,
    );
    for config in configs(0.3) {
        let general = Batch::general(&z, &partners, &negatives)
            .unwrap()
            .with_label_sets(&anchor_labels, &negative_labels)
            .unwrap();
        let ours = to_vec(&config.build().unwrap().forward_batch(&general, Reduction::None).unwrap());
        let wanted = naive(&config, &z1, &z2, &[0, 1, 2, 0]);
        assert_close(&ours, &wanted, 1e-9, &config);
    }
}

#[test]
fn a_queue_is_shared_by_all_anchors() {
    let (anchors, positives, queue) = (embeddings(3, 4, 1), embeddings(3, 4, 2), embeddings(9, 4, 3));
    let repeated = queue.unsqueeze(0).repeat([3, 1, 1]);
    for config in configs(0.2).into_iter().filter(|config| config.estimator != Estimator::Oracle) {
        let loss = config.build().unwrap();
        let value = |negatives: &Tensor| {
            let batch = Batch::general(&anchors, &positives, negatives).unwrap();
            to_vec(&loss.forward_batch(&batch, Reduction::None).unwrap())
        };
        assert_close(&value(&queue), &value(&repeated), 1e-12, &config);
    }
}

#[test]
fn the_detailed_form_tells_weights_ranks_and_posterior() {
    let (z1, z2) = (embeddings(5, 3, 8), embeddings(5, 3, 9));
    for config in configs(0.5).into_iter().filter(|config| config.estimator == Estimator::Bcl) {
        let batch = Batch::two_views(&z1, &z2).unwrap();
        let detailed = config.build().unwrap().forward_detailed(&batch).unwrap();
        let weights = detailed.weighting.weights.unwrap();
        let ranks = detailed.weighting.ranks.unwrap();
        assert_eq!(weights.size(), [10, 8]);
        assert!(!weights.requires_grad());
        for row in 0..10 {
            let scores = to_vec(&detailed.rows.negative.get(row));
            let wanted = naive_weights(&config, &scores);
            assert_close(&to_vec(&weights.get(row)), &wanted, 1e-9, &config);
            let counted: Vec<f64> =
                scores.iter().map(|s| scores.iter().filter(|other| *other <= s).count() as f64).collect();
            assert_eq!(to_vec(&ranks.get(row)), counted);
        }
        let posterior = to_vec(&detailed.weighting.posterior.unwrap());
        assert!(posterior.iter().all(|p| (0.0..=1.0).contains(p)));
    }
}

#[test]
fn the_value_at_uniform_scores_is_the_value_of_a_collapsed_batch() {
    let z = normalize(&Tensor::ones([8, 4], (Kind::Double, Device::Cpu))).unwrap();
    for config in configs(0.5).into_iter().filter(|config| config.estimator != Estimator::Oracle) {
        let wanted = config.value_at_uniform(14).unwrap();
        let ours = scalar(&config.build().unwrap().forward(&z, &z).unwrap());
        assert!((ours - wanted).abs() < 1e-9, "{config:?}: {ours} {wanted}");
    }
    assert!((LossConfig::new(Estimator::SimClr).value_at_uniform(510).unwrap() - 511f64.ln()).abs() < 1e-12);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_parameters_agree_with_the_loops(
        pairs in 2i64..40, dim in 1i64..20, seed in 0u64..1000, alpha in 0.5..=1.0f64, beta in 0.0..=1.0f64,
        tau_plus in 0.0..0.95f64, hcl_beta in 0.0..3.0f64, temperature in 0.05..2.0f64,
    ) {
        prop_assume!(alpha * (1.0 - beta) + (1.0 - alpha) * beta > 1e-6);
        let (z1, z2) = (embeddings(pairs, dim, seed), embeddings(pairs, dim, seed + 1));
        for estimator in Estimator::ALL {
            let config = LossConfig { alpha, beta, tau_plus, hcl_beta, temperature, ..LossConfig::new(estimator) };
            let wanted = naive(&config, &z1, &z2, &labels(pairs));
            let ours = per_anchor(&config, &z1, &z2);
            for (a, b) in ours.iter().zip(&wanted) {
                prop_assert!((a - b).abs() <= 1e-7 * (1.0 + b.abs()), "{:?}: expected {}, got {}", config, b, a);
            }
        }
    }
}
