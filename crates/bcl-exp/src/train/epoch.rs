//! One epoch: views from the loader, the gradient of their loss, a step of the optimizer.

use super::failure::{NonFiniteLoss, save_batch};
use super::place::Place;
use super::session::Session;
use super::step::{Step, step};
use crate::config::CellConfig;
use crate::progress::Progress;
use anyhow::{Result, ensure};
use bcl_core::ContrastiveLoss;
use bcl_data::ViewLoader;
use std::path::Path;
use std::time::{Duration, Instant};
use tch::{Kind, Tensor};

/// Steps between two looks at the loss: each look waits for the device.
const LOOK_EVERY: u64 = 16;

/// What an epoch is run with.
pub(super) struct EpochInput<'a> {
    pub(super) cell: &'a CellConfig,
    pub(super) place: &'a Place,
    pub(super) loss: &'a dyn ContrastiveLoss,
    pub(super) alpha: Option<f64>,
    /// From 0.
    pub(super) epoch: u32,
    /// Where a batch that broke the loss is saved.
    pub(super) folder: &'a Path,
}

/// What an epoch gave.
#[derive(Debug, Clone, Copy)]
pub(super) struct EpochResult {
    pub(super) mean_loss: f64,
    pub(super) views: u64,
    pub(super) wall: Duration,
    pub(super) waited: Duration,
}

/// Trains the epoch whose batches `loader` gives.
pub(super) fn run(
    session: &mut Session,
    input: &EpochInput<'_>,
    loader: &mut ViewLoader,
    progress: &mut Progress,
) -> Result<EpochResult> {
    let begun = Instant::now();
    let mut sum = Tensor::zeros([], (Kind::Double, input.place.device));
    let (mut steps, mut views, mut waited, mut shown) = (0u64, 0u64, Duration::ZERO, f64::NAN);
    for batch in loader.by_ref() {
        let batch = batch?;
        waited += batch.waited;
        session.adam.zero_grad(&session.model)?;
        let labels = batch.labels.as_deref().map(Tensor::from_slice);
        let Step { value, z1, z2 } =
            step(&session.model, input.cell, input.loss, &batch.views, labels.as_ref())?;
        session.adam.step(&session.model)?;

        let detached = value.to_kind(Kind::Double);
        session.progress.location.observe(&input.cell.loss, &z1, &z2)?;
        sum += &detached;
        steps += 1;
        views += (batch.views.len() * batch.indices.len()) as u64;
        if steps % LOOK_EVERY == 1 || input.place.device == tch::Device::Cpu {
            shown = detached.double_value(&[]);
            if !shown.is_finite() {
                return Err(non_finite(input, steps, shown, &z1, &z2)?.into());
            }
        }
        progress.step(|| {
            let seconds = begun.elapsed().as_secs_f64();
            format!(
                "epoch {}/{}, loss {shown:.4}, {:.0} views/s, data wait {:.1} %",
                input.epoch + 1,
                input.cell.train.epochs,
                views as f64 / seconds,
                100.0 * waited.as_secs_f64() / seconds,
            )
        });
    }
    ensure!(steps > 0, "the data set gives no batch of {} pairs", input.cell.train.batch_pairs);
    let mean_loss = sum.double_value(&[]) / steps as f64;
    ensure!(mean_loss.is_finite(), "the mean loss of epoch {} is {mean_loss}", input.epoch + 1);
    Ok(EpochResult { mean_loss, views, wall: begun.elapsed(), waited })
}

fn non_finite(
    input: &EpochInput<'_>,
    step: u64,
    value: f64,
    z1: &Tensor,
    z2: &Tensor,
) -> Result<NonFiniteLoss> {
    Ok(NonFiniteLoss {
        loss: input.cell.loss.label(),
        alpha: input.alpha,
        epoch: input.epoch + 1,
        step,
        value,
        saved: save_batch(input.folder, z1, z2)?,
    })
}
