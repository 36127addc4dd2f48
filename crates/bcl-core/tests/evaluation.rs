//! The fused and the blockwise evaluation against the plain one in f64: values, gradients, and what autograd does with
//! them.
#![allow(missing_docs, reason = "a test")]

mod common;

use bcl_core::{
    Batch, Compat, ContrastiveLoss, Error, Estimator, Evaluation, Formulation, LossConfig, Reduction,
    normalize,
};
use common::{devices, embeddings, scalar, to_vec};
use proptest::prelude::*;
use tch::{Device, Kind, Tensor};

fn configs() -> Vec<LossConfig> {
    let mut configs: Vec<LossConfig> =
        [Estimator::SimClr, Estimator::Dcl, Estimator::Hcl, Estimator::Oracle].map(LossConfig::new).into();
    let bcl = LossConfig { alpha: 0.9, beta: 0.9, ..LossConfig::new(Estimator::Bcl) };
    configs.push(bcl);
    configs.push(LossConfig { beta: 0.0, ..bcl });
    configs.push(LossConfig { alpha: 1.0, beta: 0.5, ..bcl });
    configs.push(LossConfig { compat: Compat::Reference, ..bcl });
    configs.push(LossConfig { formulation: Formulation::VonMisesFisher, beta: 1.5, ..bcl });
    configs.push(LossConfig { hcl_beta: 0.0, tau_plus: 0.0, ..LossConfig::new(Estimator::Hcl) });
    configs.push(LossConfig { tau_plus: 0.4, ..LossConfig::new(Estimator::Dcl) });
    configs
}

fn labels(count: i64, classes: i64) -> Tensor {
    (Tensor::arange(count, (Kind::Int64, Device::Cpu)) * 7 + 3).remainder(classes)
}

/// Value and gradients by the parts, with an upstream factor for each value.
fn evaluate(
    config: &LossConfig,
    parts: &[Tensor],
    evaluation: Evaluation,
    reduction: Reduction,
) -> (Vec<f64>, Vec<Vec<f64>>) {
    let leaves: Vec<Tensor> = parts.iter().map(|z| z.detach().copy().set_requires_grad(true)).collect();
    let batch = match &leaves[..] {
        [z1, z2] => {
            let batch = Batch::two_views(z1, z2).unwrap();
            batch.with_labels(&labels(z1.size()[0], 3)).unwrap()
        }
        [anchors, positives, negatives] => {
            let batch = Batch::general(anchors, positives, negatives).unwrap();
            let shape = &negatives.size()[..negatives.dim() - 1];
            let columns = labels(shape.iter().product(), 3).view(shape);
            batch.with_label_sets(&labels(anchors.size()[0], 3), &columns).unwrap()
        }
        _ => unreachable!(),
    };
    let value = config.build().unwrap().forward_batch(&batch.evaluation(evaluation), reduction).unwrap();
    let factors: Vec<f64> = (0..value.numel()).map(|i| 1.0 + 0.5 * (0.3 * i as f64).cos()).collect();
    let factors = Tensor::from_slice(&factors).to_kind(value.kind()).to_device(value.device());
    (value.flatten(0, -1) * factors).sum(value.kind()).backward();
    (to_vec(&value), leaves.iter().map(|z| to_vec(&z.grad())).collect())
}

fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |most: f64, x| most.max(x.abs()))
}

fn norm(values: &[f64]) -> f64 {
    values.iter().map(|x| x * x).sum::<f64>().sqrt()
}

/// Fails unless values and gradients agree, relative to the largest value and to the gradients' length.
fn agree(config: &LossConfig, parts: &[Tensor], evaluation: Evaluation, tolerance: f64) {
    // Scores that differ by less than an f32 tells change places, and a weight jumps by 1 / N: multiples of 1 / 128 have
    // exact scores, with many ties.
    let ranked = config.estimator == Estimator::Bcl && parts[0].kind() == Kind::Float;
    let rounded = |z: &Tensor| if ranked { (z * 128.0).round() / 128.0 } else { z.shallow_clone() };
    let parts: Vec<Tensor> = parts.iter().map(rounded).collect();
    let exact: Vec<Tensor> = parts.iter().map(|z| z.to_kind(Kind::Double)).collect();
    for reduction in [Reduction::Mean, Reduction::Sum, Reduction::None] {
        let (value, gradients) = evaluate(config, &parts, evaluation, reduction);
        let (exact_value, exact_gradients) = evaluate(config, &exact, Evaluation::Plain, reduction);
        let difference =
            |ours: &[f64], exact: &[f64]| ours.iter().zip(exact).map(|(a, b)| a - b).collect::<Vec<f64>>();
        let off = largest(&difference(&value, &exact_value)) / largest(&exact_value).max(1e-9);
        let (ours, exact) = (gradients.concat(), exact_gradients.concat());
        let slope_off = norm(&difference(&ours, &exact)) / norm(&exact).max(1e-9);
        assert!(
            off <= tolerance && slope_off <= tolerance, // false for NaN
            "{config:?} {evaluation:?} {reduction:?} of shapes {:?}: value off by {off:e}, gradient by {slope_off:e}",
            parts.iter().map(Tensor::size).collect::<Vec<_>>()
        );
    }
}

