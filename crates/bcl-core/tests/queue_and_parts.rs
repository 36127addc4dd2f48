//! A queue of past embeddings, and steps in parts against whole steps.
#![allow(missing_docs, reason = "a test")]

mod common;

use bcl_core::backward_in_parts;
use bcl_core::parts::{Part, Pass};
use bcl_core::queue::QueueState;
use bcl_core::{Batch, ContrastiveLoss, Error, Estimator, LossConfig, Queue, Reduction, Result, normalize};
use common::to_vec;
use std::sync::{Mutex, PoisonError};
use tch::{Device, Kind, Tensor};

const F64: (Kind, Device) = (Kind::Double, Device::Cpu);

/// The same whatever other tests draw at the same time: libtorch has one generator for all threads.
fn normal(shape: &[i64], seed: i64) -> Tensor {
    static GENERATOR: Mutex<()> = Mutex::new(());
    let _alone = GENERATOR.lock().unwrap_or_else(PoisonError::into_inner);
    tch::manual_seed(seed);
    Tensor::randn(shape, F64)
}

/// Two layers; gradients of its weights.
struct Encoder([Tensor; 2]);

impl Encoder {
    fn new() -> Self {
        let weight = |shape: [i64; 2], seed| (normal(&shape, seed) * 0.3).set_requires_grad(true);
        Self([weight([6, 16], 1), weight([16, 5], 2)])
    }

    fn embed(&self, x: &Tensor) -> Result<Tensor> {
        normalize(&x.f_matmul(&self.0[0])?.f_relu()?.f_matmul(&self.0[1])?)
    }

    fn gradients(&self) -> Vec<Vec<f64>> {
        self.0.iter().map(|weight| to_vec(&weight.grad())).collect()
    }
}

fn loss(estimator: Estimator) -> Box<dyn ContrastiveLoss> {
    LossConfig { alpha: 0.9, beta: 0.9, ..LossConfig::new(estimator) }.build().unwrap()
}

#[test]
fn a_step_in_parts_is_the_whole_step() {
    let views = [normal(&[13, 6], 3), normal(&[13, 6], 4)];
    for estimator in [Estimator::SimClr, Estimator::Bcl, Estimator::Hcl] {
        let loss = loss(estimator);
        let whole = Encoder::new();
        let value = loss.forward(&whole.embed(&views[0]).unwrap(), &whole.embed(&views[1]).unwrap()).unwrap();
        value.backward();
        for part in [1, 4, 5, 13, 100] {
            let encoder = Encoder::new();
            let in_parts = backward_in_parts::<Error>(
                [&views[0], &views[1]],
                part,
                |part| encoder.embed(part.input),
                |z1, z2| loss.forward(z1, z2),
            )
            .unwrap();
            assert!(!in_parts.requires_grad());
            assert!((in_parts.double_value(&[]) - value.double_value(&[])).abs() < 1e-12);
            for (ours, expected) in encoder.gradients().iter().zip(whole.gradients()) {
                for (ours, expected) in ours.iter().zip(expected) {
                    assert!((ours - expected).abs() < 1e-12, "{estimator}, parts of {part}");
                }
            }
        }
    }
}

#[test]
fn every_part_is_embedded_twice_without_a_graph_first() {
    let views = [normal(&[5, 6], 3), normal(&[5, 6], 4)];
    let encoder = Encoder::new();
    let mut seen = Vec::new();
    let _ = backward_in_parts::<Error>(
        [&views[0], &views[1]],
        3,
        |Part { input, view, rows, pass }| {
            assert_eq!(to_vec(input), to_vec(&views[*view].narrow(0, rows.start, rows.end - rows.start)));
            let z = encoder.embed(input)?;
            assert_eq!(z.requires_grad(), *pass == Pass::Differentiate);
            seen.push((*view, rows.clone(), *pass));
            Ok(z)
        },
        |z1, z2| loss(Estimator::Bcl).forward(z1, z2),
    )
    .unwrap();
    let parts = [(0, 0..3), (0, 3..5), (1, 0..3), (1, 3..5)];
    let expected: Vec<_> = [Pass::Embed, Pass::Differentiate]
        .into_iter()
        .flat_map(|pass| parts.clone().map(|(view, rows)| (view, rows, pass)))
        .collect();
    assert_eq!(seen, expected);
}

