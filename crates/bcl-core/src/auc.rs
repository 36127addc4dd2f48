//! Macro-AUC by ranks: how well scores tell an anchor's class from the others, averaged over anchors.

use crate::error::{Error, Result};
use tch::{Kind, Tensor};

/// Elements of the score block that is worked on at a time.
const BLOCK_ELEMENTS: i64 = 1 << 24;

/// The mean over anchors of the probability that a sample of the anchor's class scores above one of another
/// class, ties counting half: the mean of `roc_auc_score` over anchors.
///
/// # Shapes
/// `anchors`: A x D with labels A; `bank`: M x D with labels M; floating point, labels i64. `own`, if given, holds
/// for each anchor its row in the bank (i64, A; -1 where it is not there), which is left out.
///
/// Anchors whose class, or whose every other class, is absent from the bank have no AUC and are left out; `None`
/// when that leaves none.
///
/// Scores are inner products in f32 (f64 for f64 input), a block of anchors at a time: memory does not grow with A.
///
/// # Errors
/// On shapes and types that do not fit.
pub fn macro_auc(
    anchors: &Tensor,
    anchor_labels: &Tensor,
    bank: &Tensor,
    bank_labels: &Tensor,
    own: Option<&Tensor>,
) -> Result<Option<f64>> {
    let operation = "macro-AUC";
    check(operation, anchors, anchor_labels)?;
    check(operation, bank, bank_labels)?;
    if anchors.size()[1] != bank.size()[1] {
        let expected = format!("a bank of width {}", anchors.size()[1]);
        return Err(Error::Shape { operation, expected, got: bank.size() });
    }
    if anchors.device() != bank.device() {
        return Err(Error::Device { operation, expected: anchors.device(), got: bank.device() });
    }
    let (count, size) = (anchors.size()[0], bank.size()[0]);
    if let Some(own) = own
        && (own.size() != [count] || own.kind() != Kind::Int64)
    {
        return Err(Error::Shape {
            operation,
            expected: format!("{count} i64 rows of the bank"),
            got: own.size(),
        });
    }
    let _guard = tch::no_grad_guard();
    let wide = |z: &Tensor| z.f_to_kind(if z.kind() == Kind::Double { Kind::Double } else { Kind::Float });
    let (anchors, bank) = (wide(anchors)?, wide(bank)?.f_transpose(0, 1)?); // A x D, D x M
    let mut sum = 0.0;
    let mut counted = 0.0;
    let rows = (BLOCK_ELEMENTS / size.max(1)).max(1);
    for start in (0..count).step_by(rows as usize) {
        let length = rows.min(count - start);
        let scores = anchors.f_narrow(0, start, length)?.f_matmul(&bank)?; // R x M
        let same = bank_labels
            .f_unsqueeze(0)?
            .f_eq_tensor(&anchor_labels.f_narrow(0, start, length)?.f_unsqueeze(1)?)?; // R x M
        let ignored = match own {
            None => None,
            Some(own) => {
                let own = own.f_narrow(0, start, length)?.f_unsqueeze(1)?; // R x 1
                Some(
                    Tensor::f_arange(size, (Kind::Int64, bank.device()))?
                        .f_unsqueeze(0)?
                        .f_eq_tensor(&own)?,
                )
            }
        };
        let (block_sum, block_count) = auc_rows(&scores, &same, ignored.as_ref())?;
        sum += block_sum;
        counted += block_count;
    }
    Ok((counted > 0.0).then(|| sum / counted))
}

/// The sum of the rows' AUC and how many rows have one. `scores`, `positive`, `ignored`: R x M.
fn auc_rows(scores: &Tensor, positive: &Tensor, ignored: Option<&Tensor>) -> Result<(f64, f64)> {
    // An ignored column goes to -inf: below all others, so that it shifts every rank by the number ignored.
    let (scores, positive, ignored) = match ignored {
        None => (scores.shallow_clone(), positive.shallow_clone(), None),
        Some(mask) => {
            let count = mask.f_sum_dim_intlist([1i64].as_slice(), false, Kind::Double)?; // R
            let scores = scores.f_masked_fill(mask, f64::NEG_INFINITY)?;
            (scores, positive.f_logical_and(&mask.f_logical_not()?)?, Some(count))
        }
    };
    let size = scores.size()[1] as f64;
    let positives = positive.f_sum_dim_intlist([1i64].as_slice(), false, Kind::Double)?; // R
    let negatives = match &ignored {
        None => positives.f_neg()?.f_add_scalar(size)?,
        Some(count) => positives.f_add(count)?.f_neg()?.f_add_scalar(size)?,
    };
    // Mid-ranks of the positives: half of (number below) + (number at most), plus a half.
    let (sorted, _) = scores.f_sort(1, false)?;
    let scores = scores.f_contiguous()?;
    let below = scores.f_searchsorted(&sorted, false, false, "left", None::<Tensor>)?;
    let at_most = scores.f_searchsorted(&sorted, false, true, "right", None::<Tensor>)?;
    let twice = below.f_add(&at_most)?.f_mul(&positive)?; // i64: exact
    let rank_sum = twice.f_sum_dim_intlist([1i64].as_slice(), false, Kind::Double)?.f_div_scalar(2.0)?; // R, ranks from 1/2
    let shift = match &ignored {
        None => rank_sum.f_zeros_like()?,
        Some(count) => positives.f_mul(count)?,
    };
    // Mann-Whitney: U = sum of mid-ranks (from 1/2) - P²/2.
    let u = rank_sum.f_sub(&shift)?.f_sub(&positives.f_square()?.f_div_scalar(2.0)?)?;
    let pairs = positives.f_mul(&negatives)?;
    let valid = pairs.f_gt(0.0)?;
    let auc = u.f_div(&pairs.f_clamp_min(1.0)?)?.f_mul(&valid)?;
    Ok((auc.f_sum(Kind::Double)?.f_double_value(&[])?, valid.f_sum(Kind::Double)?.f_double_value(&[])?))
}

fn check(operation: &'static str, z: &Tensor, labels: &Tensor) -> Result<()> {
    if z.dim() != 2 || labels.size() != z.size()[..1] {
        let expected = format!("M x D embeddings with M labels, labels {:?}", labels.size());
        return Err(Error::Shape { operation, expected, got: z.size() });
    }
    if labels.kind() != Kind::Int64 {
        return Err(Error::Dtype { operation, expected: "i64 labels".into(), got: labels.kind() });
    }
    if !matches!(z.kind(), Kind::Float | Kind::Double | Kind::BFloat16 | Kind::Half) {
        return Err(Error::Dtype { operation, expected: "floating-point embeddings".into(), got: z.kind() });
    }
    Ok(())
}