fn f32s(rows: i64, dim: i64, seed: u64) -> Tensor {
    embeddings(rows, dim, seed).to_kind(Kind::Float)
}

#[test]
fn fused_two_views_agree_with_plain_f64() {
    for (pairs, dim) in [(2, 1), (2, 3), (3, 16), (17, 64), (50, 100), (97, 128), (130, 33), (530, 24)] {
        for config in configs() {
            agree(&config, &[f32s(pairs, dim, 1), f32s(pairs, dim, 2)], Evaluation::Fused, 1e-6);
        }
    }
}

#[test]
fn fused_general_batches_agree_with_plain_f64() {
    for (anchors, negatives, dim) in [(1, 1, 1), (1, 40, 16), (5, 3, 7), (200, 65, 32), (31, 700, 128)] {
        for config in configs() {
            let parts = [f32s(anchors, dim, 1), f32s(anchors, dim, 2), f32s(negatives, dim, 3)];
            agree(&config, &parts, Evaluation::Fused, 1e-6);
        }
    }
}

#[test]
fn blockwise_agrees_with_plain_on_every_device_and_form() {
    for device in devices() {
        for config in configs() {
            let z = |rows, seed| embeddings(rows, 8, seed).to_device(device);
            agree(&config, &[z(33, 1), z(33, 2)], Evaluation::Blockwise, 1e-12);
            agree(&config, &[z(9, 1), z(9, 2), z(21, 3)], Evaluation::Blockwise, 1e-12);
            let own = embeddings(9 * 5, 8, 4).view([9, 5, 8]).to_device(device);
            agree(&config, &[z(9, 1), z(9, 2), own], Evaluation::Blockwise, 1e-12);
        }
    }
}

#[test]
fn extreme_temperatures_ties_and_collapse_are_borne() {
    let ones = Tensor::ones([12, 8], (Kind::Float, Device::Cpu));
    let collapsed = normalize(&ones).unwrap();
    let tied = (f32s(12, 8, 1) * 2.0).round();
    let tied = normalize(&(tied + 0.5)).unwrap();
    for config in configs() {
        for temperature in [0.01, 0.07, 5.0] {
            // A score is known to 6e-8; its exponent at t = 0.01 therefore to 6e-6.
            let tolerance = 2e-7 / temperature + 1e-6;
            let config = LossConfig { temperature, ..config };
            for z in [&collapsed, &tied] {
                let (value, gradients) = evaluate(
                    &config,
                    &[z.shallow_clone(), z.shallow_clone()],
                    Evaluation::Fused,
                    Reduction::Mean,
                );
                assert!(
                    value[0].is_finite() && gradients.iter().flatten().all(|x| x.is_finite()),
                    "{config:?}"
                );
            }
            agree(&config, &[f32s(20, 16, 1), f32s(20, 16, 2)], Evaluation::Fused, tolerance);
        }
        let long = [f32s(12, 8, 1) * 1e3, f32s(12, 8, 2) * 1e3]; // rows that nobody normalised
        let (value, gradients) = evaluate(&config, &long, Evaluation::Fused, Reduction::Mean);
        assert!(value[0].is_finite() && gradients.iter().flatten().all(|x| x.is_finite()), "{config:?}");
    }
}

