//! What stops a cell but not the sweep: a loss, a gradient or a weight that is no longer finite.

use crate::config::LossSpec;
use anyhow::{Context, Result};
use bcl_models::Checkpoint;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tch::{Device, Kind, Tensor};

/// A value that is not finite, with all that is needed to look at it again.
#[derive(Debug, Clone, PartialEq)]
pub struct NonFinite {
    /// `loss`, `largest gradient` or `largest weight`.
    pub what: &'static str,
    /// What came out.
    pub value: f64,
    /// The loss.
    pub loss: LossSpec,
    /// Location in use.
    pub alpha: Option<f64>,
    /// Epoch, from 1.
    pub epoch: u32,
    /// Batch in the epoch, from 1.
    pub step: u64,
    /// The batch's projections and labels, for `bcl-exp loss`.
    pub saved: PathBuf,
}

impl NonFinite {
    /// The command that evaluates the same loss on the same batch.
    #[must_use]
    pub fn replay(&self) -> String {
        let path = self.saved.display().to_string();
        let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=".contains(c);
        let path = if path.chars().all(plain) { path } else { format!("'{}'", path.replace('\'', r"'\''")) };
        format!("bcl-exp loss {path} {}", self.loss.flags(self.alpha))
    }
}

impl std::fmt::Display for NonFinite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { what, value, loss, alpha, epoch, step, .. } = self;
        let alpha = alpha.map_or(String::new(), |alpha| format!(", alpha in use {alpha}"));
        write!(f, "{what} is {value} at epoch {epoch}, step {step} of {}{alpha}; ", loss.label())?;
        write!(f, "the batch is saved, look at it with: {}", self.replay())
    }
}

impl std::error::Error for NonFinite {}

/// Saves the projections of a batch, and its labels, where `bcl-exp loss` can read them; `about` goes with them.
pub(super) fn save_batch(
    folder: &Path,
    [z1, z2]: [&Tensor; 2],
    labels: Option<&[i64]>,
    about: BTreeMap<String, String>,
) -> Result<PathBuf> {
    let path = folder.join("nonfinite.safetensors");
    let plain = |z: &Tensor| z.detach().to_device(Device::Cpu).to_kind(Kind::Float);
    let mut tensors = vec![("z1".to_owned(), plain(z1)), ("z2".to_owned(), plain(z2))];
    tensors.extend(labels.map(|labels| ("labels".to_owned(), Tensor::from_slice(labels))));
    Checkpoint { tensors, metadata: about }.save(&path).context("cannot save the batch")?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::NonFinite;
    use crate::config::LossRequest;

    #[test]
    fn the_replay_is_a_command_a_shell_understands() {
        let request = LossRequest { estimator: "hcl".into(), tau_plus: Some(0.1), ..LossRequest::default() };
        let failure = NonFinite {
            what: "largest gradient",
            value: f64::INFINITY,
            loss: request.resolve(0.1).unwrap(),
            alpha: None,
            epoch: 2,
            step: 7,
            saved: "my runs/it's/nonfinite.safetensors".into(),
        };
        let message = failure.to_string();
        assert!(message.starts_with("largest gradient is inf at epoch 2, step 7 of HCL "), "{message}");
        assert!(
            message.ends_with(
                r"bcl-exp loss 'my runs/it'\''s/nonfinite.safetensors' --estimator HCL --temperature 0.5 --tau-plus 0.1 --hcl-beta 1"
            ),
            "{message}"
        );
    }
}
