//! What long work tells while it goes on; the libraries print nothing.

/// Something to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event<'a> {
    /// So many of so many images are done.
    Step {
        /// What is being done: `decoding tinyimagenet.train`.
        what: &'a str,
        /// Images done.
        done: usize,
        /// Images in all.
        total: usize,
    },
    /// A sentence that the user should see.
    Note(&'a str),
}

/// Receives the events.
pub type OnEvent<'a> = dyn FnMut(Event<'_>) + 'a;
