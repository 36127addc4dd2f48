//! Points of event files.

use bcl_exp::tensorboard::read;
use std::path::{Path, PathBuf};

/// The event files below a folder, each in a folder of its run, in the order of their names.
pub fn event_files(folder: &Path) -> Vec<PathBuf> {
    let inside = |folder: &Path| std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let is_event_file = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().contains("tfevents");
    let mut files: Vec<PathBuf> =
        inside(folder).flat_map(|run| inside(&run).collect::<Vec<_>>()).filter(is_event_file).collect();
    files.sort();
    files
}

/// Tag, step and value of every point of a file, in the file's order.
pub fn points(file: &Path) -> Vec<(String, u64, f32)> {
    let events = read(file).unwrap();
    assert!(events[0].points.is_empty(), "the first event says the version");
    assert!(events.is_sorted_by_key(|event| event.step));
    let of_event = |event: bcl_exp::tensorboard::Event| {
        event.points.into_iter().map(move |point| (point.tag, event.step, point.value))
    };
    events.into_iter().flat_map(of_event).collect()
}

/// The points that do not tell of time; fails when one of a curve's steps comes twice.
pub fn lasting_points(file: &Path) -> Vec<(String, u64, f32)> {
    let mut points = points(file);
    let mut steps: Vec<(&str, u64)> = points.iter().map(|(tag, step, _)| (&**tag, *step)).collect();
    steps.sort_unstable();
    let all = steps.len();
    steps.dedup();
    assert_eq!(steps.len(), all, "a point comes twice: {points:?}");
    points.retain(|(tag, ..)| !super::TIMINGS.iter().any(|timing| tag.ends_with(timing)));
    points
}
