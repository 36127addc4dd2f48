//! From what was drawn for each image to what is done to a batch, change by change.

use super::numbers::{Collected, Span};
use super::resize::Weights;
use super::{BatchPlan, output};
use crate::augment::color::{self, Change};
use crate::augment::drawn::{Drawn, Effect};
use crate::augment::policy::Policy;
use crate::augment::{blur, resize};
use crate::error::Result;
use std::collections::BTreeMap;
use tch::Device;

/// Makes plans; keeps from one to the next what they share.
#[derive(Debug, Default)]
pub struct Planner {
    taps: resize::Cache,
}

/// One change of some images of a batch.
#[derive(Debug)]
pub(super) struct Round {
    pub(super) op: Op,
    /// Which images.
    pub(super) rows: Span,
    /// A number for each of them; for a blur its kernel.
    pub(super) values: Span,
    /// For a blur where the pixels of a line lie, with those reflected at its ends.
    pub(super) places: Span,
}

/// What is changed. The order has no meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Op {
    Brightness,
    Contrast,
    Saturation,
    Hue,
    Grey,
    Solarize,
    Blur { kernel: usize },
}

impl Planner {
    /// The plan for what was `drawn` by `policy` for the images of a batch, `height` x `width` each or in the upper left
    /// corner of as much. `device` is where they will be.
    ///
    /// # Errors
    /// When memory does not suffice.
    ///
    /// # Panics
    /// When nothing was drawn, or a crop leaves the image.
    pub fn plan(
        &mut self,
        policy: &Policy,
        drawn: &[Drawn],
        (height, width): (usize, usize),
        device: Device,
    ) -> Result<BatchPlan> {
        assert!(!drawn.is_empty(), "expected drawn parameters of at least one image, got none");
        let mut numbers = Collected::default();
        let across = drawn.iter().map(|drawn| (drawn.crop.left, drawn.crop.width, drawn.flip));
        let across = Weights::new(&mut numbers, &mut self.taps, across, policy.size, width);
        let down = drawn.iter().map(|drawn| (drawn.crop.top, drawn.crop.height, false));
        let down = Weights::new(&mut numbers, &mut self.taps, down, policy.size, height);
        let rounds = rounds(&mut numbers, drawn, policy.size);
        let (factor, added) = output::factors(&policy.mean, &policy.std);
        let output = numbers.add_floats([factor, added].into_iter().flatten());
        Ok(BatchPlan {
            size: policy.size as i64,
            shape: [drawn.len() as i64, height as i64, width as i64],
            numbers: numbers.finish(device)?,
            across,
            down,
            rounds,
            output,
        })
    }
}

/// The changes of all images: those that are the same kind at the same place of the policy together.
fn rounds(numbers: &mut Collected, drawn: &[Drawn], size: usize) -> Vec<Round> {
    let mut groups = BTreeMap::new();
    for (row, drawn) in drawn.iter().enumerate() {
        for (step, effect) in drawn.effects.iter().enumerate() {
            let mut add = |place, op, values: &[f32]| {
                // The step of the policy, the place within a jitter, what is changed; images and their numbers.
                let (rows, all): &mut (Vec<i64>, Vec<f32>) = groups.entry((step, place, op)).or_default();
                rows.push(row as i64);
                all.extend_from_slice(values);
            };
            match effect {
                None => {}
                Some(Effect::Jitter(jitter)) => {
                    for (place, change) in color::changes(jitter).enumerate() {
                        let (op, value) = op_of(change);
                        add(place, op, &[value]);
                    }
                }
                Some(Effect::Grey) => add(0, Op::Grey, &[0.0]),
                Some(Effect::Solarize { threshold }) => add(0, Op::Solarize, &[f32::from(*threshold)]),
                Some(Effect::Blur { kernel, sigma }) => {
                    add(0, Op::Blur { kernel: *kernel }, &blur::kernel(*kernel, *sigma));
                }
            }
        }
    }
    let round = |((_, _, op), (rows, values))| {
        let reach = match op {
            Op::Blur { kernel } => -(kernel as isize / 2)..(size + kernel / 2) as isize,
            _ => 0..0,
        };
        Round {
            op,
            rows: numbers.add_ints(rows),
            values: numbers.add_floats(values),
            places: numbers.add_ints(reach.map(|place| blur::reflected(place, size) as i64)),
        }
    };
    groups.into_iter().map(round).collect()
}

fn op_of(change: Change) -> (Op, f32) {
    match change {
        Change::Brightness(factor) => (Op::Brightness, factor),
        Change::Contrast(factor) => (Op::Contrast, factor),
        Change::Saturation(factor) => (Op::Saturation, factor),
        Change::Hue(turn) => (Op::Hue, f32::from(turn)),
        Change::Grey => (Op::Grey, 0.0),
        Change::Solarize(threshold) => (Op::Solarize, f32::from(threshold)),
    }
}
