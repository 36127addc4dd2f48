//! What a classifier got right.

use super::Confusion;
use anyhow::{Result, ensure};
use tch::{Kind, Tensor};

/// Accuracies of class scores against labels, in per cent.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Outcome {
    /// The label has the highest score.
    pub top1: f64,
    /// The label is among the five highest; `None` with fewer than six classes.
    pub top5: Option<f64>,
    /// What was taken for what.
    pub confusion: Confusion,
}

impl Outcome {
    /// Judges scores N x C against labels N; of equal scores the lowest class counts as the highest.
    ///
    /// # Errors
    /// When the shapes do not fit or there is nothing to judge.
    pub fn new(scores: &Tensor, labels: &Tensor) -> Result<Self> {
        ensure!(scores.dim() == 2, "scores: expected N x C, got shape {:?}", scores.size());
        let (count, classes) = (scores.size()[0], scores.size()[1]);
        ensure!(labels.size() == [count] && count > 0, "labels: expected {count}, got {:?}", labels.size());
        let label = labels.f_unsqueeze(1)?; // N x 1
        let own = scores.f_gather(1, &label, false)?; // N x 1
        let lower = Tensor::f_arange(classes, (Kind::Int64, scores.device()))?.f_lt_tensor(&label)?; // N x C
        let before =
            scores.f_gt_tensor(&own)?.f_logical_or(&scores.f_eq_tensor(&own)?.f_logical_and(&lower)?)?;
        let place = before.f_sum_dim_intlist([1i64].as_slice(), false, Kind::Int64)?; // N, 0 for the highest
        let within = |places: i64| -> Result<f64> {
            Ok(100.0 * place.f_lt(places)?.f_sum(Kind::Double)?.f_double_value(&[])? / count as f64)
        };
        let cell = labels.f_mul_scalar(classes)?.f_add(&scores.f_argmax(1, false)?)?;
        let counts: Vec<i64> =
            cell.f_bincount(None::<Tensor>, classes * classes)?.f_to_device(tch::Device::Cpu)?.try_into()?;
        let rows = counts.chunks(classes as usize).map(|row| row.iter().map(|&n| n as u64).collect());
        Ok(Self {
            top1: within(1)?,
            top5: (classes > 5).then(|| within(5)).transpose()?,
            confusion: Confusion::new(rows.collect())?,
        })
    }
}
