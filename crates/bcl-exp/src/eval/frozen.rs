//! A check that scoring leaves the encoder as it is.

use anyhow::{Result, ensure};
use bcl_models::Model;

/// Runs `score` and returns what it gives with the encoder's hash, SHA-256 of all its parameters and batch statistics,
/// which is the same before and after.
///
/// # Errors
/// Those of `score`, and when the encoder changed meanwhile, which would be a bug.
pub fn kept<T>(model: &Model, score: impl FnOnce() -> Result<T>) -> Result<(T, String)> {
    let before = model.encoder_hash()?;
    let found = score()?;
    let after = model.encoder_hash()?;
    ensure!(
        after == before,
        "scoring has changed the frozen encoder: expected its hash {before}, got {after}"
    );
    Ok((found, before))
}
