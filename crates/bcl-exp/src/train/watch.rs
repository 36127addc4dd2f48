//! Looks for what is not finite without waiting at each step: numbers and projections of the last steps stay on the device
//! until they are read together, so that the step that broke is found, and its batch saved, some steps later.

use super::epoch::EpochInput;
use super::failure::{NonFinite, save_batch};
use super::step::Step;
use anyhow::Result;
use bcl_models::Model;
use std::collections::BTreeMap;
use tch::{Kind, Tensor};

/// The steps of an epoch that have not been looked at.
#[derive(Debug, Default)]
pub(super) struct Watch {
    kept: Vec<Kept>,
    last: Option<f64>,
}

#[derive(Debug)]
struct Kept {
    /// In the epoch, from 1.
    batch: u64,
    /// Loss, largest gradient, largest weight: f64 on the device.
    numbers: Tensor,
    z1: Tensor,
    z2: Tensor,
    labels: Option<Vec<i64>>,
}

const NAMES: [&str; 3] = ["loss", "largest gradient", "largest weight"];

impl Watch {
    /// Keeps a step for the next look; waits for nothing.
    pub(super) fn keep(
        &mut self,
        model: &Model,
        step: Step,
        batch: u64,
        labels: Option<Vec<i64>>,
    ) -> Result<()> {
        let loss = step.value.f_to_kind(Kind::Double)?.f_view([1])?;
        let extremes = model.extremes()?.f_to_kind(Kind::Double)?;
        let numbers = Tensor::f_cat(&[loss, extremes], 0)?;
        self.kept.push(Kept { batch, numbers, z1: step.z1, z2: step.z2, labels });
        Ok(())
    }

    /// The loss of the last step, once all that were kept have proved finite; waits for the device, once. `epoch` from 1.
    ///
    /// # Errors
    /// The first step that is not finite, as [`NonFinite`].
    pub(super) fn look(&mut self, input: &EpochInput<'_>, epoch: u32) -> Result<f64> {
        let kept = std::mem::take(&mut self.kept);
        if !kept.is_empty() {
            let numbers: Vec<&Tensor> = kept.iter().map(|kept| &kept.numbers).collect();
            let values = Vec::<f64>::try_from(Tensor::f_cat(&numbers, 0)?)?;
            for (kept, values) in kept.iter().zip(values.chunks_exact(NAMES.len())) {
                if let Some((what, &value)) = NAMES.into_iter().zip(values).find(|(_, v)| !v.is_finite()) {
                    return Err(failure(kept, (what, value), input, epoch)?.into());
                }
            }
            self.last = values.chunks_exact(NAMES.len()).last().map(|values| values[0]);
        }
        Ok(self.last.unwrap_or(f64::NAN))
    }
}

/// The error for a step, once its batch is saved.
fn failure(
    kept: &Kept,
    (what, value): (&'static str, f64),
    input: &EpochInput<'_>,
    epoch: u32,
) -> Result<NonFinite> {
    let about = BTreeMap::from([
        ("config".to_owned(), serde_json::to_string(input.cell)?),
        ("epoch".to_owned(), epoch.to_string()),
        ("step".to_owned(), kept.batch.to_string()),
        ("flags".to_owned(), input.cell.loss.flags(input.alpha)),
    ]);
    Ok(NonFinite {
        what,
        value,
        loss: input.cell.loss.clone(),
        alpha: input.alpha,
        epoch,
        step: kept.batch,
        saved: save_batch(input.folder, [&kept.z1, &kept.z2], kept.labels.as_deref(), about)?,
    })
}
