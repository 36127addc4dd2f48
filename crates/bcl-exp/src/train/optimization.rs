//! How a step moves the weights: clipping, the schedule's learning rate, the optimizer, the average; saved whole.

use crate::config::CellConfig;
use anyhow::Result;
use bcl_models::{Checkpoint, Ema, Model, Optimizer, Schedule, clip_gradients};
use tch::Tensor;

/// All that happens to a model after its gradients are known.
#[derive(Debug)]
pub(super) struct Optimization {
    optimizer: Optimizer,
    schedule: Schedule,
    learning_rate: f64,
    clip_norm: Option<f64>,
    ema: Option<Ema>,
}

impl Optimization {
    /// As the cell asks, for a run of `steps_per_epoch` steps an epoch.
    pub(super) fn new(cell: &CellConfig, model: &Model, steps_per_epoch: u64) -> Result<Self> {
        let train = &cell.train;
        Ok(Self {
            optimizer: Optimizer::new(model, train.optimizer.config(train))?,
            schedule: train.schedule.schedule(train.epochs, steps_per_epoch)?,
            learning_rate: train.learning_rate,
            clip_norm: train.clip_norm,
            ema: train.ema.map(|decay| Ema::new(model, decay)).transpose()?,
        })
    }

    /// Sets every gradient to zero.
    pub(super) fn zero_grad(&mut self, model: &Model) -> Result<()> {
        Ok(self.optimizer.zero_grad(model)?)
    }

    /// One step with the gradients that the model has.
    pub(super) fn step(&mut self, model: &Model) -> Result<()> {
        if let Some(norm) = self.clip_norm {
            let _ = clip_gradients(model, norm)?;
        }
        let factor = self.schedule.factor(self.optimizer.steps() as u64);
        self.optimizer.set_learning_rate(self.learning_rate * factor)?;
        self.optimizer.step(model)?;
        if let Some(ema) = &mut self.ema {
            ema.update(model)?;
        }
        Ok(())
    }

    /// The step size of the last step.
    pub(super) fn learning_rate(&self) -> f64 {
        self.optimizer.learning_rate()
    }

    /// The model that is scored: the average where there is one.
    pub(super) fn scored<'a>(&'a self, model: &'a Model) -> &'a Model {
        self.ema.as_ref().map_or(model, Ema::model)
    }

    /// The state by name, for a checkpoint.
    pub(super) fn named_state(&self) -> Result<Vec<(String, Tensor)>> {
        let mut state = self.optimizer.named_state()?;
        state.extend(self.ema.iter().flat_map(Ema::named_state));
        Ok(state)
    }

    /// Takes the state from a checkpoint.
    pub(super) fn load(&mut self, checkpoint: &Checkpoint) -> Result<()> {
        self.optimizer.load(checkpoint)?;
        if let Some(ema) = &mut self.ema {
            ema.load(checkpoint)?;
        }
        Ok(())
    }
}
