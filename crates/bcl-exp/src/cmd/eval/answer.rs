//! A score as a table for people and as JSON for programs.

use crate::eval::{Confusion, NamedConfusion, Outcome};
use anyhow::Result;
use serde_json::{Value, json};

/// A score.
pub(super) struct Answer {
    /// `linear`, `knn`, `auc` or `representation`.
    pub(super) score: &'static str,
    /// `None` for weights from elsewhere.
    pub(super) run_id: Option<String>,
    pub(super) dataset: String,
    /// How it was obtained: an object of numbers and phrases.
    pub(super) settings: Value,
    pub(super) found: Found,
}

/// What a score found.
pub(super) enum Found {
    /// One outcome, or one for each fold, with the names of the classes.
    Classified { classes: Vec<String>, outcomes: Vec<Outcome> },
    /// An object of numbers.
    Measured(Value),
}

impl Answer {
    /// For programs.
    pub(super) fn json(&self) -> Result<Value> {
        let mut json = json!({
            "score": self.score,
            "dataset": self.dataset,
            "run_id": self.run_id,
            "settings": self.settings,
        });
        match &self.found {
            Found::Measured(measures) => json["measures"] = measures.clone(),
            Found::Classified { classes, outcomes } => {
                let all = Summary::of(outcomes)?;
                json["top1"] = json!(all.top1);
                json["top5"] = json!(all.top5);
                json["balanced"] = json!(all.confusion.balanced());
                if outcomes.len() > 1 {
                    let folds: Vec<f64> = outcomes.iter().map(|outcome| outcome.top1).collect();
                    json["top1_of_folds"] = json!(folds);
                }
                json["classes"] = json!(classes);
                json["per_class"] = json!(all.confusion.per_class());
                json["confusion"] = json!(all.confusion);
            }
        }
        Ok(json)
    }

    /// What was taken for what, summed over folds; `None` where nothing was classified.
    pub(super) fn confusion(&self) -> Result<Option<NamedConfusion>> {
        match &self.found {
            Found::Measured(_) => Ok(None),
            Found::Classified { classes, outcomes } => {
                let confusion = Summary::of(outcomes)?.confusion;
                Ok(Some(NamedConfusion { classes: classes.clone(), confusion }))
            }
        }
    }

    /// For people.
    pub(super) fn text(&self) -> Result<String> {
        let from = self.run_id.as_ref().map_or("weights from elsewhere".into(), |id| format!("run {id}"));
        let mut text = format!("{} of {from} on {}\n", self.score, self.dataset);
        let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        text += &lines("  ", &self.settings, plain);
        text.push('\n');
        match &self.found {
            Found::Measured(measures) => {
                text += &lines("", measures, |value| format!("{:.5}", value.as_f64().unwrap_or(f64::NAN)));
            }
            Found::Classified { classes, outcomes } => {
                let all = Summary::of(outcomes)?;
                if outcomes.len() > 1 {
                    text += &format!("mean of {} folds\n", outcomes.len());
                }
                let percent = |value: Option<f64>| value.map(|value| format!("{value:.2} %"));
                let scores =
                    [("top-1", Some(all.top1)), ("top-5", all.top5), ("balanced", all.confusion.balanced())];
                for (name, value) in
                    scores.into_iter().filter_map(|(name, value)| Some((name, percent(value)?)))
                {
                    text += &format!("{name:<10}{value:>9}\n");
                }
                text.push('\n');
                text += &by_class(classes, &all.confusion, outcomes.len() as u64);
            }
        }
        Ok(text)
    }
}

/// The members of an object, a line each, names padded alike.
fn lines(indent: &str, object: &Value, show: impl Fn(&Value) -> String) -> String {
    let members: Vec<(String, String)> = object
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.replace('_', " "), show(value)))
        .collect();
    let width = members.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    members.iter().map(|(name, value)| format!("{indent}{name:<width$}  {value}\n")).collect()
}

/// A line a class: its images, its accuracy, and what most of its other images were taken for. `confusion` is summed over
/// so many folds.
fn by_class(classes: &[String], confusion: &Confusion, folds: u64) -> String {
    let width = classes.iter().map(|name| name.chars().count()).chain([5]).max().unwrap_or(5);
    let mut text = format!("{:<width$}  {:>8}  {:>9}  most often taken for\n", "class", "images", "accuracy");
    let images = confusion.images();
    for (class, accuracy) in confusion.per_class().into_iter().enumerate() {
        let accuracy = accuracy.map_or("-".into(), |accuracy| format!("{accuracy:.2} %"));
        let others = confusion.counts()[class].iter().enumerate().filter(|(other, _)| *other != class);
        let (other, count) =
            others.max_by_key(|(other, count)| (**count, std::cmp::Reverse(*other))).unwrap_or((class, &0));
        let taken = match count {
            0 => String::new(),
            _ => format!("{} ({:.2} %)", classes[other], 100.0 * *count as f64 / images[class] as f64),
        };
        let line =
            format!("{:<width$}  {:>8}  {accuracy:>9}  {taken}", classes[class], images[class] / folds);
        text += &(line.trim_end().to_owned() + "\n");
    }
    text
}

/// Outcomes of folds as one.
struct Summary {
    /// Per cent, mean over folds.
    top1: f64,
    /// Likewise.
    top5: Option<f64>,
    /// Summed over folds, which share their test images.
    confusion: Confusion,
}

impl Summary {
    fn of(outcomes: &[Outcome]) -> Result<Self> {
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let top1: Vec<f64> = outcomes.iter().map(|outcome| outcome.top1).collect();
        let top5: Option<Vec<f64>> = outcomes.iter().map(|outcome| outcome.top5).collect();
        let confusion = Confusion::sum(outcomes.iter().map(|outcome| &outcome.confusion))?;
        Ok(Self { top1: mean(&top1), top5: top5.map(|top5| mean(&top5)), confusion })
    }
}
