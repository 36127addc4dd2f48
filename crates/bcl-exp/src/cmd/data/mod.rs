//! `bcl-exp data list|fetch|verify|preview`: what data is where, whether it is whole, how it comes there and looks.

mod fetch;
mod list;
mod preview;
mod verify;

pub(super) use list::print_list;

use anyhow::Result;
use std::path::PathBuf;

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
    /// Show every known data set, what of it is where, and what a download takes
    #[command(after_help = list::HELP)]
    List {
        /// Folder that holds the data sets
        #[arg(long, value_name = "DIR", default_value = "data")]
        data: PathBuf,
    },
    /// Download data sets: resumes a broken download, checks the MD5, unpacks, checks again
    #[command(after_help = fetch::HELP)]
    Fetch(fetch::Args),
    /// Read every file of a data set and name the damaged ones
    #[command(after_help = verify::HELP)]
    Verify {
        /// Names of data sets [default: all that are found]
        #[arg(value_name = "NAME")]
        names: Vec<String>,
        /// Folder that holds the data sets
        #[arg(long, value_name = "DIR", default_value = "data")]
        data: PathBuf,
    },
    /// Write a PNG of images with the views that training makes of them
    #[command(after_help = preview::HELP)]
    Preview(preview::Args),
}

/// Runs `bcl-exp data`.
///
/// # Errors
/// `verify`: when a data set is unknown, missing or damaged; `fetch`: when one cannot be had; `preview`: when images
/// cannot be read or the file cannot be written.
pub fn run(args: &Args) -> Result<()> {
    match &args.what {
        What::List { data } => {
            print_list(data);
            Ok(())
        }
        What::Fetch(args) => fetch::run(args),
        What::Verify { names, data } => verify::run(names, data),
        What::Preview(args) => preview::run(args),
    }
}
