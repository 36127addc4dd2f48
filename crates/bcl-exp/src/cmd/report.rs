//! `bcl-exp report`: tables and figures again.

use crate::report::{index, render};
use anyhow::{Result, ensure};
use std::path::PathBuf;

/// Options of `bcl-exp report`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Experiments: folders in --results [default: all]
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
    /// Where results are kept
    #[arg(long, value_name = "DIR", default_value = "results")]
    pub results: PathBuf,
}

/// Renders and prints the main table of each experiment.
///
/// # Errors
/// When there is none, a file is damaged, or one cannot be written.
pub fn run(args: &Args) -> Result<()> {
    let names = if args.names.is_empty() { index(&args.results)? } else { args.names.clone() };
    ensure!(!names.is_empty(), "{}: expected folders with a cells.csv, found none", args.results.display());
    for name in &names {
        let folder = args.results.join(name);
        let rendered = render(&folder)?;
        println!("{}", rendered.summary);
        println!("{} files in {}\n", rendered.files.len(), folder.display());
    }
    Ok(())
}