/// In few dimensions many embeddings are alike and the gradient is a small difference of large sums.
fn rounding(dim: i64) -> f64 {
    if dim < 8 { 5e-6 } else { 1e-6 }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_shape_agrees(pairs in 2i64..600, dim in 1i64..300, which in 0usize..11, seed in 0u64..1000) {
        let config = configs()[which];
        agree(&config, &[f32s(pairs, dim, seed), f32s(pairs, dim, seed + 1)], Evaluation::Fused, rounding(dim));
    }

    #[test]
    fn any_general_shape_agrees(a in 1i64..200, n in 1i64..400, dim in 1i64..200, which in 0usize..11, seed in 0u64..1000) {
        let config = configs()[which];
        agree(&config, &[f32s(a, dim, seed), f32s(a, dim, seed + 1), f32s(n, dim, seed + 2)], Evaluation::Fused, rounding(dim));
    }
}

#[test]
fn the_fused_result_does_not_depend_on_threads() {
    let before = tch::get_num_threads();
    // A batch whose scores are one block, and one of several.
    for pairs in [300, 530] {
        let parts = [f32s(pairs, 50, 1), f32s(pairs, 50, 2)];
        for config in configs() {
            let results: Vec<_> = [1, 2, 3, 5]
                .map(|threads| {
                    tch::set_num_threads(threads);
                    evaluate(&config, &parts, Evaluation::Fused, Reduction::None)
                })
                .into();
            assert!(results.iter().all(|result| *result == results[0]), "{config:?}, {pairs} pairs");
        }
    }
    tch::set_num_threads(before);
}

#[test]
fn narrow_types_come_back_in_their_own() {
    for kind in [Kind::BFloat16, Kind::Half] {
        let leaf = |seed| f32s(20, 16, seed).to_kind(kind).set_requires_grad(true);
        let (z1, z2) = (leaf(1), leaf(2));
        let loss = LossConfig::new(Estimator::Dcl).build().unwrap();
        let value = loss.forward(&z1, &z2).unwrap();
        value.backward();
        assert_eq!((value.kind(), z1.grad().kind()), (Kind::Float, kind));
        let wide = Batch::two_views(&z1.to_kind(Kind::Double), &z2.to_kind(Kind::Double)).unwrap();
        let exact = loss.forward_batch(&wide, Reduction::Mean).unwrap();
        assert!((scalar(&value) - scalar(&exact)).abs() < 1e-5);
    }
}

fn bcl() -> Box<dyn ContrastiveLoss> {
    LossConfig { alpha: 0.8, beta: 0.7, ..LossConfig::new(Estimator::Bcl) }.build().unwrap()
}

/// Every evaluation that has a backward pass of its own.
const OWN: [Evaluation; 2] = [Evaluation::Fused, Evaluation::Blockwise];

fn loss_of(z1: &Tensor, z2: &Tensor, evaluation: Evaluation) -> Tensor {
    bcl().forward_batch(&Batch::two_views(z1, z2).unwrap().evaluation(evaluation), Reduction::Mean).unwrap()
}

#[test]
fn the_loss_composes_with_other_operations() {
    for evaluation in OWN {
        let gradients = |evaluation| {
            let x = f32s(24, 10, 5);
            let weight = (f32s(10, 12, 6) * 3.0).set_requires_grad(true);
            let z = normalize(&x.matmul(&weight).tanh()).unwrap();
            let z2 = normalize(&(x * 0.9 + 0.05).matmul(&weight).tanh()).unwrap();
            let loss = loss_of(&z, &z2, evaluation) * 3.0
                + weight.square().sum(Kind::Float) * 0.1
                + loss_of(&z2, &z, evaluation);
            loss.backward();
            to_vec(&weight.grad())
        };
        let (ours, plain) = (gradients(evaluation), gradients(Evaluation::Plain));
        let off = ours.iter().zip(&plain).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(off < 2e-5 * largest(&plain), "{evaluation:?}: off by {off}");
    }
}

#[test]
fn gradients_accumulate_and_only_where_they_are_asked_for() {
    for evaluation in OWN {
        let (z1, z2) = (f32s(8, 4, 1).set_requires_grad(true), f32s(8, 4, 2));
        loss_of(&z1, &z2, evaluation).backward();
        let once = to_vec(&z1.grad());
        loss_of(&z1, &z2, evaluation).backward();
        let twice = to_vec(&z1.grad());
        assert!(once.iter().zip(&twice).all(|(a, b)| (2.0 * a - b).abs() < 1e-7));
        assert!(!z2.grad().defined());
    }
}

