//! `explain` for a terminal.

use super::Summary;
use bcl_data::catalog;

/// Columns and rows of the curve.
const COLUMNS: usize = 64;
const ROWS: usize = 10;

/// The whole text.
#[must_use]
pub fn render(summary: &Summary) -> String {
    let s = summary;
    let mut text = format!(
        "BCL with alpha = {} (location), beta = {} (concentration), tau+ = {} (class prior), {} negatives\n\n",
        s.alpha, s.beta, s.tau_plus, s.negatives
    );
    text += &curve("weight omega of a negative, easiest (left) to hardest (right)", &s.omega);
    text += "\n";
    text += &curve("p(TN): probability that it is a true negative", &s.posterior);
    let n = s.negatives as f64;
    let crossing = s
        .crosses_one_at
        .map_or("never crosses 1".into(), |at| format!("crosses 1 at {:.0} % of the negatives", 100.0 * at));
    let lines = [
        (
            "weights",
            format!("{:.3} (easiest) to {:.3} (hardest); {crossing}", s.easiest_weight, s.hardest_weight),
        ),
        (
            "range, mean",
            format!(
                "{:.3} to {:.3}, mean {:.4} (1 as the negatives grow in number)",
                s.min_weight, s.max_weight, s.mean_weight
            ),
        ),
        (
            "effective sample size",
            format!(
                "{:.0} of {} negatives ({:.0} %)",
                s.effective_sample_size,
                s.negatives,
                100.0 * s.effective_sample_size / n
            ),
        ),
        (
            "hardest tenth",
            format!("carries {:.1} % of the weight (10 % without weights)", 100.0 * s.hardest_tenth_share),
        ),
        (
            "false negatives",
            format!(
                "{:.0} expected; they carry {:.2} % of the weight ({:.2} % without weights), if the model is right",
                s.expected_false_negatives,
                100.0 * s.false_negative_weight_share,
                100.0 * s.tau_plus
            ),
        ),
    ];
    text += "\n";
    for (name, value) in lines {
        text += &format!("  {name:<22} {value}\n");
    }
    let remarks = s.remarks();
    if !remarks.is_empty() {
        text += "\n";
        for remark in remarks {
            text += &format!("  * {remark}\n");
        }
    }
    text += "\nHow to read the parameters
  alpha  chance that a positive scores above a negative: the macro-AUC of the encoder. 0.5 debiases nothing; 1 trusts the
         ranks fully.
  beta   share of the hard component in the target. 0.5 debiases only, above it hard negatives weigh more, below it less.
         HCL's hcl-beta is another thing: an exponent on x, 0 and up.
  tau+   chance that a random sample shares the anchor's class; 1 / classes for balanced data:
";
    let priors: Vec<String> = catalog::entries()
        .iter()
        .map(|entry| format!("{} {}", entry.name, 1.0 / entry.classes as f64))
        .collect();
    text + "         " + &priors.join(", ") + "\n"
}

/// A curve over the ranks in block characters, averaged by column.
fn curve(title: &str, values: &[f64]) -> String {
    let columns = COLUMNS.min(values.len());
    let means: Vec<f64> = (0..columns)
        .map(|column| {
            let (from, to) = (column * values.len() / columns, (column + 1) * values.len() / columns);
            values[from..to].iter().sum::<f64>() / (to - from) as f64
        })
        .collect();
    let top = means.iter().copied().fold(1.0, f64::max);
    let eighths = |value: f64| (value / top * (ROWS * 8) as f64).round() as usize;
    let mut text = format!("  {title}\n");
    for row in (0..ROWS).rev() {
        let axis = match row {
            _ if row + 1 == ROWS => format!("{top:>7.2}"),
            0 => format!("{:>7}", 0),
            _ => " ".repeat(7),
        };
        let line: String = means
            .iter()
            .map(|&mean| {
                let filled = eighths(mean).saturating_sub(row * 8).min(8);
                [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'][filled]
            })
            .collect();
        text += &format!("  {axis} │{}\n", line.trim_end());
    }
    text
}
