//! One epoch, or what is left of it: views from the loader, the gradient of their loss, a step of the optimizer.

use super::failure::{NonFinite, save_batch};
use super::keeper::Keeper;
use super::place::Place;
use super::session::Session;
use super::step::{Step, step};
use crate::config::CellConfig;
use crate::progress::Progress;
use crate::tensorboard::Curves;
use anyhow::{Result, ensure};
use bcl_core::ContrastiveLoss;
use bcl_data::ViewLoader;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;
use tch::{Device, Kind, Tensor};

/// Steps between two points of the curves, and between two looks at loss, gradient and weights on a device that each look
/// waits for.
const LOOK_EVERY: u64 = 16;

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
    let mut shown = f64::NAN;
    for batch in loader.by_ref() {
        let batch = batch?;
        session.optimization.zero_grad(&session.model)?;
        let labels = batch.labels.as_deref().map(Tensor::from_slice);
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
        let due = done % LOOK_EVERY == 1 || done == batches;
        if due || input.place.device == Device::Cpu {
            shown = look(session, input, &computed, labels.as_ref())?;
        }
        if due {
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
        if done < batches {
            keeper.after_step(session)?;
        }
    }
    let part = &mut session.progress.part;
    part.wall_s = spent + begun.elapsed().as_secs_f64();
    ensure!(part.batches > 0, "the data set gives no batch of {} pairs", input.cell.train.batch_pairs);
    let mean_loss = part.loss.value() / part.batches as f64;
    ensure!(mean_loss.is_finite(), "the mean loss of epoch {} is {mean_loss}", epoch + 1);
    Ok(mean_loss)
}

/// The loss of the last step, once it, the gradient and the weights have proved finite. Waits for the device, once.
fn look(session: &Session, input: &EpochInput<'_>, step: &Step, labels: Option<&Tensor>) -> Result<f64> {
    let loss = step.value.f_to_kind(Kind::Double)?.f_view([1])?;
    let extremes = session.model.extremes()?.f_to_kind(Kind::Double)?;
    let values = Vec::<f64>::try_from(Tensor::f_cat(&[loss, extremes], 0)?)?;
    let names = ["loss", "largest gradient", "largest weight"];
    if let Some((what, &value)) = names.into_iter().zip(&values).find(|(_, value)| !value.is_finite()) {
        let (epoch, batch) = (session.progress.epochs + 1, session.progress.part.batches);
        let about = BTreeMap::from([
            ("config".to_owned(), serde_json::to_string(input.cell)?),
            ("epoch".to_owned(), epoch.to_string()),
            ("step".to_owned(), batch.to_string()),
            ("flags".to_owned(), input.cell.loss.flags(input.alpha)),
        ]);
        return Err(NonFinite {
            what,
            value,
            loss: input.cell.loss.clone(),
            alpha: input.alpha,
            epoch,
            step: batch,
            saved: save_batch(input.folder, [&step.z1, &step.z2], labels, about)?,
        }
        .into());
    }
    Ok(values[0])
}
