//! Points along one parameter, in parallel; each point has its own random stream, so threads change nothing.

use super::estimators::{Point, run_point};
use super::setting::Setting;
use anyhow::Result;
use rayon::prelude::*;
use serde::Serialize;

/// The parameter that varies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Axis {
    /// Location: the authors' 50 values.
    Alpha,
    /// Concentration.
    Beta,
    /// Class prior.
    TauPlus,
    /// Negatives of an anchor.
    Negatives,
}

impl Axis {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Alpha, Self::Beta, Self::TauPlus, Self::Negatives];

    /// As in file names and columns.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Alpha => "alpha",
            Self::Beta => "beta",
            Self::TauPlus => "tau_plus",
            Self::Negatives => "negatives",
        }
    }

    /// The values it takes.
    #[must_use]
    pub fn values(self) -> Vec<f64> {
        let line = |low: f64, high: f64, count: u32| {
            (0..count).map(move |i| low + (high - low) * f64::from(i) / f64::from(count - 1)).collect()
        };
        match self {
            Self::Alpha => line(0.5, 1.0, 50),
            Self::Beta => line(0.0, 1.0, 41),
            Self::TauPlus => line(0.0, 0.5, 41),
            Self::Negatives => (2..=13).map(|power| f64::from(1 << power)).collect(),
        }
    }

    fn applied(self, setting: &Setting, value: f64) -> Setting {
        let mut setting = *setting;
        match self {
            Self::Alpha => setting.alpha = value,
            Self::Beta => setting.beta = value,
            Self::TauPlus => setting.tau_plus = value,
            Self::Negatives => setting.negatives = value as usize,
        }
        setting
    }
}

/// The points of one sweep.
#[derive(Debug, Clone, PartialEq)]
pub struct Sweep {
    /// What varied.
    pub axis: Axis,
    /// The rest of the setting.
    pub setting: Setting,
    /// Repeats averaged.
    pub repeats: usize,
    /// One a value.
    pub rows: Vec<SweepRow>,
}

/// A row of the CSV. Columns up to `mse_biased` are those of the authors' script in their order.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SweepRow {
    /// Value of the parameter that varies.
    pub value: f64,
    /// Mean of x over true negatives: the truth.
    pub mean_theta: f64,
    /// Mean of BCL's estimate.
    pub mean_bcl: f64,
    /// Mean of DCL's estimate.
    pub mean_dcl: f64,
    /// Mean of the biased estimate.
    pub mean_biased: f64,
    /// Mean squared error of BCL.
    pub mse_bcl: f64,
    /// Mean squared error of DCL.
    pub mse_dcl: f64,
    /// Mean squared error of the biased estimate.
    pub mse_biased: f64,
    /// BCL with weights as they are, not normalised to sum 1.
    pub mean_bcl_plain: f64,
    /// Its mean squared error.
    pub mse_bcl_plain: f64,
    /// Standard error over repeats of `mse_bcl`; empty for one repeat, as the next two.
    pub se_mse_bcl: Option<f64>,
    /// Of `mse_dcl`.
    pub se_mse_dcl: Option<f64>,
    /// Of `mse_biased`.
    pub se_mse_biased: Option<f64>,
    /// E x over true negatives, closed form.
    pub expected_theta: f64,
    /// E x under BCL's target density, closed form; equals the former at beta = 0.5.
    pub expected_target: f64,
}

/// Runs a sweep: every value `repeats` times. `alpha = 1` with `beta = 1` is left out.
///
/// # Errors
/// When the setting is out of range or there is no repeat.
pub fn sweep(axis: Axis, setting: &Setting, seed: u64, repeats: usize) -> Result<Sweep> {
    anyhow::ensure!(repeats >= 1, "repeats: expected at least 1, got 0");
    let settings: Vec<(f64, Setting)> = axis
        .values()
        .into_iter()
        .map(|value| (value, axis.applied(setting, value)))
        .filter(|(_, setting)| setting.alpha < 1.0 || setting.beta < 1.0)
        .collect();
    let rows = settings
        .par_iter()
        .enumerate()
        .map(|(index, (value, setting))| {
            let points = (0..repeats)
                .map(|repeat| run_point(setting, (seed, axis as u64, index as u64, repeat as u64)))
                .collect::<Result<Vec<_>>>()?;
            Ok(row(*value, setting, &points))
        })
        .collect::<Result<Vec<_>>>()?;
    Ok(Sweep { axis, setting: *setting, repeats, rows })
}

fn row(value: f64, setting: &Setting, points: &[Point]) -> SweepRow {
    let count = points.len() as f64;
    let mean = |pick: fn(&Point) -> f64| points.iter().map(pick).sum::<f64>() / count;
    let error = |pick: fn(&Point) -> f64| {
        let centre = mean(pick);
        let squares = points.iter().map(|point| (pick(point) - centre).powi(2)).sum::<f64>();
        (points.len() > 1).then(|| (squares / (count - 1.0) / count).sqrt())
    };
    SweepRow {
        value,
        mean_theta: mean(|point| point.truth),
        mean_bcl: mean(|point| point.mean.bcl),
        mean_dcl: mean(|point| point.mean.dcl),
        mean_biased: mean(|point| point.mean.biased),
        mse_bcl: mean(|point| point.mse.bcl),
        mse_dcl: mean(|point| point.mse.dcl),
        mse_biased: mean(|point| point.mse.biased),
        mean_bcl_plain: mean(|point| point.mean.bcl_plain),
        mse_bcl_plain: mean(|point| point.mse.bcl_plain),
        se_mse_bcl: error(|point| point.mse.bcl),
        se_mse_dcl: error(|point| point.mse.dcl),
        se_mse_biased: error(|point| point.mse.biased),
        expected_theta: setting.expected_true(),
        expected_target: setting.expected_target(),
    }
}
