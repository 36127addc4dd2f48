//! The loss of a cell: from the strings and numbers of a file or a command line to a checked estimator.

use anyhow::{Context, Result, bail, ensure};
use bcl_core::{Compat, ContrastiveLoss, Estimator, Formulation, LossConfig};
use serde::{Deserialize, Serialize};

/// A loss with exactly the parameters that its estimator has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LossSpec {
    /// `SimCLR`, `DCL`, `HCL`, `BCL`, `Oracle`.
    pub estimator: String,
    /// Temperature.
    pub temperature: f64,
    /// Class prior: DCL, HCL, BCL.
    pub tau_plus: Option<f64>,
    /// Location: BCL with a source that needs one.
    pub alpha: Option<f64>,
    /// Where alpha comes from: BCL.
    pub alpha_source: Option<AlphaSource>,
    /// Epochs between two measurements of the oracle AUC; unless set, 20 measurements in a run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alpha_every: Option<u32>,
    /// Concentration: BCL.
    pub beta: Option<f64>,
    /// Hardness exponent: HCL.
    pub hcl_beta: Option<f64>,
    /// BCL: the first formulation instead of the closed form.
    pub von_mises_fisher: bool,
    /// BCL: with the authors' guards.
    pub reference: bool,
}

/// Where the location parameter comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum AlphaSource {
    /// The given alpha throughout.
    Fixed,
    /// The authors' ramp: 20 steps from 0.501 to alpha.
    Linear,
    /// The same ramp, a new value each epoch.
    Smooth,
    /// The encoder's macro-AUC, measured with labels.
    OracleAuc,
    /// Estimated from augmentation pairs, without labels.
    SelfEstimated,
}

impl AlphaSource {
    /// As in files and tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Fixed => "fixed",
            Self::Linear => "linear",
            Self::Smooth => "smooth",
            Self::OracleAuc => "oracle-auc",
            Self::SelfEstimated => "self-estimated",
        }
    }

    /// Whether `alpha` says where the source goes.
    #[must_use]
    pub fn needs_alpha(self) -> bool {
        matches!(self, Self::Fixed | Self::Linear | Self::Smooth)
    }

    /// Reads a name.
    ///
    /// # Errors
    /// When there is no such source.
    pub fn parse(name: &str) -> Result<Self> {
        [Self::Fixed, Self::Linear, Self::Smooth, Self::OracleAuc, Self::SelfEstimated]
            .into_iter()
            .find(|source| source.name() == name)
            .with_context(|| {
                format!(
                    "alpha_source: expected fixed, linear, smooth, oracle-auc or self-estimated, got {name:?}"
                )
            })
    }
}

/// What a user may say of a loss, before it is known which of it applies.
#[derive(Debug, Clone, Default)]
pub struct LossRequest {
    /// Estimator's name, any case.
    pub estimator: String,
    /// Defaults to 0.5.
    pub temperature: Option<f64>,
    /// Defaults to 1 / classes.
    pub tau_plus: Option<f64>,
    /// Required by BCL with a fixed or ramped location.
    pub alpha: Option<f64>,
    /// Defaults to fixed.
    pub alpha_source: Option<String>,
    /// Epochs between two measurements of the oracle AUC.
    pub alpha_every: Option<u32>,
    /// Required by BCL.
    pub beta: Option<f64>,
    /// Defaults to 1.
    pub hcl_beta: Option<f64>,
    /// `density` (default) or `vmf`.
    pub formulation: Option<String>,
    /// `exact` (default) or `reference`.
    pub compat: Option<String>,
}

impl LossRequest {
    /// Keeps what the estimator knows, fills in defaults, checks every value.
    ///
    /// # Errors
    /// On an unknown estimator, a missing parameter, or a value out of range.
    pub fn resolve(&self, default_tau_plus: f64) -> Result<LossSpec> {
        let estimator: Estimator = self.estimator.parse()?;
        let bcl = estimator == Estimator::Bcl;
        let source = match (&self.alpha_source, bcl) {
            (Some(name), true) => Some(AlphaSource::parse(name)?),
            (None, true) => Some(AlphaSource::Fixed),
            (_, false) => None,
        };
        let alpha = match source {
            Some(source) if source.needs_alpha() => Some(
                self.alpha.with_context(|| format!("BCL with a {} location needs alpha", source.name()))?,
            ),
            _ => None,
        };
        ensure!(self.alpha_every != Some(0), "alpha_every: expected at least 1 epoch, got 0");
        let beta =
            if bcl { Some(self.beta.context("BCL needs beta (the concentration parameter)")?) } else { None };
        let has_prior = matches!(estimator, Estimator::Dcl | Estimator::Hcl | Estimator::Bcl);
        let spec = LossSpec {
            estimator: estimator.to_string(),
            temperature: self.temperature.unwrap_or(0.5),
            tau_plus: has_prior.then(|| self.tau_plus.unwrap_or(default_tau_plus)),
            alpha,
            alpha_source: source,
            alpha_every: self.alpha_every.filter(|_| source == Some(AlphaSource::OracleAuc)),
            beta,
            hcl_beta: (estimator == Estimator::Hcl).then(|| self.hcl_beta.unwrap_or(1.0)),
            von_mises_fisher: bcl && choice("formulation", self.formulation.as_deref(), ["density", "vmf"])?,
            reference: bcl && choice("compat", self.compat.as_deref(), ["exact", "reference"])?,
        };
        spec.build(spec.first_alpha())?;
        Ok(spec)
    }
}

