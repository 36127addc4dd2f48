//! Optimizer and learning-rate schedule of a cell: from the keys of `[train]` to what they mean.

use super::cell::TrainSpec;
use super::wire::TrainTable;
use anyhow::{Context, Result, bail, ensure};
use bcl_models::{AdamConfig, LarsConfig, OptimizerConfig, Schedule, SgdConfig, Shape};
use serde::{Deserialize, Serialize};

/// Which optimizer, with what only it has.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "name")]
pub enum OptimizerSpec {
    /// The authors'.
    #[default]
    Adam,
    /// Adam with decoupled weight decay.
    AdamW,
    /// Gradient descent with momentum.
    Sgd {
        /// In [0, 1).
        momentum: f64,
        /// Whether it looks ahead.
        nesterov: bool,
    },
    /// Steps in proportion to each weight's length.
    Lars {
        /// In [0, 1).
        momentum: f64,
        /// Whether it looks ahead.
        nesterov: bool,
    },
}

impl OptimizerSpec {
    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }

    pub(super) fn resolve(train: &TrainTable) -> Result<Self> {
        let momentum = train.momentum.unwrap_or(0.9);
        let nesterov = train.nesterov.unwrap_or(false);
        let spec = match train.optimizer.as_str() {
            "adam" => Self::Adam,
            "adamw" => Self::AdamW,
            "sgd" => Self::Sgd { momentum, nesterov },
            "lars" => Self::Lars { momentum, nesterov },
            other => bail!("optimizer: expected adam, adamw, sgd or lars, got {other:?}"),
        };
        if matches!(spec, Self::Adam | Self::AdamW) {
            let given = train.momentum.is_some() || train.nesterov.is_some();
            ensure!(!given, "momentum, nesterov: sgd and lars have them, {} has not", train.optimizer);
        } else {
            ensure!((0.0..1.0).contains(&momentum), "momentum: expected a number in [0, 1), got {momentum}");
            ensure!(!nesterov || momentum > 0.0, "nesterov: expected a momentum above 0, got {momentum}");
        }
        Ok(spec)
    }

    /// For the optimizer.
    #[must_use]
    pub fn config(&self, train: &TrainSpec) -> OptimizerConfig {
        let (lr, weight_decay) = (train.learning_rate, train.weight_decay);
        match *self {
            Self::Adam => OptimizerConfig::Adam(AdamConfig { lr, weight_decay, ..AdamConfig::default() }),
            Self::AdamW => OptimizerConfig::AdamW(AdamConfig { lr, weight_decay, ..AdamConfig::default() }),
            Self::Sgd { momentum, nesterov } => {
                OptimizerConfig::Sgd(SgdConfig { lr, weight_decay, momentum, nesterov })
            }
            Self::Lars { momentum, nesterov } => {
                let config = LarsConfig { lr, weight_decay, momentum, nesterov, ..LarsConfig::default() };
                OptimizerConfig::Lars(config)
            }
        }
    }
}

/// The learning rate over the run.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct ScheduleSpec {
    /// After the warm-up.
    pub shape: ShapeSpec,
    /// Epochs of linear warm-up.
    pub warmup_epochs: f64,
}

/// How the learning rate goes after the warm-up.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ShapeSpec {
    /// As it is: published.
    #[default]
    Constant,
    /// To 0 at the end.
    Cosine,
    /// Falls.
    Step {
        /// Epochs between two.
        epochs: u32,
        /// What each multiplies by.
        factor: f64,
    },
}

impl ScheduleSpec {
    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }

    pub(super) fn resolve(train: &TrainTable) -> Result<Self> {
        let shape = match train.schedule.as_str() {
            "constant" => ShapeSpec::Constant,
            "cosine" => ShapeSpec::Cosine,
            "step" => ShapeSpec::Step {
                epochs: train.step_epochs.context("schedule = \"step\" needs step_epochs")?,
                factor: train.step_factor.unwrap_or(0.1),
            },
            other => bail!("schedule: expected constant, cosine or step, got {other:?}"),
        };
        if !matches!(shape, ShapeSpec::Step { .. }) {
            let given = train.step_epochs.is_some() || train.step_factor.is_some();
            ensure!(
                !given,
                "step_epochs, step_factor: expected schedule = \"step\", got {:?}",
                train.schedule
            );
        }
        let spec = Self { shape, warmup_epochs: train.warmup_epochs };
        spec.schedule(train.epochs.max(1), 1)?; // its checks; no epochs at all is told elsewhere
        Ok(spec)
    }

    /// For a run.
    ///
    /// # Errors
    /// When the warm-up is longer than the run, or a number is out of range.
    pub fn schedule(&self, epochs: u32, steps_per_epoch: u64) -> Result<Schedule> {
        let shape = match self.shape {
            ShapeSpec::Constant => Shape::Constant,
            ShapeSpec::Cosine => Shape::Cosine,
            ShapeSpec::Step { epochs, factor } => Shape::Step { epochs, factor },
        };
        Ok(Schedule::new(shape, self.warmup_epochs, epochs, steps_per_epoch)?)
    }
}