#[test]
fn a_kept_graph_goes_backward_twice_and_a_freed_one_says_so() {
    for evaluation in OWN {
        for reduction in [Reduction::Mean, Reduction::None] {
            let (z1, z2) = (f32s(8, 4, 1).set_requires_grad(true), f32s(8, 4, 2));
            let batch = Batch::two_views(&z1, &z2).unwrap().evaluation(evaluation);
            let value = bcl().forward_batch(&batch, reduction).unwrap().sum(Kind::Float);
            let gradient = |keep| Tensor::f_run_backward(&[&value], &[&z1], keep, false);
            let first = gradient(true).unwrap();
            let second = gradient(false).unwrap();
            assert_eq!(to_vec(&first[0]), to_vec(&second[0]));
            assert!(gradient(false).is_err(), "{evaluation:?}");
        }
    }
}

#[test]
fn a_queue_that_changes_before_the_backward_pass_is_noticed_where_it_matters() {
    for evaluation in OWN {
        let anchors = f32s(4, 8, 1).set_requires_grad(true);
        let (positives, queue) = (f32s(4, 8, 2), f32s(16, 8, 3));
        let gradient_of = |reduction, change: bool| {
            let batch = Batch::general(&anchors, &positives, &queue).unwrap().evaluation(evaluation);
            let value = bcl().forward_batch(&batch, reduction).unwrap().sum(Kind::Float);
            if change {
                queue.get(0).copy_(&f32s(1, 8, 9).get(0));
            }
            Tensor::f_run_backward(&[value], &[&anchors], false, false)
        };
        let unchanged = gradient_of(Reduction::Mean, false).unwrap();
        let changed = gradient_of(Reduction::Mean, true).unwrap();
        assert_eq!(
            to_vec(&unchanged[0]),
            to_vec(&changed[0]),
            "the gradient was computed in the forward pass"
        );
        let error = gradient_of(Reduction::None, true).unwrap_err().to_string();
        assert!(error.contains("as in the forward pass"), "{error}");
    }
}

#[test]
fn negatives_that_ask_for_no_gradient_change_nothing_else() {
    for evaluation in OWN {
        for dim in [16, 5] {
            let grad = |ask: bool| {
                let anchors = f32s(7, dim, 1).set_requires_grad(true);
                let positives = f32s(7, dim, 2).set_requires_grad(true);
                let negatives = f32s(33, dim, 3).set_requires_grad(ask);
                let batch = Batch::general(&anchors, &positives, &negatives).unwrap().evaluation(evaluation);
                bcl().forward_batch(&batch, Reduction::Mean).unwrap().backward();
                assert_eq!(negatives.grad().defined(), ask);
                (to_vec(&anchors.grad()), to_vec(&positives.grad()))
            };
            assert_eq!(grad(true), grad(false));
        }
    }
}

#[test]
fn second_derivatives_are_refused_with_a_way_out() {
    for evaluation in OWN {
        let (z1, z2) = (f32s(8, 4, 1).set_requires_grad(true), f32s(8, 4, 2));
        let error = Tensor::f_run_backward(&[loss_of(&z1, &z2, evaluation)], &[&z1], true, true).unwrap_err();
        assert!(error.to_string().contains("Evaluation::Plain"), "{error}");
    }
    let (z1, z2) = (f32s(8, 4, 1).set_requires_grad(true), f32s(8, 4, 2));
    let value = loss_of(&z1, &z2, Evaluation::Plain);
    let slopes = Tensor::f_run_backward(&[value], &[&z1], true, true).unwrap();
    Tensor::f_run_backward(&[slopes[0].square().sum(Kind::Float)], &[&z1], false, false).unwrap();
}

#[test]
fn without_recording_there_is_no_graph() {
    for evaluation in OWN {
        let (z1, z2) = (f32s(8, 4, 1).set_requires_grad(true), f32s(8, 4, 2));
        let recorded = loss_of(&z1, &z2, evaluation);
        let unrecorded = tch::no_grad(|| loss_of(&z1, &z2, evaluation));
        assert!(recorded.requires_grad() && !unrecorded.requires_grad());
        assert!((scalar(&recorded) - scalar(&unrecorded)).abs() < 1e-6);
        assert!(!loss_of(&z1.detach(), &z2, evaluation).requires_grad());
    }
}

