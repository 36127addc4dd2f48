//! Figures of an experiment: name and SVG.

use super::groups::{Section, Setting, sections};
use super::statistics::Sample;
use super::tables::Grid;
use crate::figure::{Dot, DotChart, HeatMap, LineChart, Series, Style};
use crate::store::{CellRow, EpochRow};
use anyhow::Result;
use std::collections::BTreeMap;

type Pick = fn(&CellRow) -> Option<f64>;
type PickEpoch = fn(&EpochRow) -> Option<f64>;

/// The accuracies that are drawn: name of the file, label, column.
const ACCURACIES: [(&str, &str, Pick); 2] = [
    ("linear", "linear top-1, per cent", |row| row.linear_top1),
    ("knn", "kNN top-1, per cent", |row| row.knn_top1),
];

/// Every figure that the rows can give.
pub(super) fn figures(rows: &[CellRow], epochs: &[EpochRow]) -> Result<Vec<(String, String)>> {
    let mut figures = Vec::new();
    for (number, section) in sections(rows).iter().enumerate() {
        let suffix = if number == 0 { String::new() } else { format!("-{}", number + 1) };
        let mut add = |name: &str, svg: String| figures.push((format!("{name}{suffix}.svg"), svg));
        for (name, label, pick) in ACCURACIES {
            if let Some(chart) = by_loss(section, label, pick) {
                add(&format!("{name}-by-loss"), chart.to_svg()?);
            }
            if let Some(chart) = by_alpha(section, label, pick) {
                add(&format!("{name}-by-alpha"), chart.to_svg()?);
            }
            if let Some(map) = heat_map(section, label, pick) {
                add(&format!("{name}-alpha-beta"), map.to_svg()?);
            }
        }
        let curves: [(&str, &str, PickEpoch); 6] = [
            ("loss-by-epoch", "mean loss of the epoch", |row| Some(row.loss)),
            ("knn-by-epoch", "kNN top-1, per cent", |row| row.knn_top1),
            ("alignment-by-epoch", "alignment of the projections", |row| row.alignment),
            ("uniformity-by-epoch", "uniformity of the projections", |row| row.uniformity),
            ("rank-by-epoch", "effective rank of the projections", |row| row.effective_rank),
            ("alpha-by-epoch", "alpha in use", |row| row.alpha),
        ];
        for (name, label, pick) in curves {
            let constant = name == "alpha-by-epoch"
                && section
                    .settings
                    .iter()
                    .all(|s| matches!(s.first().alpha_source.as_deref(), None | Some("fixed")));
            if let Some(chart) = curve(section, epochs, label, pick).filter(|_| !constant) {
                add(name, chart.to_svg()?);
            }
        }
    }
    Ok(figures)
}

fn by_loss(section: &Section<'_>, label: &str, pick: Pick) -> Option<DotChart> {
    let order = ["SimCLR", "DCL", "HCL", "BCL", "Oracle"];
    let dots: Vec<Dot> = section
        .settings
        .iter()
        .filter_map(|setting| {
            let sample = setting.sample(pick)?;
            let group =
                order.iter().position(|name| *name == setting.first().estimator).unwrap_or(order.len());
            Some(Dot { label: setting.label(), value: sample.mean, error: sample.std, group })
        })
        .collect();
    (!dots.is_empty()).then(|| DotChart {
        title: "Accuracy by loss".into(),
        caption: section.describe(),
        x_label: format!("{label}; mean and standard deviation over seeds"),
        dots,
    })
}

/// A line for each beta over alpha, the other losses as references.
fn by_alpha(section: &Section<'_>, label: &str, pick: Pick) -> Option<LineChart> {
    let fixed = |setting: &&Setting<'_>| setting.first().alpha_source.as_deref() == Some("fixed");
    let mut lines: BTreeMap<u64, Vec<(f64, Sample)>> = BTreeMap::new();
    for setting in section.settings.iter().filter(fixed) {
        let (Some(alpha), Some(beta), Some(sample)) =
            (setting.first().alpha, setting.first().beta, setting.sample(pick))
        else {
            continue;
        };
        lines.entry(beta.to_bits()).or_default().push((alpha, sample));
    }
    if lines.values().all(|points| points.len() < 2) {
        return None;
    }
    let band = |sample: &Sample| {
        let half = sample.std.unwrap_or(0.0);
        (sample.mean - half, sample.mean + half)
    };
    let mut series: Vec<Series> = lines
        .into_iter()
        .map(|(beta, mut points)| {
            points.sort_by(|a, b| a.0.total_cmp(&b.0));
            Series {
                label: format!("BCL, beta {}", f64::from_bits(beta)),
                points: points.iter().map(|(alpha, sample)| (*alpha, sample.mean)).collect(),
                band: Some(points.iter().map(|(_, sample)| band(sample)).collect()),
                style: Style::LineMarkers,
            }
        })
        .collect();
    let xs: Vec<f64> = series.iter().flat_map(|line| line.points.iter().map(|point| point.0)).collect();
    let (low, high) =
        (xs.iter().copied().fold(f64::MAX, f64::min), xs.iter().copied().fold(f64::MIN, f64::max));
    for setting in section.settings.iter().filter(|setting| setting.first().alpha_source.is_none()) {
        if let Some(sample) = setting.sample(pick) {
            let points = vec![(low, sample.mean), (high, sample.mean)];
            series.push(Series { label: setting.label(), points, band: None, style: Style::Dashed });
        }
    }
    Some(LineChart {
        title: "Accuracy by location".into(),
        caption: section.describe(),
        x_label: "location alpha".into(),
        y_label: label.into(),
        series,
        ..LineChart::default()
    })
}

fn heat_map(section: &Section<'_>, label: &str, pick: Pick) -> Option<HeatMap> {
    let grid = Grid::new(section, pick)?;
    Some(HeatMap {
        title: format!("BCL: {label}"),
        caption: section.describe(),
        x_label: "concentration beta".into(),
        y_label: "alpha".into(),
        x: grid.betas,
        y: grid.alphas,
        values: grid.values,
        digits: 2,
    })
}

/// A line for each setting over the epochs, averaged over seeds.
fn curve(section: &Section<'_>, epochs: &[EpochRow], label: &str, pick: PickEpoch) -> Option<LineChart> {
    let series: Vec<Series> = section
        .settings
        .iter()
        .filter_map(|setting| {
            let mut by_epoch: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
            for row in epochs.iter().filter(|row| setting.rows.iter().any(|cell| cell.run_id == row.run_id)) {
                if let Some(value) = pick(row) {
                    by_epoch.entry(row.epoch).or_default().push(value);
                }
            }
            let points: Vec<(f64, f64)> = by_epoch
                .into_iter()
                .filter_map(|(epoch, values)| Some((f64::from(epoch), Sample::new(&values)?.mean)))
                .collect();
            let style = if points.len() < 12 { Style::LineMarkers } else { Style::Line };
            (!points.is_empty()).then(|| Series { label: setting.label(), points, band: None, style })
        })
        .collect();
    (!series.is_empty()).then(|| LineChart {
        title: "Training".into(),
        caption: section.describe(),
        x_label: "epoch".into(),
        y_label: label.into(),
        series,
        ..LineChart::default()
    })
}
