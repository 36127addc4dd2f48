//! Parse, run, print the error.

use bcl_exp::interrupt::Interrupted;
use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    bcl_exp::machine::keep_large_blocks();
    let begun = bcl_exp::broken_pipe::end_quietly();
    let cli = bcl_exp::cli::Cli::parse();
    match begun.and_then(|()| bcl_exp::cli::run(&cli)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => match error.downcast_ref::<Interrupted>() {
            Some(stopped) => {
                eprintln!("stopped: {stopped}");
                // What a shell says of a process that a signal ended.
                ExitCode::from(128u8.saturating_add(stopped.signal as u8))
            }
            None => {
                eprintln!("error: {}", bcl_exp::cli::told(&error));
                ExitCode::FAILURE
            }
        },
    }
}
