//! Which saved state a run goes on from.

use super::place::Place;
use super::session::{OtherConfiguration, Session};
use super::states;
use crate::config::CellConfig;
use anyhow::{Context, Result, bail, ensure};
use std::path::Path;

/// Begins a run anew; a state is restored into what it gives.
pub(super) type Fresh<'a> = dyn Fn() -> Result<Session> + 'a;

/// Restores the newest whole state in the run's `folder`, or begins anew where there is none. Damaged states are set
/// aside and the one before is tried, those of an older version are passed over; `note` is told of all this.
///
/// # Errors
/// When a state is of another configuration, or cannot be read for another reason than damage.
pub(super) fn newest(
    cell: &CellConfig,
    place: &Place,
    fresh: &Fresh<'_>,
    folder: &Path,
    note: &dyn Fn(&str),
) -> Result<Session> {
    let states = states::list(folder)?;
    if states.is_empty()
        && let Some(newest) = states::of_an_older_version(folder)?.last()
    {
        note(&format!(
            "{} is of an older version, which is not read: training begins anew",
            newest.display()
        ));
    }
    let mut damaged = 0;
    for (_, path) in states.into_iter().rev() {
        if let Some(session) = whole(cell, place, fresh, &path, note)? {
            return Ok(session);
        }
        damaged += 1;
        note(&format!("it is kept as {}; trying the state before it", states::set_aside(&path)?.display()));
    }
    if damaged > 0 {
        note(&format!("none of {damaged} saved state(s) is whole: training begins anew"));
    }
    fresh()
}

/// Restores the state `from`, or the newest whole one in the folder `from`, for a run that saves in `folder`.
///
/// # Errors
/// When there is none, it is damaged or of another configuration, or `folder` holds later states.
pub(super) fn chosen(
    cell: &CellConfig,
    place: &Place,
    fresh: &Fresh<'_>,
    folder: &Path,
    from: &Path,
    note: &dyn Fn(&str),
) -> Result<Session> {
    let session = if from.is_dir() {
        let states = states::list(from)?;
        let old =
            if states::of_an_older_version(from)?.is_empty() { "none" } else { "those of an older version" };
        ensure!(
            !states.is_empty(),
            "{}: expected saved states (step-*.safetensors), got {old}",
            from.display()
        );
        let mut newest_first = states.iter().rev();
        loop {
            let Some((_, path)) = newest_first.next() else {
                bail!("{}: none of {} saved state(s) is whole", from.display(), states.len());
            };
            if let Some(session) = whole(cell, place, fresh, path, note)? {
                break session;
            }
        }
    } else {
        let mut session = fresh()?;
        session.restore(from, cell, place, note)?;
        note(&format!("going on from {}", from.display()));
        session
    };
    let step = session.progress.steps;
    if let Some((later, path)) = states::list(folder)?.last().filter(|(later, _)| *later > step) {
        bail!(
            "{} is a later state of this run: move it away to go on from step {step}, or leave --resume-from out to go \
             on from step {later}",
            path.display()
        );
    }
    Ok(session)
}

/// The session of a state; `None`, told to `note`, when it is damaged.
fn whole(
    cell: &CellConfig,
    place: &Place,
    fresh: &Fresh<'_>,
    path: &Path,
    note: &dyn Fn(&str),
) -> Result<Option<Session>> {
    let mut session = fresh()?;
    match session.restore(path, cell, place, note) {
        Ok(()) => {
            let progress = &session.progress;
            note(&format!("resuming after epoch {}, step {}", progress.epochs, progress.steps));
            Ok(Some(session))
        }
        Err(error)
            if error.is::<OtherConfiguration>()
                || error.chain().any(|cause| cause.is::<std::io::Error>()) =>
        {
            Err(error).context("cannot resume")
        }
        Err(error) => {
            note(&format!("{error:#}"));
            Ok(None)
        }
    }
}