#[test]
fn the_choice_is_automatic_and_can_be_forced() {
    let z = || embeddings(8, 4, 1);
    let refused = |batch: Batch, loss: &dyn ContrastiveLoss| {
        let batch = batch.evaluation(Evaluation::Fused);
        let error = loss.forward_batch(&batch, Reduction::Mean).unwrap_err();
        assert!(matches!(error, Error::Evaluation { .. }), "{error}");
        // Left to itself, the batch is evaluated otherwise.
        let _ = loss.forward_batch(&batch.evaluation(Evaluation::Auto), Reduction::Mean).unwrap();
    };
    refused(Batch::two_views(&z(), &z()).unwrap(), bcl().as_ref()); // f64
    let own = embeddings(8 * 3, 4, 2).view([8, 3, 4]).to_kind(Kind::Float);
    let anchors = f32s(8, 4, 1);
    refused(Batch::general(&anchors, &anchors, &own).unwrap(), bcl().as_ref()); // negatives of their own
    let unlabeled = Batch::two_views(&anchors, &anchors).unwrap().evaluation(Evaluation::Fused);
    let oracle = LossConfig::new(Estimator::Oracle).build().unwrap();
    assert!(matches!(oracle.forward_batch(&unlabeled, Reduction::Mean).unwrap_err(), Error::Labels { .. }));
}

#[test]
fn what_is_not_finite_stays_so() {
    for config in configs() {
        for poison in [f64::NAN, f64::INFINITY] {
            for (rows, every) in [(6, 1), (40, 1), (40, 30)] {
                let z1 = f32s(rows, 8, 1);
                for row in (0..rows).step_by(every) {
                    let _ = z1.get(row).narrow(0, 0, 1).fill_(poison);
                }
                let (value, gradients) =
                    evaluate(&config, &[z1, f32s(rows, 8, 2)], Evaluation::Fused, Reduction::Mean);
                assert!(!value[0].is_finite(), "{config:?}: {poison} became {}", value[0]);
                assert!(gradients.iter().flatten().any(|x| !x.is_finite()));
            }
        }
    }
}

#[test]
fn embeddings_need_not_lie_one_after_another() {
    let whole = f32s(20, 16, 1);
    let (z1, z2) = (whole.narrow(0, 0, 10), whole.narrow(0, 10, 10));
    let strided = |z: &Tensor| z.transpose(0, 1).contiguous().transpose(0, 1);
    let value = |a: &Tensor, b: &Tensor| scalar(&loss_of(a, b, Evaluation::Fused));
    assert_eq!(value(&z1, &z2), value(&strided(&z1), &strided(&z2)));
    let general = |a: &Tensor, b: &Tensor| {
        let batch = Batch::general(a, b, b).unwrap().evaluation(Evaluation::Fused);
        scalar(&bcl().forward_batch(&batch, Reduction::Mean).unwrap())
    };
    assert_eq!(general(&z1, &z2), general(&strided(&z1), &strided(&z2)));
}

#[test]
fn shards_with_gathered_negatives_equal_the_whole() {
    // Two devices with half of the anchors each, and the negatives of both gathered.
    let (anchors, positives, negatives) = (f32s(40, 16, 1), f32s(40, 16, 2), f32s(90, 16, 3));
    for config in configs() {
        if config.estimator == Estimator::Oracle {
            continue; // its labels come with the batch
        }
        let loss = config.build().unwrap();
        let run = |ranges: &[(i64, i64)]| {
            let leaf = |z: &Tensor| z.detach().copy().set_requires_grad(true);
            let parts = [leaf(&anchors), leaf(&positives), leaf(&negatives)];
            let mut total = 0.0;
            for &(start, length) in ranges {
                let part = |z: &Tensor| z.narrow(0, start, length);
                let batch = Batch::general(&part(&parts[0]), &part(&parts[1]), &parts[2]).unwrap();
                let value = loss.forward_batch(&batch, Reduction::Sum).unwrap();
                value.backward();
                total += scalar(&value);
            }
            (total, parts.map(|z| to_vec(&z.grad())))
        };
        let (whole, shards) = (run(&[(0, 40)]), run(&[(0, 20), (20, 20)]));
        assert!((whole.0 - shards.0).abs() < 1e-4);
        for (a, b) in whole.1.iter().zip(&shards.1) {
            let off = a.iter().zip(b).map(|(x, y)| (x - y).abs()).fold(0.0, f64::max);
            assert!(off < 1e-6 * largest(a).max(1.0), "{config:?}: off by {off}");
        }
    }
}
