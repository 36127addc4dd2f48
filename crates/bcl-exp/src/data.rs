//! Data sets, with a bar while images are decoded.

use crate::progress::Progress;
use anyhow::Result;
use bcl_data::catalog::{self, Verification};
use bcl_data::{DataSet, Event};
use std::path::Path;

/// Loads a data set.
///
/// # Errors
/// When it is unknown, missing or damaged.
pub fn load(name: &str, dir: &Path) -> Result<DataSet> {
    let mut shown = Shown::default();
    Ok(catalog::load_with(name, dir, &mut |event| shown.show(event))?)
}

/// Reads every file of a data set.
///
/// # Errors
/// When it is unknown.
pub fn verify(name: &str, dir: &Path) -> Result<Verification> {
    let mut shown = Shown::default();
    Ok(catalog::verify_with(name, dir, &mut |event| shown.show(event))?)
}

/// The bar of what is being done.
#[derive(Default)]
struct Shown(Option<(String, Progress)>);

impl Shown {
    fn show(&mut self, event: Event<'_>) {
        match event {
            Event::Note(note) => match &self.0 {
                Some((_, bar)) => bar.note(note),
                None => eprintln!("{note}"),
            },
            Event::Step { what, done, total } => {
                if self.0.as_ref().is_none_or(|(other, _)| other != what) {
                    self.finish();
                    self.0 = Some((what.to_owned(), Progress::new(what, 0, total as u64)));
                }
                if let Some((_, bar)) = &mut self.0 {
                    bar.reach(done as u64, || "images".into());
                }
                if done == total {
                    self.finish();
                }
            }
        }
    }

    fn finish(&mut self) {
        if let Some((_, bar)) = self.0.take() {
            bar.finish();
        }
    }
}
