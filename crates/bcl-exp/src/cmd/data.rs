//! `bcl-exp data list|verify`: what data is where, and whether it is whole.

use anyhow::{Result, bail, ensure};
use bcl_data::catalog;
use std::path::{Path, PathBuf};

/// Options of `bcl-exp data`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to do
    #[command(subcommand)]
    pub what: What,
}

/// The subcommands of `bcl-exp data`.
#[derive(Debug, clap::Subcommand)]
pub enum What {
    /// Show every known data set and where its files are looked for
    List {
        /// Folder that holds the data sets
        #[arg(long, value_name = "DIR", default_value = "data")]
        data: PathBuf,
    },
    /// Read every file of a data set and name the damaged ones
    Verify {
        /// Names of data sets [default: all that are found]
        #[arg(value_name = "NAME")]
        names: Vec<String>,
        /// Folder that holds the data sets
        #[arg(long, value_name = "DIR", default_value = "data")]
        data: PathBuf,
    },
}

/// Runs `bcl-exp data`.
///
/// # Errors
/// `verify`: when a data set is unknown, missing or damaged.
pub fn run(args: &Args) -> Result<()> {
    match &args.what {
        What::List { data } => {
            print_list(data);
            Ok(())
        }
        What::Verify { names, data } => verify(names, data),
    }
}

/// One line a data set.
pub(super) fn print_list(data: &Path) {
    for name in catalog::names(data) {
        let state = catalog::locate(&name, data).describe();
        // What is listed has classes, unless it vanished just now.
        let classes = catalog::classes(&name, data).unwrap_or_default();
        println!("  {name:<14} {classes:>4} classes  {state}");
    }
}

fn verify(names: &[String], data: &Path) -> Result<()> {
    let chosen: Vec<String> = if names.is_empty() {
        catalog::names(data).into_iter().filter(|name| catalog::locate(name, data).is_present()).collect()
    } else {
        names.to_vec()
    };
    ensure!(!chosen.is_empty(), "no data set was found in {}", data.display());
    let mut damaged = 0;
    for name in &chosen {
        let report = crate::data::verify(name, data)?;
        println!("{name}:");
        for file in &report.files {
            println!(
                "  {} {}: {}",
                if file.problem.is_none() { "ok   " } else { "WRONG" },
                file.path.display(),
                file.describe()
            );
            damaged += usize::from(file.problem.is_some());
        }
    }
    if damaged > 0 {
        bail!("{damaged} file(s) are missing or damaged");
    }
    Ok(())
}