#[test]
fn steps_in_parts_say_what_is_wrong() {
    let (x, encoder) = (normal(&[4, 6], 3), Encoder::new());
    let run = |second: &Tensor, part: i64, cut: i64| {
        backward_in_parts::<Error>(
            [&x, second],
            part,
            |part| Ok(encoder.embed(part.input)?.narrow(0, 0, part.rows.end - part.rows.start - cut)),
            |z1, z2| loss(Estimator::Bcl).forward(z1, z2),
        )
    };
    assert!(run(&x, 2, 0).is_ok());
    assert!(run(&x, 0, 0).unwrap_err().to_string().contains("parts of 0"));
    assert!(run(&normal(&[3, 6], 1), 2, 0).unwrap_err().to_string().contains("[4, 3]"));
    assert!(run(&x, 2, 1).unwrap_err().to_string().contains("returns 2 x D, got shape [1, 5]"));
}

#[test]
fn a_queue_holds_the_last_embeddings() {
    let mut queue = Queue::new(5, 2, F64).unwrap();
    assert!(queue.is_empty());
    let mut all: Vec<f64> = Vec::new();
    for (step, count) in [2, 2, 3, 5, 1, 12, 4].into_iter().enumerate() {
        let z = normal(&[count, 2], step as i64).set_requires_grad(true);
        all.extend(to_vec(&z));
        queue.push(&(&z * 1.0)).unwrap();
        let held = queue.negatives().unwrap();
        assert!(!held.requires_grad());
        let last = all.len().saturating_sub(10);
        let sorted = |mut values: Vec<f64>| {
            values.sort_by(f64::total_cmp);
            values
        };
        assert_eq!(sorted(to_vec(&held)), sorted(all[last..].to_vec()), "after step {step}");
        assert_eq!(queue.len(), held.size()[0]);
    }
}

#[test]
fn a_restored_queue_goes_on_as_the_old_one() {
    let mut queue = Queue::new(7, 3, (Kind::Float, Device::Cpu)).unwrap();
    let keys = |step: i64| normalize(&normal(&[3, 3], step).to_kind(Kind::Float)).unwrap();
    for step in 0..4 {
        let mut restored = Queue::from_state(&queue.state().unwrap(), Device::Cpu).unwrap();
        for later in step..step + 3 {
            restored.push(&keys(later)).unwrap();
        }
        let mut straight = Queue::from_state(&queue.state().unwrap(), Device::Cpu).unwrap();
        for later in step..step + 3 {
            straight.push(&keys(later)).unwrap();
            straight = Queue::from_state(&straight.state().unwrap(), Device::Cpu).unwrap();
        }
        assert_eq!(to_vec(&restored.negatives().unwrap()), to_vec(&straight.negatives().unwrap()));
        queue.push(&keys(step)).unwrap();
    }
    let loss = loss(Estimator::Bcl);
    let value = |queue: &Queue| {
        let batch = Batch::general(&keys(8), &keys(9), &queue.negatives().unwrap()).unwrap();
        loss.forward_batch(&batch, Reduction::Mean).unwrap().double_value(&[])
    };
    let restored = Queue::from_state(&queue.state().unwrap(), Device::Cpu).unwrap();
    assert_eq!(value(&queue).to_bits(), value(&restored).to_bits());
}

#[test]
fn queues_refuse_what_does_not_fit() {
    assert!(Queue::new(0, 2, F64).is_err());
    assert!(Queue::new(2, 2, (Kind::Int64, Device::Cpu)).is_err());
    let mut queue = Queue::new(4, 2, F64).unwrap();
    assert!(queue.push(&normal(&[2, 3], 0)).unwrap_err().to_string().contains("n x 2"));
    assert!(queue.push(&normal(&[2, 2], 0).to_kind(Kind::Float)).is_err());
    queue.push(&normal(&[3, 2], 0)).unwrap();
    for position in [vec![3i64], vec![4, 3], vec![-1, 3], vec![0, 5], vec![1, 3]] {
        let state = QueueState { position: Tensor::from_slice(&position), ..queue.state().unwrap() };
        let error = Queue::from_state(&state, Device::Cpu).unwrap_err().to_string();
        assert!(error.starts_with("state of a queue"), "{error}");
    }
}
