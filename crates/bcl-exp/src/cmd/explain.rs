//! `bcl-exp explain`: what a setting does to the negatives.

use crate::explain::{Summary, render};
use crate::figure::{LineChart, Series};
use crate::store::write_atomic;
use anyhow::Result;
use std::path::PathBuf;

/// Options of `bcl-exp explain`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Location, in [0.5, 1]: the chance that a positive scores above a negative
    #[arg(long, value_name = "A")]
    pub alpha: f64,
    /// Concentration, in [0, 1]: 0.5 debiases only, above it hard negatives weigh more
    #[arg(long, value_name = "B")]
    pub beta: f64,
    /// Class prior, in [0, 1): the chance that a random sample shares the anchor's class
    #[arg(long, value_name = "T", default_value_t = 0.1)]
    pub tau_plus: f64,
    /// Negatives of an anchor: 2 B - 2 for B pairs
    #[arg(long, value_name = "N", default_value_t = 510)]
    pub negatives: usize,
    /// Print JSON, weights and posterior included
    #[arg(long)]
    pub json: bool,
    /// Also draw the curves
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,
}

/// Prints the explanation.
///
/// # Errors
/// On parameters out of range, alpha = beta = 1, and a file that cannot be written.
pub fn run(args: &Args) -> Result<()> {
    let summary = Summary::new(args.alpha, args.beta, args.tau_plus, args.negatives)?;
    if let Some(path) = &args.svg {
        write_atomic(path, chart(&summary).to_svg()?.as_bytes())?;
    }
    if args.json {
        println!("{}", serde_json::to_string_pretty(&summary)?);
    } else {
        print!("{}", render(&summary));
    }
    Ok(())
}

fn chart(summary: &Summary) -> LineChart {
    let n = summary.negatives as f64;
    let series = |label: &str, values: &[f64]| Series {
        label: label.into(),
        points: values.iter().enumerate().map(|(index, &value)| ((index + 1) as f64 / n, value)).collect(),
        ..Series::default()
    };
    LineChart {
        title: "Weight and posterior of a negative by its rank".into(),
        caption: format!(
            "alpha {}, beta {}, tau+ {}; {} negatives, the hardest at 1",
            summary.alpha, summary.beta, summary.tau_plus, summary.negatives
        ),
        x_label: "share of the anchor's negatives that score at most as high".into(),
        y_label: "omega; p(TN)".into(),
        series: vec![series("weight omega", &summary.omega), series("p(TN)", &summary.posterior)],
        ..LineChart::default()
    }
}
