//! A reader that goes away, as in `bcl-exp report | head`: the process ends quietly, as other commands do, instead of with
//! a panic. What is on disk is whole, and a run goes on from its last state.

use anyhow::{Context, Result};
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether writing into a pipe that nobody reads ends the process.
static ENDS: AtomicBool = AtomicBool::new(true);

/// From now on, writing into a pipe that nobody reads ends the process.
///
/// # Errors
/// When the system refuses.
#[cfg(unix)]
pub fn end_quietly() -> Result<()> {
    use signal_hook::{consts::SIGPIPE, flag::register_conditional_default};
    register_conditional_default(SIGPIPE, &ENDS).context("cannot listen for signals")?;
    Ok(())
}

/// Pipes are left as they are on this system.
///
/// # Errors
/// Never.
#[cfg(not(unix))]
pub fn end_quietly() -> Result<()> {
    Ok(())
}

/// Does `work`, in which a pipe that nobody reads is an error of the write. One thread at a time may ask for this.
pub fn tolerated<T>(work: impl FnOnce() -> T) -> T {
    ENDS.store(false, Ordering::SeqCst);
    let done = work();
    ENDS.store(true, Ordering::SeqCst);
    done
}
