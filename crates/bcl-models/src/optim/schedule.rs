//! The learning rate over a run: constant, cosine or steps, after a linear warm-up. A pure function of the step.

use crate::error::{Error, Result};

/// How the learning rate goes after the warm-up.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Shape {
    /// As it is.
    Constant,
    /// Half a cosine from the learning rate to 0 at the end of the run (Loshchilov and Hutter 2017), step by step.
    Cosine,
    /// Times `factor` each `epochs` epochs, counted from the start of the run.
    Step {
        /// Epochs between two steps, at least 1.
        epochs: u32,
        /// In (0, 1].
        factor: f64,
    },
}

/// A learning rate for each step of a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Schedule {
    shape: Shape,
    warmup: u64,
    steps_per_epoch: u64,
    total: u64,
}

impl Schedule {
    /// A schedule of `epochs` epochs of `steps_per_epoch` steps, the first `warmup_epochs` of which warm up.
    ///
    /// # Errors
    /// When there is no step, the warm-up is longer than the run, or a number of the shape is out of range.
    pub fn new(shape: Shape, warmup_epochs: f64, epochs: u32, steps_per_epoch: u64) -> Result<Self> {
        let check = |name, expected, fits: bool, got: String| {
            if fits { Ok(()) } else { Err(Error::Parameter { name, expected, got }) }
        };
        let total = u64::from(epochs) * steps_per_epoch;
        check("steps of a run", "at least 1", total >= 1, total.to_string())?;
        let fits = (0.0..=f64::from(epochs)).contains(&warmup_epochs);
        check("warmup_epochs", "a number in [0, epochs]", fits, warmup_epochs.to_string())?;
        if let Shape::Step { epochs, factor } = shape {
            check("step_epochs", "at least 1", epochs >= 1, epochs.to_string())?;
            let fits = factor > 0.0 && factor <= 1.0;
            check("step_factor", "a number in (0, 1]", fits, factor.to_string())?;
        }
        let warmup = (warmup_epochs * steps_per_epoch as f64).round() as u64;
        Ok(Self { shape, warmup, steps_per_epoch, total })
    }

    /// What the learning rate is multiplied by at a step, from 0: the warm-up goes in equal steps, the last of them
    /// with the whole learning rate.
    #[must_use]
    pub fn factor(&self, step: u64) -> f64 {
        if step < self.warmup {
            return (step + 1) as f64 / self.warmup as f64;
        }
        match self.shape {
            Shape::Constant => 1.0,
            Shape::Cosine => {
                let done = (step - self.warmup) as f64 / (self.total - self.warmup).max(1) as f64;
                0.5 * (1.0 + (std::f64::consts::PI * done.min(1.0)).cos())
            }
            Shape::Step { epochs, factor } => {
                factor.powf((step / self.steps_per_epoch / u64::from(epochs)) as f64)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_warm_up_ends_at_the_whole_and_the_cosine_near_nothing() {
        let schedule = Schedule::new(Shape::Cosine, 2.0, 10, 5).unwrap();
        assert_eq!(schedule.factor(0), 0.1);
        assert_eq!(schedule.factor(9), 1.0);
        assert_eq!(schedule.factor(10), 1.0);
        assert!((schedule.factor(30) - 0.5).abs() < 1e-12);
        assert!(schedule.factor(49) > 0.0 && schedule.factor(49) < 0.01);
        assert!((0..49).all(|step| step < 10 || schedule.factor(step) > schedule.factor(step + 1)));
        assert_eq!(schedule.factor(u64::MAX), 0.0);
    }

    #[test]
    fn steps_fall_at_whole_epochs_and_nothing_moves_a_constant() {
        let schedule = Schedule::new(Shape::Step { epochs: 3, factor: 0.1 }, 0.0, 9, 4).unwrap();
        let factors: Vec<f64> = [0, 11, 12, 23, 24].map(|step| schedule.factor(step)).into();
        assert!(factors.iter().zip([1.0, 1.0, 0.1, 0.1, 0.01]).all(|(a, b)| (a - b).abs() < 1e-15));
        let constant = Schedule::new(Shape::Constant, 0.0, 9, 4).unwrap();
        assert!((0..36).all(|step| constant.factor(step) == 1.0));
        let all_warm = Schedule::new(Shape::Cosine, 9.0, 9, 4).unwrap();
        assert_eq!(all_warm.factor(35), 1.0);
    }

    #[test]
    fn what_is_out_of_range_is_told() {
        for (shape, warmup, epochs, steps, name) in [
            (Shape::Constant, 0.0, 0, 5, "steps of a run"),
            (Shape::Cosine, 11.0, 10, 5, "warmup_epochs"),
            (Shape::Cosine, f64::NAN, 10, 5, "warmup_epochs"),
            (Shape::Step { epochs: 0, factor: 0.1 }, 0.0, 10, 5, "step_epochs"),
            (Shape::Step { epochs: 1, factor: f64::NAN }, 0.0, 10, 5, "step_factor"),
        ] {
            let message = Schedule::new(shape, warmup, epochs, steps).unwrap_err().to_string();
            assert!(message.starts_with(name), "{message}");
        }
    }
}
