//! Which classes a loss gets right, and what it takes the others for: from the confusion matrices of the finished cells.

use super::groups::{Section, Setting, sections};
use super::statistics::Sample;
use super::table::Table;
use super::tables::provenance;
use crate::eval::{Confusion, NamedConfusion};
use crate::figure::ConfusionMap;
use crate::store::{CellRow, Classifier, read_confusion};
use anyhow::{Result, ensure};
use std::path::Path;

/// Confusions that a table tells of each loss.
const TOLD: usize = 5;

/// The matrices of the experiment in `folder` by run and classifier; those that there are.
pub(super) fn load(folder: &Path, rows: &[CellRow]) -> Result<Vec<Known>> {
    let mut known = Vec::new();
    for row in sections(rows).iter().flat_map(|section| &section.settings).flat_map(|setting| &setting.rows) {
        for classifier in [Classifier::Linear, Classifier::Knn] {
            if let Some(matrix) = read_confusion(folder, &row.run_id, classifier)? {
                known.push(Known { run_id: row.run_id.clone(), classifier, matrix });
            }
        }
    }
    Ok(known)
}

/// The matrix of a run.
pub(super) struct Known {
    run_id: String,
    classifier: Classifier,
    matrix: NamedConfusion,
}

/// A loss with the matrices of its seeds.
struct Judged<'a> {
    setting: &'a Setting<'a>,
    /// Tells the loss from the others of its section.
    label: String,
    classes: &'a [String],
    seeds: Vec<&'a Confusion>,
    sum: Confusion,
}

/// The losses of a section that have matrices of a classifier.
fn judged<'a>(
    section: &'a Section<'a>,
    known: &'a [Known],
    classifier: Classifier,
) -> Result<Vec<Judged<'a>>> {
    let mut found: Vec<Judged<'a>> = Vec::new();
    for (setting, label) in section.settings.iter().zip(section.labels()) {
        let of_seed = |row: &&CellRow| {
            known.iter().find(|known| known.run_id == row.run_id && known.classifier == classifier)
        };
        let matrices: Vec<&NamedConfusion> =
            setting.rows.iter().filter_map(|row| Some(&of_seed(row)?.matrix)).collect();
        let Some(first) = matrices.first() else { continue };
        let classes = found.first().map_or(&first.classes[..], |judged| judged.classes);
        for matrix in &matrices {
            ensure!(
                matrix.classes == classes,
                "confusion matrices of {label}: expected the classes {classes:?} as in the others of this protocol, got {:?}",
                matrix.classes
            );
        }
        let seeds: Vec<&Confusion> = matrices.iter().map(|matrix| &matrix.confusion).collect();
        let sum = Confusion::sum(seeds.iter().copied())?;
        found.push(Judged { setting, label, classes, seeds, sum });
    }
    Ok(found)
}

/// The accuracy of each class, and what is confused most; `None` where there are no matrices.
pub(super) fn table(name: &str, rows: &[CellRow], known: &[Known]) -> Result<Option<String>> {
    if known.is_empty() {
        return Ok(None);
    }
    let mut text = format!("# {name}: classes\n");
    for section in sections(rows) {
        for classifier in [Classifier::Linear, Classifier::Knn] {
            let judged = judged(&section, known, classifier)?;
            if judged.is_empty() {
                continue;
            }
            text += &format!(
                "\n{}\n\nTest images of a class that the {} takes for it, per cent; mean ± sample standard deviation over \
                 seeds.\n\n{}\nMost often confused: true class → predicted one, per cent of the true one's images over all \
                 seeds.\n\n{}",
                section.describe(),
                classifier.title(),
                by_class(&judged).to_markdown(),
                most_confused(&judged).to_markdown(),
            );
        }
    }
    Ok(Some(text + &provenance(name, rows)))
}

fn by_class(judged: &[Judged<'_>]) -> Table {
    let classes = judged.first().map_or(&[][..], |judged| judged.classes);
    let header = std::iter::once("class".to_owned()).chain(judged.iter().map(|judged| judged.label.clone()));
    let rows = classes.iter().enumerate().map(|(class, name)| {
        let of_loss = |judged: &Judged<'_>| {
            let accuracies: Vec<f64> =
                judged.seeds.iter().filter_map(|seed| seed.per_class()[class]).collect();
            Sample::new(&accuracies).map_or(String::new(), |sample| sample.text(2))
        };
        std::iter::once(name.replace('|', "/")).chain(judged.iter().map(of_loss)).collect()
    });
    Table::new(header, rows)
}

fn most_confused(judged: &[Judged<'_>]) -> Table {
    let rows = judged.iter().map(|judged| {
        let images = judged.sum.images();
        let mut pairs: Vec<(f64, usize, usize)> = Vec::new();
        for (label, row) in judged.sum.counts().iter().enumerate() {
            let wrong = row.iter().enumerate().filter(|&(taken, &count)| taken != label && count > 0);
            pairs.extend(
                wrong.map(|(taken, &count)| (100.0 * count as f64 / images[label] as f64, label, taken)),
            );
        }
        pairs.sort_by(|a, b| b.0.total_cmp(&a.0)); // stable: of equals the lowest classes first
        let told = pairs.iter().take(TOLD).map(|&(percent, label, taken)| {
            let [label, taken] = [label, taken].map(|class| judged.classes[class].replace('|', "/"));
            format!("{label} → {taken} {percent:.2}")
        });
        vec![judged.label.clone(), told.collect::<Vec<_>>().join(", ")]
    });
    Table::new(["loss", "confused"], rows)
}

/// A heat map for each loss: of the linear probe, or, where there is none, of kNN. Name of the file and SVG.
pub(super) fn figures(rows: &[CellRow], known: &[Known]) -> Result<Vec<(String, String)>> {
    let mut figures = Vec::new();
    for (number, section) in sections(rows).iter().enumerate() {
        let suffix = if number == 0 { String::new() } else { format!("-{}", number + 1) };
        let (linear, knn) =
            (judged(section, known, Classifier::Linear)?, judged(section, known, Classifier::Knn)?);
        let (classifier, judged) =
            if linear.is_empty() { (Classifier::Knn, knn) } else { (Classifier::Linear, linear) };
        for judged in judged {
            let seeds = match judged.seeds.len() {
                1 => "one seed".to_owned(),
                seeds => format!("{seeds} seeds"),
            };
            let map = ConfusionMap {
                title: format!("What is taken for what: {}, {}, {seeds}", judged.label, classifier.title()),
                caption: section.describe(),
                classes: judged.classes.to_vec(),
                percent: percent(&judged.sum),
            };
            if let Some(svg) = map.to_svg()? {
                figures.push((format!("confusion-{}{suffix}.svg", judged.setting.slug()), svg));
            }
        }
    }
    Ok(figures)
}

/// Per cent of each true class's images, row after row; `None` for a class without images.
fn percent(confusion: &Confusion) -> Vec<Option<f64>> {
    let rows = confusion.counts().iter().zip(confusion.images());
    rows.flat_map(|(row, images)| {
        row.iter().map(move |&count| (images > 0).then(|| 100.0 * count as f64 / images as f64))
    })
    .collect()
}
