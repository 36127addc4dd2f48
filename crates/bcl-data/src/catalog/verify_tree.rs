//! Whether the image files of a tree are whole: each is decoded.

use super::entry::Entry;
use super::tree::{Split, Tree, annotations, list_folder, list_tinyimagenet, wnids};
use super::verify::{FileReport, histogram, report};
use crate::error::Result;
use crate::event::{Event, OnEvent};
use rayon::prelude::*;
use std::path::Path;

/// Images between two steps of progress.
const STEP: usize = 512;

pub(super) fn verify_folder(name: &str, root: &Path, on_event: &mut OnEvent<'_>) -> Vec<FileReport> {
    match list_folder(name, root) {
        Ok(tree) => verify_tree(name, &tree, on_event),
        Err(error) => vec![report(root.to_owned(), Err(error))],
    }
}

pub(super) fn verify_tinyimagenet(entry: &Entry, dir: &Path, on_event: &mut OnEvent<'_>) -> Vec<FileReport> {
    let root = dir.join(entry.folder);
    let classes = wnids(&root, entry.classes);
    let labels = classes.as_ref().ok().map(|classes| annotations(&root, classes));
    let mut reports =
        vec![report(root.join("wnids.txt"), classes.map(|classes| format!("{} classes", classes.len())))];
    reports.extend(labels.map(|labels| {
        let content = labels.map(|labels| format!("labels of {} images", labels.len()));
        report(root.join("val/val_annotations.txt"), content)
    }));
    if reports.iter().all(|report| report.problem.is_none()) {
        match list_tinyimagenet(entry, dir) {
            Ok(tree) => reports.extend(verify_tree(entry.name, &tree, on_event)),
            Err(error) => reports.push(report(root, Err(error))),
        }
    }
    reports
}

/// A report for each split, and one for each damaged image.
fn verify_tree(name: &str, tree: &Tree, on_event: &mut OnEvent<'_>) -> Vec<FileReport> {
    let splits = [Some(&tree.train), Some(&tree.test), tree.unlabeled.as_ref()];
    let classes = tree.classes.len();
    splits.into_iter().flatten().flat_map(|split| verify_split(name, split, classes, on_event)).collect()
}

fn verify_split(name: &str, split: &Split, classes: usize, on_event: &mut OnEvent<'_>) -> Vec<FileReport> {
    let mut sizes: Vec<Result<(usize, usize)>> = Vec::with_capacity(split.files.len());
    for some in split.files.chunks(STEP) {
        let decoded = some.par_iter().map(|file| file.decode().map(|image| (image.height, image.width)));
        sizes.extend(decoded.collect::<Vec<_>>());
        let (done, total) = (sizes.len(), split.files.len());
        on_event(Event::Step { what: &format!("reading {name}"), done, total });
    }
    let whole: Vec<(usize, usize)> = sizes.iter().flatten().copied().collect();
    let (low, high) = (whole.iter().min(), whole.iter().max());
    let range = match (low, high) {
        (Some(low), Some(high)) if low == high => format!(" of {} x {}", low.0, low.1),
        (Some(low), Some(high)) => format!(" of {} x {} to {} x {}", low.0, low.1, high.0, high.1),
        _ => String::new(),
    };
    let labels = split.labels.as_ref().map(|labels| format!("; {}", histogram(labels, classes)));
    let content = format!("{} whole images{range}{}", whole.len(), labels.unwrap_or_default());
    let damaged = sizes
        .into_iter()
        .zip(&split.files)
        .filter_map(|(size, file)| size.err().map(|error| report(file.path.clone(), Err(error))));
    std::iter::once(report(split.folder.clone(), Ok(content))).chain(damaged).collect()
}
