//! The tables of an experiment.

use super::groups::{Section, Setting, failures, sections};
use super::published::{self, Published};
use super::table::Table;
use crate::store::CellRow;
use std::collections::BTreeSet;

type Pick = fn(&CellRow) -> Option<f64>;

/// The accuracy of every setting, a table for each protocol.
pub(super) fn accuracy(name: &str, rows: &[CellRow], table: &[Published]) -> String {
    let mut text = format!("# {name}\n");
    let groups = sections(rows);
    if groups.is_empty() {
        text += "\nNo cell has finished.\n";
    }
    for section in &groups {
        text += &format!("\n{}\n\n{}", section.describe(), accuracy_table(section, table).to_markdown());
        text += &notes(section, table);
    }
    let failed = failures(rows);
    if !failed.is_empty() {
        let lines = failed.iter().map(|row| {
            vec![
                row.run_id.clone(),
                row.estimator.clone(),
                row.seed.to_string(),
                row.error.clone().unwrap_or_default().replace('|', "/"),
            ]
        });
        let table = Table::new(["run", "loss", "seed", "error"], lines);
        text += &format!("\nFailed cells:\n\n{}", table.to_markdown());
    }
    text + &provenance(name, rows)
}

fn accuracy_table(section: &Section<'_>, table: &[Published]) -> Table {
    let (knn, linear): (Pick, Pick) = (|row| row.knn_top1, |row| row.linear_top1);
    let best = |pick: Pick| {
        section
            .settings
            .iter()
            .filter_map(|setting| setting.sample(pick))
            .map(|s| s.mean)
            .fold(f64::MIN, f64::max)
    };
    let marked = |setting: &Setting<'_>, pick: Pick| {
        setting.sample(pick).map_or(String::new(), |sample| {
            let text = sample.text(2);
            if sample.mean == best(pick) { format!("**{text}**") } else { text }
        })
    };
    let rows = section.settings.iter().map(|setting| {
        let row = setting.first();
        let against = section
            .baseline()
            .filter(|baseline| baseline.first().run_id != row.run_id)
            .and_then(|baseline| setting.difference(baseline, linear))
            .map_or(String::new(), |difference| difference.signed(2));
        let mut cells = settings_of(setting);
        cells.extend([
            marked(setting, knn),
            marked(setting, linear),
            against,
            plain(setting, |row| row.linear_top5, 2),
            plain(setting, |row| row.macro_auc, 4),
            plain(setting, |row| row.final_loss, 4),
            published::find(table, row).map_or(String::new(), |(accuracy, _)| format!("{accuracy:.2}")),
        ]);
        cells
    });
    let scores =
        ["kNN %", "linear %", "linear - SimCLR", "top-5 %", "macro-AUC", "final loss", "published %"];
    Table::new(SETTINGS.into_iter().chain(scores), rows)
}

/// What begins a row: the loss and its parameters.
const SETTINGS: [&str; 7] = ["loss", "alpha", "beta", "hcl-beta", "tau+", "t", "seeds"];

fn settings_of(setting: &Setting<'_>) -> Vec<String> {
    let row = setting.first();
    let number = |value: Option<f64>| value.map_or(String::new(), |value| value.to_string());
    let location = match (row.alpha, row.alpha_source.as_deref()) {
        (alpha, None | Some("fixed")) => number(alpha),
        (alpha, Some(source)) => format!("{source} {}", number(alpha)).trim_end().to_owned(),
    };
    let loss =
        row.variant.as_ref().map_or(row.estimator.clone(), |variant| format!("{} {variant}", row.estimator));
    vec![
        loss,
        location,
        number(row.beta),
        number(row.hcl_beta),
        number(row.tau_plus),
        row.temperature.to_string(),
        setting.rows.len().to_string(),
    ]
}

fn plain(setting: &Setting<'_>, pick: Pick, digits: usize) -> String {
    setting.sample(pick).map_or(String::new(), |sample| sample.text(digits))
}

/// The measures without labels; `None` where no row has them.
pub(super) fn representation(name: &str, rows: &[CellRow]) -> Option<String> {
    let mut text = format!("# {name}: projections of the test images, without labels\n");
    let mut any = false;
    for section in sections(rows) {
        let measured = |setting: &&Setting<'_>| setting.sample(|row| row.alignment).is_some();
        let lines: Vec<Vec<String>> = section
            .settings
            .iter()
            .filter(measured)
            .map(|setting| {
                let mut cells = settings_of(setting);
                cells.extend([
                    plain(setting, |row| row.alignment, 4),
                    plain(setting, |row| row.uniformity, 4),
                    plain(setting, |row| row.feature_std, 4),
                    plain(setting, |row| row.effective_rank, 2),
                ]);
                cells
            })
            .collect();
        if lines.is_empty() {
            continue;
        }
        any = true;
        let measures = ["alignment", "uniformity", "feature std", "effective rank"];
        let table = Table::new(SETTINGS.into_iter().chain(measures), lines);
        let (dimensions, spread) =
            (section.first().feature_dim, 1.0 / f64::from(section.first().feature_dim).sqrt());
        text += &format!(
            "\n{}\n\n{}\nAlignment: 0 when views coincide. Spread over the sphere of {dimensions} dimensions: \
             uniformity near -4, feature std {spread:.4}, effective rank near {dimensions}.\n",
            section.describe(),
            table.to_markdown()
        );
    }
    any.then(|| text + &provenance(name, rows))
}

