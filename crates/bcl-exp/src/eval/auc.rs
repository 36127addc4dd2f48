//! Macro-AUC of an encoder: cosine scores of some images against all others.

use super::Features;
use anyhow::{Context, Result};
use bcl_core::auc::macro_auc;
use tch::{Kind, Tensor};

/// The macro-AUC of `anchors` images spread evenly over the split, each against all others.
///
/// # Errors
/// When no anchor has both images of its class and of another.
pub fn macro_auc_of(features: &Features, anchors: usize) -> Result<f64> {
    let count = features.len();
    let wanted = i64::try_from(anchors).unwrap_or(i64::MAX).clamp(1, count);
    let own = Tensor::f_arange(wanted, (Kind::Int64, features.x.device()))?.f_mul_scalar(count / wanted)?;
    let bank = features.normalized()?;
    let (z, labels) = (bank.f_index_select(0, &own)?, features.labels.f_index_select(0, &own)?);
    macro_auc(&z, &labels, &bank, &features.labels, Some(&own))?
        .context("the split has images of one class only")
}
