//! A loss chosen at run time: by name and numbers, for runners and command lines.

use super::{Bcl, ContrastiveLoss, Dcl, Formulation, Hcl, InfoNce, Oracle};
use crate::error::{Error, Result};
use crate::params::{ClassPrior, Concentration, HclBeta, Location, Temperature, Tilt};
use crate::weights::Compat;
use std::fmt;
use std::str::FromStr;

/// The estimators by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Estimator {
    /// InfoNCE.
    SimClr,
    /// Debiased (Chuang et al. 2020), not Decoupled.
    Dcl,
    /// Hard negatives (Robinson et al. 2021).
    Hcl,
    /// Bayesian.
    Bcl,
    /// Labels known.
    Oracle,
}

impl Estimator {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::SimClr, Self::Dcl, Self::Hcl, Self::Bcl, Self::Oracle];
}

impl fmt::Display for Estimator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SimClr => "SimCLR",
            Self::Dcl => "DCL",
            Self::Hcl => "HCL",
            Self::Bcl => "BCL",
            Self::Oracle => "Oracle",
        })
    }
}

impl FromStr for Estimator {
    type Err = Error;

    /// The name in any case; `InfoNCE` is SimCLR.
    fn from_str(name: &str) -> Result<Self> {
        if name.eq_ignore_ascii_case("InfoNCE") {
            return Ok(Self::SimClr);
        }
        Self::ALL.into_iter().find(|estimator| estimator.to_string().eq_ignore_ascii_case(name)).ok_or_else(
            || Error::Name {
                what: "estimator",
                expected: "SimCLR, DCL, HCL, BCL or Oracle",
                got: name.to_owned(),
            },
        )
    }
}

/// Every parameter of every estimator; [`LossConfig::build`] checks those that the estimator has.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LossConfig {
    /// Which loss.
    pub estimator: Estimator,
    /// t > 0.
    pub temperature: f64,
    /// tau+ in [0, 1): DCL, HCL, BCL.
    pub tau_plus: f64,
    /// Location in [0.5, 1]: BCL.
    pub alpha: f64,
    /// Concentration in [0, 1], or with [`Formulation::VonMisesFisher`] an exponent >= 0: BCL.
    pub beta: f64,
    /// Exponent >= 0: HCL.
    pub hcl_beta: f64,
    /// Target density: BCL.
    pub formulation: Formulation,
    /// Exact, or the authors' guards: BCL.
    pub compat: Compat,
}

impl LossConfig {
    /// Temperature 0.5, tau+ 0.1, hcl_beta 1; alpha = beta = 0.5, with which BCL is SimCLR until they are set.
    #[must_use]
    pub fn new(estimator: Estimator) -> Self {
        Self {
            estimator,
            temperature: 0.5,
            tau_plus: 0.1,
            alpha: 0.5,
            beta: 0.5,
            hcl_beta: 1.0,
            formulation: Formulation::Density,
            compat: Compat::Exact,
        }
    }

    /// The loss.
    ///
    /// # Errors
    /// When a parameter that the estimator has is out of range.
    pub fn build(&self) -> Result<Box<dyn ContrastiveLoss>> {
        let temperature = Temperature::new(self.temperature)?;
        let prior = || ClassPrior::new(self.tau_plus);
        Ok(match self.estimator {
            Estimator::SimClr => Box::new(InfoNce::new().temperature(temperature)),
            Estimator::Oracle => Box::new(Oracle::new().temperature(temperature)),
            Estimator::Dcl => Box::new(Dcl::new(prior()?).temperature(temperature)),
            Estimator::Hcl => {
                Box::new(Hcl::new(HclBeta::new(self.hcl_beta)?, prior()?).temperature(temperature))
            }
            Estimator::Bcl => {
                let alpha = Location::new(self.alpha)?;
                let bcl = match self.formulation {
                    Formulation::Density => Bcl::new(alpha, Concentration::new(self.beta)?)?,
                    Formulation::VonMisesFisher => Bcl::von_mises_fisher(alpha, Tilt::new(self.beta)?)?,
                };
                Box::new(bcl.class_prior(prior()?)?.temperature(temperature).compat(self.compat))
            }
        })
    }

    /// The loss when all scores are equal, as for an encoder that has learnt nothing: for orientation.
    ///
    /// It is log(1 + Ng) with x = 1: log(N + 1) for SimCLR, DCL, HCL and Oracle. BCL's ranks are all N then, so it
    /// is log(1 + N omega(1)).
    ///
    /// # Errors
    /// As for [`LossConfig::build`].
    pub fn value_at_uniform(&self, negatives: usize) -> Result<f64> {
        let loss = self.build()?;
        let options = (tch::Kind::Double, tch::Device::Cpu);
        let rows = crate::views::Rows {
            positive: tch::Tensor::f_zeros([1], options)?,
            negative: tch::Tensor::f_zeros([1, negatives as i64], options)?,
            same_class: Some(tch::Tensor::f_zeros(
                [1, negatives as i64],
                (tch::Kind::Bool, tch::Device::Cpu),
            )?),
        };
        Ok(loss.log_negatives(&rows)?.f_exp()?.f_log1p()?.f_sum(None::<tch::Kind>)?.f_double_value(&[])?)
    }
}
