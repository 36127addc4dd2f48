//! Ranks of scores within their rows: how many are at most as large.

use crate::error::{Error, Result};
use tch::{Kind, Tensor};

/// The rank of every element in its row, ties counted as "<=": the smallest of N distinct scores has rank 1,
/// the largest rank N, and tied scores share the highest rank of their group.
///
/// # Shapes
/// `scores`: A x N, f32 or f64, free of NaN. Result: A x N, i64, on the same device.
///
/// Sorting costs O(N log N) a row; nothing of size N x N is made. The graph is not extended: ranks are piecewise
/// constant.
///
/// # Errors
/// When `scores` is not 2-D or not f32 or f64.
pub fn ranks(scores: &Tensor) -> Result<Tensor> {
    let operation = "ranks";
    if scores.dim() != 2 {
        return Err(Error::Shape { operation, expected: "A x N scores".into(), got: scores.size() });
    }
    if !matches!(scores.kind(), Kind::Float | Kind::Double) {
        return Err(Error::Dtype { operation, expected: "f32 or f64".into(), got: scores.kind() });
    }
    let scores = scores.detach().contiguous();
    let (sorted, _) = scores.f_sort(1, false)?;
    // Insertion point to the right of all equal scores = the number of scores <= this one.
    Ok(scores.f_searchsorted(&sorted, false, true, "right", None::<Tensor>)?)
}
