//! Ctrl-C and SIGTERM. While something trains, the first signal asks it to save its state and stop; at any other time,
//! and the second time, the process ends at once, which loses nothing that is on disk.

use anyhow::{Context, Result};
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

/// Whether somebody looks at [`requested`] before long.
static LOOKED_AT: AtomicBool = AtomicBool::new(false);

/// The signal that asked to stop; 0 for none.
static REQUESTED: AtomicI32 = AtomicI32::new(0);

/// While it lives, a signal is a request.
#[derive(Debug)]
pub struct Attention(());

impl Attention {
    /// From now on [`requested`] is looked at every step or so.
    #[must_use]
    pub fn begin() -> Self {
        LOOKED_AT.store(true, Ordering::SeqCst);
        Self(())
    }
}

impl Drop for Attention {
    fn drop(&mut self) {
        LOOKED_AT.store(false, Ordering::SeqCst);
    }
}

/// The signal that asked to stop, if one did.
#[must_use]
pub fn requested() -> Option<i32> {
    match REQUESTED.load(Ordering::SeqCst) {
        0 => None,
        signal => Some(signal),
    }
}

/// Stopped because a signal asked for it; the state is saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interrupted {
    /// The signal.
    pub signal: i32,
    /// Where the run stands, and where its state lies.
    pub message: String,
}

impl std::fmt::Display for Interrupted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Interrupted {}

/// Begins to listen, in a thread of its own. Commands that do not call this end at the first signal.
///
/// # Errors
/// When the system refuses.
#[cfg(unix)]
pub fn listen() -> Result<()> {
    use signal_hook::consts::{SIGINT, SIGTERM};
    let mut signals =
        signal_hook::iterator::Signals::new([SIGINT, SIGTERM]).context("cannot listen for signals")?;
    let handle = move || {
        for signal in signals.forever() {
            let again = REQUESTED.swap(signal, Ordering::SeqCst) != 0;
            if LOOKED_AT.load(Ordering::SeqCst) && !again {
                eprintln!("stopping after this step; once more to stop at once");
            } else {
                // Ends the process as the signal does by default; if even that fails, the next signal tries again.
                let _ = signal_hook::low_level::emulate_default_handler(signal);
            }
        }
    };
    std::thread::Builder::new().name("signals".into()).spawn(handle).context("cannot start a thread")?;
    Ok(())
}

/// Signals are left as they are on this system.
///
/// # Errors
/// Never.
#[cfg(not(unix))]
pub fn listen() -> Result<()> {
    Ok(())
}