fn notes(section: &Section<'_>, table: &[Published]) -> String {
    let mut text = String::from(
        "\nMean ± sample standard deviation over seeds; differences from SimCLR seed by seed.\n",
    );
    let sources: BTreeSet<&str> = section
        .settings
        .iter()
        .filter_map(|setting| published::find(table, setting.first()))
        .map(|(_, source)| source)
        .collect();
    if !sources.is_empty() {
        let sources: Vec<&str> = sources.into_iter().collect();
        text += &format!("Published: {}. Source: {}.\n", published::PROTOCOL, sources.join("; "));
    }
    text
}

/// Alpha by beta, mean linear accuracy; `None` where there is nothing to cross.
pub(super) fn grid(name: &str, rows: &[CellRow]) -> Option<String> {
    let mut text = format!("# {name}: linear top-1 of BCL by alpha and beta, per cent\n");
    let mut any = false;
    for section in sections(rows) {
        let Some(grid) = Grid::new(&section, |row| row.linear_top1) else { continue };
        any = true;
        let columns: Vec<String> = grid.betas.iter().map(|beta| format!("beta {beta}")).collect();
        text += &format!(
            "\n{}\n\n| alpha | {} |\n|---|{}\n",
            section.describe(),
            columns.join(" | "),
            "---|".repeat(columns.len())
        );
        for (alpha, line) in grid.alphas.iter().zip(grid.values.chunks(grid.betas.len())) {
            let cells: Vec<String> =
                line.iter().map(|value| value.map_or(String::new(), |value| format!("{value:.2}"))).collect();
            text += &format!("| {alpha} | {} |\n", cells.join(" | "));
        }
    }
    any.then(|| text + &provenance(name, rows))
}

/// Means of fixed-location BCL over alpha (rows) and beta (columns).
pub(super) struct Grid {
    pub(super) alphas: Vec<f64>,
    pub(super) betas: Vec<f64>,
    pub(super) values: Vec<Option<f64>>,
}

impl Grid {
    /// `None` with fewer than two values of both, or more than one class prior or temperature.
    pub(super) fn new(section: &Section<'_>, pick: fn(&CellRow) -> Option<f64>) -> Option<Self> {
        let points: Vec<(f64, f64, f64)> = section
            .settings
            .iter()
            .filter(|setting| {
                let row = setting.first();
                row.alpha_source.as_deref() == Some("fixed") && row.variant.is_none()
            })
            .filter_map(|setting| {
                Some((setting.first().alpha?, setting.first().beta?, setting.sample(pick)?.mean))
            })
            .collect();
        let axis = |pick: fn(&(f64, f64, f64)) -> f64| {
            let mut values: Vec<f64> = points.iter().map(pick).collect();
            values.sort_by(f64::total_cmp);
            values.dedup();
            values
        };
        let (alphas, betas) = (axis(|point| point.0), axis(|point| point.1));
        if alphas.len().max(betas.len()) < 2 || points.len() > alphas.len() * betas.len() {
            return None;
        }
        let at = |alpha: f64, beta: f64| points.iter().find(|p| p.0 == alpha && p.1 == beta).map(|p| p.2);
        let values = alphas.iter().flat_map(|&alpha| betas.iter().map(move |&beta| (alpha, beta)));
        let values = values.map(|(alpha, beta)| at(alpha, beta)).collect();
        Some(Self { alphas, betas, values })
    }
}

/// By what the rows were made.
pub(super) fn provenance(name: &str, rows: &[CellRow]) -> String {
    let distinct = |pick: &dyn Fn(&CellRow) -> String| {
        let values: BTreeSet<String> = rows.iter().map(pick).filter(|value| !value.is_empty()).collect();
        values.into_iter().collect::<Vec<_>>().join(", ")
    };
    if rows.is_empty() {
        return String::new();
    }
    let days = |row: &CellRow| row.finished_at.chars().take(10).collect::<String>();
    format!(
        "\nMade by `bcl-exp report {name}` from cells.csv: code {}, libtorch {}, {} with {} thread(s), {}.\n",
        distinct(&|row| row.git.clone().unwrap_or_default()),
        distinct(&|row| row.libtorch.clone()),
        distinct(&|row| row.device.clone()),
        distinct(&|row| row.threads.to_string()),
        distinct(&days),
    )
}
