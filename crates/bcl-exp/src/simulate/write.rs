//! The results of the numerical experiments as CSV, figures and a table.

use super::densities::{densities, omega_curves};
use super::sweeps::{Axis, Sweep};
use crate::figure::{LineChart, Series, Style};
use crate::store::write_atomic;
use anyhow::Result;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// The files written.
#[derive(Debug, Default)]
pub struct Written {
    /// In order.
    pub files: Vec<PathBuf>,
}

impl Written {
    fn put(&mut self, path: PathBuf, content: &[u8]) -> Result<()> {
        write_atomic(&path, content)?;
        self.files.push(path);
        Ok(())
    }

    fn csv<Row: Serialize>(&mut self, path: PathBuf, rows: &[Row], first: Option<&str>) -> Result<()> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        for row in rows {
            writer.serialize(row)?;
        }
        let mut text = String::from_utf8(writer.into_inner()?)?;
        if let Some(name) = first {
            text = text.replacen("value", name, 1);
        }
        self.put(path, text.as_bytes())
    }
}

/// Writes everything under `folder`.
///
/// # Errors
/// When a file cannot be written.
pub fn write(folder: &Path, sweeps: &[Sweep], seed: u64) -> Result<Written> {
    let mut written = Written::default();
    let figure = |name: &str| folder.join("figures").join(format!("{name}.svg"));
    for sweep in sweeps {
        let name = sweep.axis.name();
        written.csv(folder.join(format!("mse_{name}.csv")), &sweep.rows, Some(name))?;
        written.put(figure(&format!("mse_{name}")), errors(sweep).to_svg()?.as_bytes())?;
        written.put(figure(&format!("mean_{name}")), means(sweep).to_svg()?.as_bytes())?;
    }
    let (alpha, beta, tau_plus) = (0.9, 0.9, 0.1);
    let rows = densities(alpha, beta, tau_plus, seed)?;
    written.csv(folder.join("densities.csv"), &rows, None)?;
    type Pick = fn(&super::DensityRow) -> f64;
    let curves: [(&str, Pick, Style); 7] = [
        ("base", |row| row.phi, Style::Dashed),
        ("true negatives", |row| row.phi_tn, Style::Line),
        ("false negatives", |row| row.phi_fn, Style::Line),
        ("unlabeled", |row| row.phi_un, Style::Line),
        ("BCL's target", |row| row.psi, Style::Line),
        ("true, sampled", |row| row.sampled_tn, Style::Markers),
        ("false, sampled", |row| row.sampled_fn, Style::Markers),
    ];
    let chart = LineChart {
        title: "Densities of scores".into(),
        caption: format!(
            "base density standard normal; alpha {alpha}, beta {beta}, tau+ {tau_plus}; 200,000 samples each"
        ),
        x_label: "score".into(),
        y_label: "density".into(),
        series: curves
            .into_iter()
            .map(|(label, pick, style)| Series {
                label: label.into(),
                points: rows.iter().map(|row| (row.score, pick(row))).collect(),
                style,
                ..Series::default()
            })
            .collect(),
        ..LineChart::default()
    };
    written.put(figure("densities"), chart.to_svg()?.as_bytes())?;

    let families = [
        ("omega_by_beta", "beta", [0.1, 0.3, 0.5, 0.7, 0.9, 1.0].map(|beta| (0.9, beta)), "alpha 0.9"),
        ("omega_by_alpha", "alpha", [0.5, 0.6, 0.7, 0.8, 0.9, 0.95].map(|alpha| (alpha, 0.9)), "beta 0.9"),
    ];
    for (name, varying, pairs, fixed) in families {
        let rows = omega_curves(&pairs, tau_plus)?;
        written.csv(folder.join(format!("{name}.csv")), &rows, None)?;
        let series = pairs.iter().map(|&(alpha, beta)| Series {
            label: format!("{varying} {}", if varying == "beta" { beta } else { alpha }),
            points: rows
                .iter()
                .filter(|row| row.alpha == alpha && row.beta == beta)
                .map(|row| (row.cdf, row.omega))
                .collect(),
            ..Series::default()
        });
        let chart = LineChart {
            title: "Weight of a negative by its rank".into(),
            caption: format!(
                "{fixed}, tau+ {tau_plus}; 0 is the easiest negative of an anchor, 1 the hardest"
            ),
            x_label: "share of the anchor's negatives that score at most as high".into(),
            y_label: "importance weight omega".into(),
            series: series.collect(),
            ..LineChart::default()
        };
        written.put(figure(name), chart.to_svg()?.as_bytes())?;
    }
    let table = summary(sweeps);
    written.put(folder.join("tables").join("numerical.md"), table.as_bytes())?;
    Ok(written)
}

