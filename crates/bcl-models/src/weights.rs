//! Weights from elsewhere and for elsewhere: torchvision's state dicts and the authors' checkpoints, as safetensors.

use crate::checkpoint::Checkpoint;
use crate::error::Result;
use crate::model::{HEAD, Model};
use crate::names::{Names, PARALLEL};
use std::collections::BTreeMap;
use tch::Tensor;

/// Counters in other people's checkpoints that are no weights: of batch normalisation, and of a profiler's.
const COUNTERS: [&str; 3] = ["num_batches_tracked", "total_ops", "total_params"];

/// Tensors under names that [`Names`] knows.
#[derive(Debug)]
pub struct Weights {
    checkpoint: Checkpoint,
    names: Names,
    prefix: &'static str,
    ignored: Vec<String>,
}

impl Weights {
    /// Finds out whose names the tensors have. Counters are dropped.
    ///
    /// # Errors
    /// When there is no encoder under any known names.
    pub fn of(mut checkpoint: Checkpoint) -> Result<Self> {
        let (names, prefix) = Names::of(&checkpoint)?;
        checkpoint.tensors.retain(|(name, _)| {
            let last = name.rsplit('.').next().unwrap_or(name);
            !COUNTERS.contains(&last)
        });
        let classifier = format!("{prefix}fc.");
        let (ignored, tensors) =
            checkpoint.tensors.into_iter().partition(|(name, _)| name.starts_with(&classifier));
        checkpoint.tensors = tensors;
        let ignored: Vec<(String, Tensor)> = ignored;
        let ignored = ignored.into_iter().map(|(name, _)| name).collect();
        Ok(Self { checkpoint, names, prefix, ignored })
    }

    /// Whose names they have.
    #[must_use]
    pub fn names(&self) -> Names {
        self.names
    }

    /// Tensors that no model here has a place for: a classifier, `fc`.
    #[must_use]
    pub fn ignored(&self) -> &[String] {
        &self.ignored
    }

    /// Hidden width and width of the projections, if there is a projection head.
    #[must_use]
    pub fn head(&self) -> Option<[i64; 2]> {
        let rows = |own: &str| {
            let name = format!("{}{}", self.prefix, self.names.name(own)?);
            let (_, tensor) = self.checkpoint.tensors.iter().find(|(other, _)| *other == name)?;
            tensor.size().first().copied()
        };
        Some([rows(&format!("{HEAD}0.weight"))?, rows(&format!("{HEAD}3.weight"))?])
    }
}

impl Model {
    /// Takes the encoder and, if there is one, the projection head from `weights`; without one the head stays as it is.
    ///
    /// # Errors
    /// When a tensor is missing, has another shape or type, or no place here: all told under the file's own names. The
    /// model is then as before.
    pub fn import(&mut self, weights: &Weights) -> Result<()> {
        let wanted = |name: &str| !name.starts_with(HEAD) || weights.head().is_some();
        let targets: Vec<(String, Tensor)> = self
            .named_tensors()
            .into_iter()
            .filter(|(own, _)| wanted(own))
            .filter_map(|(own, tensor)| {
                Some((format!("{}{}", weights.prefix, weights.names.name(&own)?), tensor))
            })
            .collect();
        weights.checkpoint.copy_all_into(&targets)
    }

    /// The weights under other names, on the processor: as torchvision's `load_state_dict(..., strict=True)` takes them once
    /// the classifier is an `Identity`; as the authors' model does, inside its `nn.DataParallel`.
    #[must_use]
    pub fn export(&self, names: Names) -> Checkpoint {
        let prefix = if names == Names::Authors { PARALLEL } else { "" };
        let named = self.named_tensors().into_iter();
        let tensors =
            named.filter_map(|(own, tensor)| Some((format!("{prefix}{}", names.name(&own)?), tensor)));
        // What libraries that read safetensors look for.
        let metadata = BTreeMap::from([("format".to_owned(), "pt".to_owned())]);
        Checkpoint { tensors: tensors.collect(), metadata }
    }
}
