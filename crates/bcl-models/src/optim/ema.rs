//! An exponential moving average of a model's weights (Polyak averaging), which evaluates better than the last step.

use crate::checkpoint::Checkpoint;
use crate::error::{Error, Result};
use crate::model::Model;
use tch::Tensor;

/// What begins the names of the averages in a checkpoint.
const PREFIX: &str = "ema.";

/// The average of a model: of its weights and of its running batch statistics alike, so that they belong together.
#[derive(Debug)]
pub struct Ema {
    decay: f64,
    model: Model,
}

impl Ema {
    /// Begins with the model as it is. Each update keeps the share `decay` of the average; 0.99 to 0.9999 are usual.
    ///
    /// # Errors
    /// When `decay` is not in [0, 1) or memory does not suffice.
    pub fn new(model: &Model, decay: f64) -> Result<Self> {
        if !(0.0..1.0).contains(&decay) {
            let got = decay.to_string();
            return Err(Error::Parameter { name: "ema", expected: "a number in [0, 1)", got });
        }
        let ema = Self { decay, model: Model::new(model.config(), 0, model.device())? };
        ema.follow(model, 1.0)?;
        Ok(ema)
    }

    /// Takes the model's weights and statistics into the average; after each step.
    ///
    /// # Errors
    /// When libtorch fails.
    pub fn update(&mut self, model: &Model) -> Result<()> {
        self.follow(model, 1.0 - self.decay)
    }

    /// The averaged model, for evaluation.
    #[must_use]
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// The averages by name, for a checkpoint: `ema.` before the model's names.
    #[must_use]
    pub fn named_state(&self) -> Vec<(String, Tensor)> {
        let named = self.model.named_tensors().into_iter();
        named.map(|(name, tensor)| (format!("{PREFIX}{name}"), tensor)).collect()
    }

    /// Takes the averages from a checkpoint.
    ///
    /// # Errors
    /// When one is missing or has another shape or type; the average is then as before.
    pub fn load(&mut self, checkpoint: &Checkpoint) -> Result<()> {
        checkpoint.copy_into(&self.named_state())
    }

    /// The averaged model's part of a checkpoint, as a checkpoint of a model.
    #[must_use]
    pub fn part_of(checkpoint: &Checkpoint) -> Checkpoint {
        let named = checkpoint.tensors.iter();
        let averages = named.filter_map(|(name, tensor)| Some((name.strip_prefix(PREFIX)?, tensor)));
        let tensors = averages.map(|(name, tensor)| (name.to_owned(), tensor.shallow_clone())).collect();
        Checkpoint { tensors, metadata: checkpoint.metadata.clone() }
    }

    fn follow(&self, model: &Model, share: f64) -> Result<()> {
        let _guard = tch::no_grad_guard();
        let (ours, theirs) = (&self.model.parameters, &model.parameters);
        for (average, now) in [(&ours.flat, &theirs.flat), (&ours.statistics, &theirs.statistics)] {
            let _ = average.shallow_clone().f_lerp_(now, share)?;
        }
        Ok(())
    }
}
