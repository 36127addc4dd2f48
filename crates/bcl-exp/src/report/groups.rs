//! Rows that may be compared, and rows that differ in the seed alone.

use super::statistics::Sample;
use crate::store::{CellRow, Status};

/// Rows of one protocol: same data, encoder, training and scoring. Only these share a table.
#[derive(Debug, Clone)]
pub(super) struct Section<'a> {
    pub(super) settings: Vec<Setting<'a>>,
}

/// Rows of one loss, one a seed.
#[derive(Debug, Clone)]
pub(super) struct Setting<'a> {
    pub(super) rows: Vec<&'a CellRow>,
}

/// Groups the finished rows; the last row of a run counts. Order is that of first appearance.
pub(super) fn sections(rows: &[CellRow]) -> Vec<Section<'_>> {
    let mut sections: Vec<Section<'_>> = Vec::new();
    for row in latest(rows).into_iter().filter(|row| row.status == Status::Ok) {
        let section = match sections.iter_mut().find(|section| protocol(section.first()) == protocol(row)) {
            Some(section) => section,
            None => {
                sections.push(Section { settings: vec![Setting { rows: vec![row] }] });
                continue;
            }
        };
        match section.settings.iter_mut().find(|setting| loss(setting.first()) == loss(row)) {
            Some(setting) => setting.rows.push(row),
            None => section.settings.push(Setting { rows: vec![row] }),
        }
    }
    sections
}

/// The cells that failed and have not succeeded since.
pub(super) fn failures(rows: &[CellRow]) -> Vec<&CellRow> {
    latest(rows).into_iter().filter(|row| row.status == Status::Failed).collect()
}

/// The last row of each run, in order of the first.
fn latest(rows: &[CellRow]) -> Vec<&CellRow> {
    let mut kept: Vec<&CellRow> = Vec::new();
    for row in rows {
        match kept.iter_mut().find(|other| other.run_id == row.run_id) {
            Some(other) => *other = row,
            None => kept.push(row),
        }
    }
    kept
}

/// What has to be equal for rows to be compared.
fn protocol(row: &CellRow) -> impl PartialEq {
    (
        (row.dataset.clone(), row.pretrain_images, row.image_size, row.encoder.clone(), row.feature_dim),
        (row.precision.clone(), row.batch_pairs, row.epochs, row.protocol.clone()),
        (row.knn_k, row.knn_t.map(f64::to_bits)),
    )
}

/// What makes a loss.
fn loss(row: &CellRow) -> impl PartialEq {
    let bits = |value: Option<f64>| value.map(f64::to_bits);
    (
        (row.estimator.clone(), row.alpha_source.clone(), row.variant.clone(), row.temperature.to_bits()),
        (bits(row.alpha), bits(row.beta), bits(row.hcl_beta), bits(row.tau_plus)),
    )
}

impl<'a> Section<'a> {
    /// A row that tells the protocol.
    pub(super) fn first(&self) -> &'a CellRow {
        self.settings[0].first()
    }

    /// SimCLR with which the others are compared.
    pub(super) fn baseline(&self) -> Option<&Setting<'a>> {
        self.settings.iter().find(|setting| setting.first().estimator == "SimCLR")
    }

    /// The label of each setting; longer ones where settings would not be told apart.
    pub(super) fn labels(&self) -> Vec<String> {
        let short: Vec<String> = self.settings.iter().map(Setting::label).collect();
        let label = |(setting, label): (&Setting<'_>, &String)| {
            let row = setting.first();
            let alone = short.iter().filter(|other| *other == label).count() == 1;
            if alone {
                return label.clone();
            }
            let others = [("hcl β", row.hcl_beta), ("τ⁺", row.tau_plus), ("t", Some(row.temperature))];
            let others = others.iter().filter_map(|(name, value)| Some(format!(" {name}={}", (*value)?)));
            label.clone() + &others.collect::<String>()
        };
        self.settings.iter().zip(&short).map(label).collect()
    }

    /// One line: what was trained and how it was scored.
    pub(super) fn describe(&self) -> String {
        let row = self.first();
        let neighbours = match (row.knn_k, row.knn_t) {
            (Some(k), Some(t)) => format!("kNN k = {k}, t = {t}"),
            _ => "no kNN".into(),
        };
        format!(
            "{}, {} images at {} px; {} ({}), {} pairs, {} epochs; {neighbours}; linear probe: {}",
            row.dataset,
            row.pretrain_images,
            row.image_size,
            row.encoder,
            row.precision,
            row.batch_pairs,
            row.epochs,
            row.protocol
        )
    }
}

impl<'a> Setting<'a> {
    pub(super) fn first(&self) -> &'a CellRow {
        self.rows[0]
    }

    /// A column over the seeds that have it.
    pub(super) fn sample(&self, pick: impl Fn(&CellRow) -> Option<f64>) -> Option<Sample> {
        Sample::new(&self.rows.iter().filter_map(|row| pick(row)).collect::<Vec<_>>())
    }

    /// Differences from another setting, seed by seed.
    pub(super) fn difference(&self, other: &Self, pick: impl Fn(&CellRow) -> Option<f64>) -> Option<Sample> {
        let pairs = self.rows.iter().filter_map(|row| {
            let partner = other.rows.iter().find(|partner| partner.seed == row.seed)?;
            Some(pick(row)? - pick(partner)?)
        });
        Sample::new(&pairs.collect::<Vec<_>>())
    }

    /// For figures: `BCL α=0.9 β=0.9`.
    pub(super) fn label(&self) -> String {
        let row = self.first();
        let mut label = row.estimator.clone();
        match (row.alpha, row.alpha_source.as_deref()) {
            (Some(alpha), None | Some("fixed")) => label += &format!(" α={alpha}"),
            (Some(alpha), Some(source)) => label += &format!(" α={source} {alpha}"),
            (None, Some(source)) => label += &format!(" α={source}"),
            (None, None) => {}
        }
        if let Some(beta) = row.beta {
            label += &format!(" β={beta}");
        }
        if let Some(variant) = &row.variant {
            label += &format!(" {variant}");
        }
        label
    }

    /// For names of files: `bcl-alpha0.9-beta0.9-tau0.1-t0.5`, another one for each setting of a section.
    pub(super) fn slug(&self) -> String {
        let row = self.first();
        let mut slug = row.estimator.to_lowercase();
        let source = row.alpha_source.as_deref().filter(|source| *source != "fixed").unwrap_or("alpha");
        if row.alpha_source.is_some() {
            slug += &format!("-{source}");
        }
        slug += &row.alpha.map_or(String::new(), |alpha| alpha.to_string());
        let others = [("beta", row.beta), ("hcl", row.hcl_beta), ("tau", row.tau_plus)];
        for (name, value) in others.into_iter().chain([("t", Some(row.temperature))]) {
            slug += &value.map_or(String::new(), |value| format!("-{name}{value}"));
        }
        slug + &row.variant.as_ref().map_or(String::new(), |variant| format!("-{variant}"))
    }
}
