//! Weighted k-nearest-neighbour classification on cosine similarity (Wu et al. 2018).

use super::{Features, Outcome};
use anyhow::{Result, ensure};
use tch::{Kind, Tensor};

/// Test images compared at a time.
const BLOCK: i64 = 512;

/// Each test image is given the class with the largest sum of exp(similarity / temperature) over its `k` nearest
/// probe images; `k` is at most their number.
///
/// # Errors
/// When the parameters are out of range or widths differ.
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
    let k = i64::from(k).min(probe.len());
    let mut votes = Vec::new();
    for start in (0..test.len()).step_by(BLOCK as usize) {
        let rows = BLOCK.min(test.len() - start);
        let similarity = queries.f_narrow(0, start, rows)?.f_matmul(&bank)?; // R x M
        let (nearest, index) = similarity.f_topk(k, 1, true, false)?; // R x k
        let neighbours = probe.labels.f_take(&index)?;
        // exp((s - 1) / t): the same votes up to a factor, none overflows.
        let weights = nearest.f_sub_scalar(1.0)?.f_div_scalar(temperature)?.f_exp()?;
        let empty = Tensor::f_zeros([rows, classes], (Kind::Float, similarity.device()))?;
        votes.push(empty.f_scatter_add(1, &neighbours, &weights)?);
    }
    Outcome::new(&Tensor::f_cat(&votes, 0)?, &test.labels)
}
