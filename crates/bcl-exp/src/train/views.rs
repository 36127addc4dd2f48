//! The views of a run's epochs: which images, by what policies, in the layout and type that the encoder wants.

use super::place::Place;
use crate::config::CellConfig;
use anyhow::Result;
use bcl_data::{DataSet, ImageSet, Layout, LoaderConfig, ViewKind, ViewLoader};
use bcl_models::Precision;

/// A loader of the epochs from `epoch` (from 0) to the cell's last, without the first `batches` of that epoch. It works
/// ahead across their ends.
///
/// # Errors
/// When threads cannot be started.
pub(super) fn loader(
    cell: &CellConfig,
    place: &Place,
    set: &DataSet,
    images: ImageSet,
    epoch: u32,
    batches: u64,
) -> Result<ViewLoader> {
    let bf16 = cell.encoder.precision == Precision::Bf16.to_string();
    let config = LoaderConfig {
        first: batches as usize,
        epochs: cell.train.epochs.saturating_sub(epoch),
        // As the encoder wants them, so that nothing is copied once more.
        layout: Layout::ChannelsLast,
        kind: if bf16 { ViewKind::Bf16 } else { ViewKind::F32 },
        device: place.device,
        made_by: place.augment.into(),
        ..LoaderConfig::training(cell.train.batch_pairs, cell.seed, u64::from(epoch), place.threads)
    };
    Ok(ViewLoader::new(images, cell.views(set), config)?)
}
