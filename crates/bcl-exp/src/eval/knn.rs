//! Weighted k-nearest-neighbour classification on cosine similarity (Wu et al. 2018).

use super::{Features, Outcome};
use anyhow::{Result, ensure};
use tch::{Kind, Tensor};

/// Test images compared at a time.
const BLOCK: i64 = 512;

/// Each test image is given the class with the largest sum of exp(similarity / temperature) over its `k` nearest
/// probe images; `k` is at most their number.
///
/// Ties, as f32 computes the similarities: of equally similar probe images those first in the data set are nearer, of
/// equal votes the lowest class wins. Memory is that of the features and of 512 test images' similarities.
///
/// # Errors
/// When the parameters are out of range, widths differ, or a feature is not finite.
pub fn classify(
    probe: &Features,
    test: &Features,
    classes: i64,
    k: u32,
    temperature: f64,
) -> Result<Outcome> {
    ensure!(k >= 1, "k: expected at least 1, got 0");
    ensure!(temperature.is_finite() && temperature > 0.0, "kNN temperature: expected > 0, got {temperature}");
    let (probe_width, width) = (probe.x.size()[1], test.x.size()[1]);
    ensure!(probe_width == width, "features: expected width {width} as in the test split, got {probe_width}");
    let _guard = tch::no_grad_guard();
    let bank = probe.normalized()?.f_transpose(0, 1)?; // F x M
    let queries = test.normalized()?;
    for (name, x) in [("probe", &bank), ("test", &queries)] {
        let finite = x.f_sum(Kind::Double)?.f_double_value(&[])?.is_finite();
        ensure!(finite, "kNN: expected finite features, got others in the {name} split");
    }
    let k = i64::from(k).min(probe.len());
    let mut votes = Vec::new();
    for start in (0..test.len()).step_by(BLOCK as usize) {
        let rows = BLOCK.min(test.len() - start);
        let similarity = queries.f_narrow(0, start, rows)?.f_matmul(&bank)?; // R x M
        let (similar, index) = nearest(&similarity, k)?;
        let neighbours = probe.labels.f_take(&index)?;
        // exp((s - 1) / t): the same votes up to a factor, none overflows.
        let weights = similar.f_sub_scalar(1.0)?.f_div_scalar(temperature)?.f_exp()?;
        let empty = Tensor::f_zeros([rows, classes], (Kind::Float, similarity.device()))?;
        votes.push(empty.f_scatter_add(1, &neighbours, &weights)?);
    }
    Outcome::new(&Tensor::f_cat(&votes, 0)?, &test.labels)
}

/// The `k` largest of each row and their places, R x k each; of equal ones the first. `similarity`: R x M, `k` <= M.
fn nearest(similarity: &Tensor, k: i64) -> Result<(Tensor, Tensor)> {
    let more = (k + 1).min(similarity.size()[1]);
    let (values, index) = similarity.f_topk(more, 1, true, true)?;
    if more == k {
        return Ok((values, index)); // all of them
    }
    // Which of equal values top-k takes is not defined. It matters where the last one taken equals the next.
    let last = values.f_narrow(1, k - 1, 1)?; // R x 1
    let tied =
        last.f_eq_tensor(&values.f_narrow(1, k, 1)?)?.f_squeeze_dim(1)?.f_nonzero()?.f_squeeze_dim(1)?;
    let (values, index) = (values.f_narrow(1, 0, k)?, index.f_narrow(1, 0, k)?);
    if tied.size()[0] == 0 {
        return Ok((values, index));
    }
    let (rows, last) = (similarity.f_index_select(0, &tied)?, last.f_index_select(0, &tied)?); // T x M, T x 1
    let (above, equal) = (rows.f_gt_tensor(&last)?, rows.f_eq_tensor(&last)?);
    let room = above.f_sum_dim_intlist([1i64].as_slice(), true, Kind::Int64)?.f_neg()?.f_add_scalar(k)?; // T x 1
    let first = equal.f_cumsum(1, Kind::Int64)?.f_le_tensor(&room)?.f_logical_and(&equal)?;
    let chosen = above.f_logical_or(&first)?.f_nonzero()?.f_select(1, 1)?.f_view([-1, k])?; // T x k
    Ok((
        values.f_index_copy(0, &tied, &rows.f_gather(1, &chosen, false)?)?,
        index.f_index_copy(0, &tied, &chosen)?,
    ))
}
