//! When a state is saved: each so many epochs, steps or minutes, and when a signal asks to stop.

use super::place::Place;
use super::session::Session;
use crate::config::{CellConfig, RunOptions};
use crate::interrupt::{Interrupted, requested};
use anyhow::Result;
use std::path::Path;
use std::time::{Duration, Instant};

/// Saves the states of one run.
pub(super) struct Keeper<'a> {
    cell: &'a CellConfig,
    place: &'a Place,
    folder: &'a Path,
    options: RunOptions,
    saved_at: Instant,
    saved_step: u64,
}

impl<'a> Keeper<'a> {
    /// A keeper for a run that stands at `step`, of which a state exists or is not needed.
    pub(super) fn new(
        cell: &'a CellConfig,
        place: &'a Place,
        folder: &'a Path,
        options: RunOptions,
        step: u64,
    ) -> Self {
        Self { cell, place, folder, options, saved_at: Instant::now(), saved_step: step }
    }

    /// Whether the state is to be saved in the midst of an epoch: by steps, by time, or because a signal asks.
    pub(super) fn is_due(&self, session: &Session) -> bool {
        let RunOptions { checkpoint_steps, checkpoint_minutes, .. } = self.options;
        let by_steps = checkpoint_steps > 0 && session.progress.steps - self.saved_step >= checkpoint_steps;
        let by_time = checkpoint_minutes > 0
            && self.saved_at.elapsed() >= Duration::from_secs(60 * u64::from(checkpoint_minutes));
        by_steps || by_time || requested().is_some()
    }

    /// Called once an epoch is over and its row written.
    pub(super) fn after_epoch(&mut self, session: &Session) -> Result<()> {
        let epochs = session.progress.epochs;
        let due = epochs.is_multiple_of(self.options.checkpoint_every) || epochs == self.cell.train.epochs;
        if due || self.is_due(session) { self.save(session) } else { Ok(()) }
    }

    /// Saves the state, which has proved finite; an error when a signal asked to stop.
    pub(super) fn save(&mut self, session: &Session) -> Result<()> {
        let steps = session.progress.steps;
        let path = session.save(self.folder, self.cell, self.place)?;
        (self.saved_at, self.saved_step) = (Instant::now(), steps);
        match requested() {
            None => Ok(()),
            Some(signal) => Err(Interrupted {
                signal,
                message: format!(
                    "{} after step {steps}: the state is saved in {}; the same command goes on from there",
                    self.cell.label(),
                    path.display()
                ),
            }
            .into()),
        }
    }
}
