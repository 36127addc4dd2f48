//! The results as text, CSV, JSON and figures.

use super::Row;
use crate::figure::{LineChart, Series, Style};
use crate::machine;
use crate::store::write_atomic;
use anyhow::Result;
use std::path::Path;
use std::time::Duration;

/// One table.
pub(super) fn text(rows: &[Row]) -> String {
    let Some(first) = rows.first() else {
        return String::new();
    };
    let mut text = format!(
        "\n{} pairs x {}, {}, {} thread(s)\n  {:<28} {:>10} {:>22} {:>6} {:>14} {:>11} {:>9} {:>8}\n",
        first.batch_pairs,
        first.dim,
        first.device,
        first.threads,
        "",
        "median ms",
        "(min to max)",
        "runs",
        "/cross_entropy",
        "/3 products",
        "extra MB",
        "told MB"
    );
    let number =
        |value: Option<f64>, digits: usize| value.map_or("-".into(), |value| format!("{value:.digits$}"));
    for row in rows {
        let range = match (row.min_ms, row.max_ms) {
            (Some(low), Some(high)) => format!("({low:.3} to {high:.3})"),
            _ => "-".into(),
        };
        text += &format!(
            "  {:<28} {:>10} {range:>22} {:>6} {:>14} {:>11} {:>9} {:>8}{}{}\n",
            row.case,
            number(row.median_ms, 3),
            row.runs,
            number(row.to_cross_entropy, 2),
            number(row.to_products, 2),
            number(row.extra_mb, 1),
            number(row.told_mb, 1),
            if row.note.is_empty() { "" } else { "  " },
            row.note,
        );
    }
    text.trim_end().to_owned()
}

/// Everything so far, each file whole.
///
/// # Errors
/// When a file cannot be written.
pub(super) fn files(folder: &Path, rows: &[Row], budget: Duration) -> Result<()> {
    let mut csv = csv::Writer::from_writer(Vec::new());
    for row in rows {
        csv.serialize(row)?;
    }
    write_atomic(&folder.join("bench-loss.csv"), &csv.into_inner()?)?;
    let json = serde_json::json!({
        "what": "value and gradient of a contrastive loss, f32, two views; medians of interleaved runs",
        "command": std::env::args().skip(1).collect::<Vec<_>>().join(" "),
        "seconds_a_table": budget.as_secs_f64(),
        "processor": machine::processor(),
        "instruction_set": bcl_core::evaluation::instruction_set(),
        "libtorch": bcl_core::libtorch::version(),
        "git": machine::git_revision(),
        "utc": machine::utc_now(),
        "rows": rows,
    });
    write_atomic(&folder.join("bench-loss.json"), &serde_json::to_vec_pretty(&json)?)?;
    let time = chart(rows, "Value and gradient of a contrastive loss", "ms a step", |row| row.median_ms);
    write_atomic(&folder.join("bench-loss-time.svg"), time.to_svg()?.as_bytes())?;
    let memory = chart(rows, "Memory besides the embeddings", "MB at the peak", |row| row.extra_mb);
    write_atomic(&folder.join("bench-loss-memory.svg"), memory.to_svg()?.as_bytes())
}

/// A value over the batch size, on the largest number of threads.
fn chart(rows: &[Row], title: &str, y_label: &str, value: impl Fn(&Row) -> Option<f64>) -> LineChart {
    /// What a figure can show without crowding.
    const SHOWN: [&str; 7] = [
        "BCL fused",
        "SimCLR fused",
        "InfoNCE by cross_entropy",
        "three matrix products",
        "BCL plain",
        "BCL blockwise",
        "BCL by cubic comparison",
    ];
    let threads = rows.iter().map(|row| row.threads).max().unwrap_or(0);
    let series = SHOWN.iter().filter_map(|&case| {
        let of_case = rows.iter().filter(|row| row.threads == threads && row.case == case);
        let points: Vec<_> = of_case.filter_map(|row| Some((row.batch_pairs as f64, value(row)?))).collect();
        (!points.is_empty()).then(|| Series {
            label: case.to_owned(),
            points,
            style: Style::LineMarkers,
            ..Series::default()
        })
    });
    let first = rows.first();
    LineChart {
        title: title.to_owned(),
        caption: format!(
            "f32, {} wide, {} thread(s), {}; medians of interleaved runs",
            first.map_or(0, |row| row.dim),
            threads,
            machine::processor().unwrap_or_else(|| "processor unknown".into()),
        ),
        x_label: "pairs in a batch".into(),
        y_label: y_label.to_owned(),
        series: series.collect(),
        log_x: true,
        log_y: true,
        ..LineChart::default()
    }
}
