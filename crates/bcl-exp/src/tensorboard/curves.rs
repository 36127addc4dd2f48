//! The event file of a run, and which numbers of the run become points.

use super::event::{Event, Point};
use super::record;
use crate::config::CellConfig;
use crate::store::{CellRow, EpochRow, FolderLock, GrowingFile};
use anyhow::{Context, Result};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// What begins the tags of the scores, the last event of a run.
const SCORES: &str = "scores/";

/// Columns of an epoch's row that say which row it is.
const EPOCH_NAMES: [&str; 2] = ["seed", "epoch"];

/// Where a run's points go, if anywhere.
#[derive(Debug)]
pub(crate) struct Curves(Option<(GrowingFile, FolderLock)>);

impl Curves {
    /// The event file of a run below `folder`, cut back to `step`, from which the run goes on: a run that begins anew
    /// begins a new file. Without a folder points go nowhere.
    ///
    /// # Errors
    /// When another process writes the same run's, or a file cannot be read or written.
    pub(crate) fn open(folder: Option<&Path>, cell: &CellConfig, step: u64) -> Result<Self> {
        let Some(folder) = folder else { return Ok(Self(None)) };
        let folder = folder.join(run_name(cell));
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        let lock = FolderLock::take(&folder, "--tensorboard")?;
        let (mut file, bytes) = GrowingFile::open(&path(&folder, cell))?;
        let kept = kept(&bytes, step);
        if kept < bytes.len() {
            file.cut(kept as u64)?;
        }
        let mut curves = Self(Some((file, lock)));
        if kept == 0 {
            curves.write(0, Vec::new(), false)?;
        }
        Ok(curves)
    }

    /// The loss and the learning rate of a step.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn step(&mut self, step: u64, loss: f64, learning_rate: f64) -> Result<()> {
        let point = |tag: &str, value: f64| Point { tag: tag.to_owned(), value: value as f32 };
        self.write(step, vec![point("step/loss", loss), point("step/learning_rate", learning_rate)], false)
    }

    /// All that an epoch's row has measured; on disk when this returns.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn epoch(&mut self, step: u64, row: &EpochRow) -> Result<()> {
        let points = points("epoch/", row, |column| !EPOCH_NAMES.contains(&column))?;
        self.write(step, points, true)
    }

    /// The scores of a finished run, those that `row` has and the row before scoring had not; on disk when this returns.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn scores(&mut self, step: u64, before: &CellRow, row: &CellRow) -> Result<()> {
        let before = serde_json::to_value(before)?;
        self.write(step, points(SCORES, row, |column| before[column].is_null())?, true)
    }

    fn write(&mut self, step: u64, points: Vec<Point>, durably: bool) -> Result<()> {
        let Some((file, _)) = &mut self.0 else { return Ok(()) };
        let wall_time = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
        let record = record::framed(&Event { wall_time, step, points }.encoded());
        if durably { file.append_durably(&record) } else { file.append(&record) }
    }
}

/// The events of a file that [`crate::train`] has written, until its end or the first damaged one.
///
/// # Errors
/// When the file cannot be read.
pub fn read(path: &Path) -> Result<Vec<Event>> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(events(&bytes).map(|(event, _)| event).collect())
}

/// The whole events from the start, each with where it ends.
fn events(bytes: &[u8]) -> impl Iterator<Item = (Event, usize)> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (message, after) = record::first(rest)?;
        rest = after;
        Some((Event::decoded(message)?, bytes.len() - rest.len()))
    })
}

/// How many bytes a run that goes on from `step` keeps: those before the first event that it writes (again), or that is
/// damaged.
fn kept(bytes: &[u8], step: u64) -> usize {
    let earlier = |(event, _): &(Event, usize)| {
        event.step <= step && !event.points.iter().any(|point| point.tag.starts_with(SCORES))
    };
    events(bytes).take_while(earlier).last().map_or(0, |(_, end)| end)
}

/// The numbers of a row's chosen columns, those that were measured.
fn points(group: &str, row: &impl Serialize, chosen: impl Fn(&str) -> bool) -> Result<Vec<Point>> {
    let row = serde_json::to_value(row)?;
    let columns = row.as_object().into_iter().flatten().filter(|(column, _)| chosen(column));
    let numbers = columns.filter_map(|(column, value)| Some((column, value.as_f64()?)));
    Ok(numbers
        .map(|(column, value)| Point { tag: format!("{group}{column}"), value: value as f32 })
        .collect())
}

/// What TensorBoard calls the run: a folder's name that says what the cell is, and its run's.
fn run_name(cell: &CellConfig) -> String {
    let name = format!("{} {} {}", cell.dataset, cell.label(), cell.run_id());
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._=+".contains(c);
    name.chars().map(|c| if plain(c) { c } else { '_' }).collect()
}

/// TensorBoard knows an event file by a part of its name.
fn path(folder: &Path, cell: &CellConfig) -> PathBuf {
    folder.join(format!("events.out.tfevents.{}", cell.run_id()))
}
