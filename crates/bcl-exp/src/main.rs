//! Parse, run, print the error.

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = bcl_exp::cli::Cli::parse();
    match bcl_exp::cli::run(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