/// Whether the second of two names was chosen; the first is the default.
fn choice(key: &str, given: Option<&str>, [default, other]: [&str; 2]) -> Result<bool> {
    match given {
        None => Ok(false),
        Some(name) if name == default => Ok(false),
        Some(name) if name == other => Ok(true),
        Some(name) => bail!("{key}: expected {default} or {other}, got {name:?}"),
    }
}

impl LossSpec {
    /// The estimator with this location (ignored by all but BCL).
    ///
    /// # Errors
    /// When a parameter is out of range.
    pub fn build(&self, alpha: Option<f64>) -> Result<Box<dyn ContrastiveLoss>> {
        let mut config = LossConfig::new(self.estimator.parse()?);
        config.temperature = self.temperature;
        config.tau_plus = self.tau_plus.unwrap_or(config.tau_plus);
        config.alpha = alpha.unwrap_or(config.alpha);
        config.beta = self.beta.unwrap_or(config.beta);
        config.hcl_beta = self.hcl_beta.unwrap_or(config.hcl_beta);
        if self.von_mises_fisher {
            config.formulation = Formulation::VonMisesFisher;
        }
        if self.reference {
            config.compat = Compat::Reference;
        }
        Ok(config.build()?)
    }

    /// Whether the estimator asks for the labels of a batch.
    #[must_use]
    pub fn needs_labels(&self) -> bool {
        self.estimator == Estimator::Oracle.to_string()
    }

    /// The flags of `bcl-exp loss` for this loss with this location.
    #[must_use]
    pub fn flags(&self, alpha: Option<f64>) -> String {
        let mut text = format!("--estimator {} --temperature {}", self.estimator, self.temperature);
        let rest =
            [("alpha", alpha), ("beta", self.beta), ("tau-plus", self.tau_plus), ("hcl-beta", self.hcl_beta)];
        for (name, value) in rest {
            if let Some(value) = value {
                text += &format!(" --{name} {value}");
            }
        }
        for (chosen, flag) in
            [(self.von_mises_fisher, " --formulation vmf"), (self.reference, " --compat reference")]
        {
            text += if chosen { flag } else { "" };
        }
        text
    }

    /// The location that training begins with, where it does not depend on data.
    #[must_use]
    pub fn first_alpha(&self) -> Option<f64> {
        self.alpha
    }

    /// For tables: empty for the closed form without guards.
    #[must_use]
    pub fn variant(&self) -> Option<String> {
        match (self.von_mises_fisher, self.reference) {
            (false, false) => None,
            (true, false) => Some("vmf".into()),
            (false, true) => Some("reference".into()),
            (true, true) => Some("vmf+reference".into()),
        }
    }

    /// One line: `BCL alpha=0.9 beta=0.9 tau+=0.1 t=0.5`.
    #[must_use]
    pub fn label(&self) -> String {
        let mut text = self.estimator.clone();
        if let Some(variant) = self.variant() {
            text += &format!(" ({variant})");
        }
        match (self.alpha, self.alpha_source) {
            (Some(alpha), None | Some(AlphaSource::Fixed)) => text += &format!(" alpha={alpha}"),
            (Some(alpha), Some(source)) => text += &format!(" alpha={}->{alpha}", source.name()),
            (None, Some(source)) => text += &format!(" alpha={}", source.name()),
            (None, None) => {}
        }
        let rest = [("beta", self.beta), ("hcl-beta", self.hcl_beta), ("tau+", self.tau_plus)];
        for (name, value) in rest {
            if let Some(value) = value {
                text += &format!(" {name}={value}");
            }
        }
        text + &format!(" t={}", self.temperature)
    }
}
