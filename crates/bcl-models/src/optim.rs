//! Adam over the flat buffer of a model, with state that can be saved.

use crate::checkpoint::Checkpoint;
use crate::error::{Error, Result};
use crate::model::Model;
use tch::{Kind, Tensor};

/// Elements updated at a time: small enough that the seven passes over them stay in the cache.
const CHUNK: i64 = 128 * 1024;

/// Adam's parameters; the defaults are torch's, with the published weight decay.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamConfig {
    /// Step size.
    pub lr: f64,
    /// L2 weight decay, added to the gradient (coupled).
    pub weight_decay: f64,
    /// Decay of the first moment.
    pub beta1: f64,
    /// Decay of the second moment.
    pub beta2: f64,
    /// Added to the root of the second moment.
    pub epsilon: f64,
}

impl Default for AdamConfig {
    fn default() -> Self {
        Self { lr: 1e-3, weight_decay: 1e-6, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 }
    }
}

/// Adam (Kingma and Ba 2015) as `torch.optim.Adam` computes it.
#[derive(Debug)]
pub struct Adam {
    config: AdamConfig,
    flat: Tensor,
    gradient: Tensor,
    first: Tensor,
    second: Tensor,
    steps: i64,
}

const FIRST: &str = "adam.first_moment";
const SECOND: &str = "adam.second_moment";
const STEPS: &str = "adam.steps";

impl Adam {
    /// An optimizer for all parameters of `model`.
    ///
    /// # Errors
    /// When a parameter is out of range or memory does not suffice.
    pub fn new(model: &Model, config: AdamConfig) -> Result<Self> {
        let check = |name: &'static str, expected: &'static str, fits: bool, value: f64| {
            if fits { Ok(()) } else { Err(Error::Parameter { name, expected, got: value.to_string() }) }
        };
        check("learning rate", "a finite number >= 0", config.lr.is_finite() && config.lr >= 0.0, config.lr)?;
        let decay = config.weight_decay;
        check("weight decay", "a finite number >= 0", decay.is_finite() && decay >= 0.0, decay)?;
        check("beta1", "a number in [0, 1)", (0.0..1.0).contains(&config.beta1), config.beta1)?;
        check("beta2", "a number in [0, 1)", (0.0..1.0).contains(&config.beta2), config.beta2)?;
        check("epsilon", "a number > 0", config.epsilon > 0.0, config.epsilon)?;
        let (flat, gradient) =
            (model.parameters.flat.shallow_clone(), model.parameters.gradient.shallow_clone());
        let (first, second) = (flat.f_zeros_like()?, flat.f_zeros_like()?);
        Ok(Self { config, flat, gradient, first, second, steps: 0 })
    }

    /// The step size.
    #[must_use]
    pub fn learning_rate(&self) -> f64 {
        self.config.lr
    }

    /// Sets the step size, for schedules.
    pub fn set_learning_rate(&mut self, lr: f64) {
        self.config.lr = lr;
    }

    /// Sets every gradient to zero.
    ///
    /// # Errors
    /// When libtorch fails.
    pub fn zero_grad(&mut self, model: &Model) -> Result<()> {
        model.parameters.adopt_gradients()?;
        let _ = self.gradient.f_zero_()?;
        Ok(())
    }

    /// One step with the gradients that the model has.
    ///
    /// # Errors
    /// When libtorch fails.
    pub fn step(&mut self, model: &Model) -> Result<()> {
        let _guard = tch::no_grad_guard();
        model.parameters.adopt_gradients()?;
        self.steps += 1;
        let AdamConfig { lr, weight_decay, beta1, beta2, epsilon } = self.config;
        let step_size = lr / (1.0 - beta1.powf(self.steps as f64));
        let root = (1.0 - beta2.powf(self.steps as f64)).sqrt();
        let total = self.flat.numel() as i64;
        for start in (0..total).step_by(CHUNK as usize) {
            let length = CHUNK.min(total - start);
            let part = |tensor: &Tensor| tensor.f_narrow(0, start, length);
            let (mut weight, mut first, mut second) =
                (part(&self.flat)?, part(&self.first)?, part(&self.second)?);
            let gradient = part(&self.gradient)?.f_add(&weight.f_mul_scalar(weight_decay)?)?;
            let _ = first.f_lerp_(&gradient, 1.0 - beta1)?;
            let _ =
                second.f_mul_scalar_(beta2)?.f_addcmul_(&gradient.f_mul_scalar(1.0 - beta2)?, &gradient)?;
            let scale = second.f_sqrt()?.f_div_scalar_(root)?.f_add_scalar_(epsilon)?;
            let _ = weight.f_addcdiv_(&first.f_mul_scalar(-step_size)?, &scale)?;
        }
        Ok(())
    }

    /// The state by name, for a checkpoint.
    ///
    /// # Errors
    /// When libtorch fails.
    pub fn named_state(&self) -> Result<Vec<(String, Tensor)>> {
        Ok(vec![
            (FIRST.to_owned(), self.first.shallow_clone()),
            (SECOND.to_owned(), self.second.shallow_clone()),
            (STEPS.to_owned(), Tensor::f_full([1], self.steps, (Kind::Int64, tch::Device::Cpu))?),
        ])
    }

    /// Takes the state from a checkpoint.
    ///
    /// # Errors
    /// When it is missing or of another size; the optimizer is then as before.
    pub fn load(&mut self, checkpoint: &Checkpoint) -> Result<()> {
        let steps = Tensor::f_zeros([1], (Kind::Int64, tch::Device::Cpu))?;
        checkpoint.copy_into(&[
            (FIRST.to_owned(), self.first.shallow_clone()),
            (SECOND.to_owned(), self.second.shallow_clone()),
            (STEPS.to_owned(), steps.shallow_clone()),
        ])?;
        self.steps = steps.f_int64_value(&[0])?;
        Ok(())
    }
}
