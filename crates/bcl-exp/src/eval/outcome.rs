//! What a classifier got right.

use anyhow::{Result, ensure};
use tch::{Kind, Tensor};

/// Accuracies of class scores against labels, in per cent.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Outcome {
    /// The label has the highest score.
    pub top1: f64,
    /// The label is among the five highest; `None` with fewer than six classes.
    pub top5: Option<f64>,
    /// Top-1 of each class; `None` for a class without images.
    pub per_class: Vec<Option<f64>>,
    /// Row: label, column: prediction.
    pub confusion: Vec<Vec<u64>>,
}

impl Outcome {
    /// Judges scores N x C against labels N.
    ///
    /// # Errors
    /// When the shapes do not fit or there is nothing to judge.
    pub fn new(scores: &Tensor, labels: &Tensor) -> Result<Self> {
        ensure!(scores.dim() == 2, "scores: expected N x C, got shape {:?}", scores.size());
        let (count, classes) = (scores.size()[0], scores.size()[1]);
        ensure!(labels.size() == [count] && count > 0, "labels: expected {count}, got {:?}", labels.size());
        let (_, ranked) = scores.f_topk(classes.min(5), 1, true, true)?; // N x 5
        let hits = ranked.f_eq_tensor(&labels.f_unsqueeze(1)?)?.f_to_kind(Kind::Double)?;
        let percent = |hits: &Tensor| -> Result<f64> {
            Ok(100.0 * hits.f_sum(Kind::Double)?.f_double_value(&[])? / count as f64)
        };
        let cell = labels.f_mul_scalar(classes)?.f_add(&ranked.f_select(1, 0)?)?;
        let counts: Vec<i64> =
            cell.f_bincount(None::<Tensor>, classes * classes)?.f_to_device(tch::Device::Cpu)?.try_into()?;
        let confusion: Vec<Vec<u64>> =
            counts.chunks(classes as usize).map(|row| row.iter().map(|&n| n as u64).collect()).collect();
        let per_class = confusion.iter().enumerate().map(|(class, row)| {
            let total: u64 = row.iter().sum();
            (total > 0).then(|| 100.0 * row[class] as f64 / total as f64)
        });
        Ok(Self {
            top1: percent(&hits.f_select(1, 0)?)?,
            top5: (classes > 5).then(|| percent(&hits)).transpose()?,
            per_class: per_class.collect(),
            confusion,
        })
    }
}