fn caption(sweep: &Sweep) -> String {
    let s = &sweep.setting;
    let parts = [
        (Axis::Alpha, format!("alpha {}", s.alpha)),
        (Axis::Beta, format!("beta {}", s.beta)),
        (Axis::TauPlus, format!("tau+ {}", s.tau_plus)),
        (Axis::Negatives, format!("{} negatives", s.negatives)),
    ];
    let fixed: Vec<String> =
        parts.into_iter().filter(|(axis, _)| *axis != sweep.axis).map(|(_, text)| text).collect();
    format!("{}; {} anchors, t {}, {} repeat(s)", fixed.join(", "), s.anchors, s.temperature, sweep.repeats)
}

fn x_label(axis: Axis) -> &'static str {
    match axis {
        Axis::Alpha => "location alpha",
        Axis::Beta => "concentration beta",
        Axis::TauPlus => "class prior tau+",
        Axis::Negatives => "negatives of an anchor, log2",
    }
}

type Pick = fn(&super::SweepRow) -> f64;

fn chart(sweep: &Sweep, title: &str, y_label: &str, log_y: bool, lines: &[(&str, Pick, Style)]) -> LineChart {
    let x = |row: &super::SweepRow| if sweep.axis == Axis::Negatives { row.value.log2() } else { row.value };
    let series = lines.iter().map(|(label, pick, style)| Series {
        label: (*label).to_owned(),
        points: sweep.rows.iter().map(|row| (x(row), pick(row))).collect(),
        style: *style,
        ..Series::default()
    });
    LineChart {
        title: title.into(),
        caption: caption(sweep),
        x_label: x_label(sweep.axis).into(),
        y_label: y_label.into(),
        series: series.collect(),
        log_y,
        ..LineChart::default()
    }
}

fn errors(sweep: &Sweep) -> LineChart {
    let lines: [(&str, Pick, Style); 4] = [
        ("biased (SimCLR)", |row| row.mse_biased, Style::LineMarkers),
        ("DCL", |row| row.mse_dcl, Style::LineMarkers),
        ("BCL", |row| row.mse_bcl, Style::LineMarkers),
        ("BCL, not normalised", |row| row.mse_bcl_plain, Style::Line),
    ];
    chart(sweep, "Mean squared error of the negatives' term", "mean squared error", true, &lines)
}

fn means(sweep: &Sweep) -> LineChart {
    let lines: [(&str, Pick, Style); 6] = [
        ("biased (SimCLR)", |row| row.mean_biased, Style::LineMarkers),
        ("DCL", |row| row.mean_dcl, Style::LineMarkers),
        ("BCL", |row| row.mean_bcl, Style::LineMarkers),
        ("true negatives", |row| row.mean_theta, Style::Line),
        ("true, expected", |row| row.expected_theta, Style::Dashed),
        ("BCL's target, expected", |row| row.expected_target, Style::Dashed),
    ];
    chart(sweep, "Mean of the negatives' term", "mean of x = exp(score / t)", false, &lines)
}

/// The headline numbers: means and errors at a few values of alpha.
#[must_use]
pub(crate) fn summary(sweeps: &[Sweep]) -> String {
    let mut text = String::from("# Numerical experiments\n\nMade by `bcl-exp simulate`.\n");
    for sweep in sweeps {
        let name = sweep.axis.name();
        text += &format!("\n## By {name}\n\n{}\n\n", caption(sweep));
        text += &format!(
            "| {name} | truth | biased | DCL | BCL | MSE biased | MSE DCL | MSE BCL |\n|---|---|---|---|---|---|---|---|\n"
        );
        let stride = sweep.rows.len().div_ceil(8).max(1);
        let last = sweep.rows.len().saturating_sub(1);
        for (_, row) in
            sweep.rows.iter().enumerate().filter(|(index, _)| index % stride == 0 || *index == last)
        {
            text += &format!(
                "| {:.3} | {:.2} | {:.2} | {:.2} | {:.2} | {:.1} | {:.1} | {:.1} |\n",
                row.value,
                row.mean_theta,
                row.mean_biased,
                row.mean_dcl,
                row.mean_bcl,
                row.mse_biased,
                row.mse_dcl,
                row.mse_bcl,
            );
        }
    }
    text
}
