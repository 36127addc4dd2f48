//! Optimizers over the flat buffer of a model, with state that can be saved.

mod adam;
mod clip;
mod ema;
mod fused;
mod lars;
mod rule;
mod schedule;
mod sgd;

pub use adam::AdamConfig;
pub use clip::clip_gradients;
pub use ema::Ema;
pub use lars::LarsConfig;
pub use schedule::{Schedule, Shape};
pub use sgd::SgdConfig;

use crate::checkpoint::Checkpoint;
use crate::error::Result;
use crate::model::Model;
use rule::{Rule, Step, decays};
use tch::{Device, Kind, Tensor};

/// An optimizer and its parameters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum OptimizerConfig {
    /// `torch.optim.Adam`, the authors' choice.
    Adam(AdamConfig),
    /// `torch.optim.AdamW`.
    AdamW(AdamConfig),
    /// `torch.optim.SGD` with momentum.
    Sgd(SgdConfig),
    /// LARS as in SimCLR.
    Lars(LarsConfig),
}

impl OptimizerConfig {
    /// What begins the names of its state, and names it in experiment files.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Adam(_) => "adam",
            Self::AdamW(_) => "adamw",
            Self::Sgd(_) => "sgd",
            Self::Lars(_) => "lars",
        }
    }

    /// The step size.
    #[must_use]
    pub fn learning_rate(&self) -> f64 {
        match self {
            Self::Adam(config) | Self::AdamW(config) => config.lr,
            Self::Sgd(config) => config.lr,
            Self::Lars(config) => config.lr,
        }
    }
}

/// An optimizer of all parameters of a model.
#[derive(Debug)]
pub struct Optimizer {
    name: &'static str,
    rule: Box<dyn Rule>,
    lr: f64,
    steps: i64,
}

impl Optimizer {
    /// An optimizer for all parameters of `model`.
    ///
    /// # Errors
    /// When a parameter is out of range or memory does not suffice.
    pub fn new(model: &Model, config: OptimizerConfig) -> Result<Self> {
        let flat = &model.parameters.flat;
        let rule: Box<dyn Rule> = match config {
            OptimizerConfig::Adam(adam) => Box::new(adam::Adam::new(adam, false, flat)?),
            OptimizerConfig::AdamW(adam) => Box::new(adam::Adam::new(adam, true, flat)?),
            OptimizerConfig::Sgd(sgd) => Box::new(sgd::Sgd::new(sgd, flat)?),
            OptimizerConfig::Lars(lars) => Box::new(lars::Lars::new(lars, &model.parameters)?),
        };
        Ok(Self { name: config.name(), rule, lr: config.learning_rate(), steps: 0 })
    }

    /// The step size in use.
    #[must_use]
    pub fn learning_rate(&self) -> f64 {
        self.lr
    }

    /// Sets the step size, as a [`Schedule`] asks.
    ///
    /// # Errors
    /// When it is negative or not finite; the old one then stays.
    pub fn set_learning_rate(&mut self, lr: f64) -> Result<()> {
        decays(lr, 0.0)?;
        self.lr = lr;
        Ok(())
    }

    /// Steps taken so far.
    #[must_use]
    pub fn steps(&self) -> i64 {
        self.steps
    }

    /// Sets every gradient to zero.
    ///
    /// # Errors
    /// When libtorch fails.
    pub fn zero_grad(&mut self, model: &Model) -> Result<()> {
        model.parameters.adopt_gradients()?;
        let _ = model.parameters.gradient.shallow_clone().f_zero_()?;
        Ok(())
    }

    /// One step with the gradients that the model has.
    ///
    /// # Errors
    /// When libtorch fails.
    pub fn step(&mut self, model: &Model) -> Result<()> {
        let _guard = tch::no_grad_guard();
        model.parameters.adopt_gradients()?;
        let (weight, gradient) = (&model.parameters.flat, &model.parameters.gradient);
        self.rule.step(&Step { weight, gradient, lr: self.lr, number: self.steps + 1 })?;
        self.steps += 1;
        Ok(())
    }

    /// The state by name, for a checkpoint: `adam.first_moment`, `adam.steps` and so on. The learning rate is not
    /// of it: a schedule makes it from the number of steps.
    ///
    /// # Errors
    /// When libtorch fails.
    pub fn named_state(&self) -> Result<Vec<(String, Tensor)>> {
        let mut state = self.targets();
        state.push((
            format!("{}.steps", self.name),
            Tensor::f_full([1], self.steps, (Kind::Int64, Device::Cpu))?,
        ));
        Ok(state)
    }

    /// Takes the state from a checkpoint.
    ///
    /// # Errors
    /// When it is missing, of another optimizer, or of another size; the optimizer is then as before.
    pub fn load(&mut self, checkpoint: &Checkpoint) -> Result<()> {
        let steps = Tensor::f_zeros([1], (Kind::Int64, Device::Cpu))?;
        let mut targets = self.targets();
        targets.push((format!("{}.steps", self.name), steps.shallow_clone()));
        checkpoint.copy_into(&targets)?;
        self.steps = steps.f_int64_value(&[0])?;
        Ok(())
    }

    /// What the rule remembers under its names in a checkpoint; shares storage.
    fn targets(&self) -> Vec<(String, Tensor)> {
        let name = |key| format!("{}.{key}", self.name);
        self.rule.state().into_iter().map(|(key, tensor)| (name(key), tensor.shallow_clone())).collect()
    }
}
