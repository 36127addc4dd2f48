//! One epoch, or what is left of it: views from the loader, the gradient of their loss, a step of the optimizer.

use super::keeper::Keeper;
use super::place::Place;
use super::session::Session;
use super::step::step;
use super::watch::Watch;
use crate::config::CellConfig;
use crate::progress::Progress;
use crate::tensorboard::Curves;
use anyhow::{Result, ensure};
use bcl_core::ContrastiveLoss;
use bcl_data::ViewLoader;
use std::path::Path;
use std::time::Instant;

/// Steps between two points of the curves, which each wait for the device.
const POINT_EVERY: u64 = 16;

/// What an epoch is run with.
pub(super) struct EpochInput<'a> {
    pub(super) cell: &'a CellConfig,
    pub(super) place: &'a Place,
    pub(super) loss: &'a dyn ContrastiveLoss,
    pub(super) alpha: Option<f64>,
    /// Where a batch that broke the loss is saved.
    pub(super) folder: &'a Path,
}

/// Trains the epoch that the session has begun on the batches that `loader` still gives of it; returns the mean loss.
pub(super) fn run(
    session: &mut Session,
    input: &EpochInput<'_>,
    loader: &mut ViewLoader,
    keeper: &mut Keeper<'_>,
    progress: &mut Progress,
    curves: &mut Curves,
) -> Result<f64> {
    let (begun, spent) = (Instant::now(), session.progress.part.wall_s);
    let (epoch, epochs) = (session.progress.epochs, input.cell.train.epochs);
    let batches = loader.batches() as u64;
    let (mut watch, mut shown) = (Watch::default(), f64::NAN);
    for batch in loader.by_ref() {
        let batch = batch?;
        session.optimization.zero_grad(&session.model)?;
        let needed = input.cell.loss.needs_labels();
        let labels = if needed { batch.labels_on(input.place.device)? } else { None };
        let computed = step(&session.model, input.cell, input.loss, &batch.views, labels.as_ref())?;
        session.optimization.step(&session.model)?;

        let state = &mut session.progress;
        state.location.observe(&input.cell.loss, &computed.z1, &computed.z2)?;
        state.steps += 1;
        state.part.batches += 1;
        state.part.views += (batch.views.len() * batch.indices.len()) as u64;
        state.part.loss.add(&computed.value)?;
        state.part.waited_s += batch.waited.as_secs_f64();
        let done = state.part.batches;
        watch.keep(&session.model, computed, done, batch.labels)?;
        let point = done % POINT_EVERY == 1 || done == batches;
        let save = done < batches && keeper.is_due(session);
        if point || save || input.place.look_each_step {
            shown = watch.look(input, epoch + 1)?;
        }
        if point {
            curves.step(session.progress.steps, shown, session.optimization.learning_rate())?;
        }
        let state = &mut session.progress;
        state.part.wall_s = spent + begun.elapsed().as_secs_f64();
        progress.step(|| {
            let part = &state.part;
            let knn = state.last_knn.map_or(String::new(), |accuracy| format!(", kNN {accuracy:.2} %"));
            format!(
                "epoch {}/{epochs}, loss {shown:.4}, {:.0} views/s, data wait {:.1} %{knn}",
                epoch + 1,
                part.views as f64 / part.wall_s,
                100.0 * part.waited_s / part.wall_s,
            )
        });
        if save {
            keeper.save(session)?;
        }
    }
    let part = &mut session.progress.part;
    part.wall_s = spent + begun.elapsed().as_secs_f64();
    ensure!(part.batches > 0, "the data set gives no batch of {} pairs", input.cell.train.batch_pairs);
    let mean_loss = part.loss.value() / part.batches as f64;
    ensure!(mean_loss.is_finite(), "the mean loss of epoch {} is {mean_loss}", epoch + 1);
    Ok(mean_loss)
}
