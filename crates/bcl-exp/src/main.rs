//! Parse, run, print the error.

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    bcl_exp::machine::keep_large_blocks();
    let cli = bcl_exp::cli::Cli::parse();
    match bcl_exp::cli::run(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
