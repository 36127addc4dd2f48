//! The macro-AUC of 512 anchors against a data set's worth of images.

use super::clock::{Case, Timing, interleaved};
use anyhow::Result;
use bcl_core::auc::macro_auc;
use std::time::Duration;
use tch::{Device, Kind, Tensor};

/// Anchors, images, width of the features, classes.
const SHAPE: (i64, i64, i64, i64) = (512, 50_000, 128, 10);

/// Times it on random embeddings with random labels.
///
/// # Errors
/// When memory does not suffice.
pub fn run(device: Device, budget: Duration) -> Result<Vec<Timing>> {
    let (anchors, images, width, classes) = SHAPE;
    tch::manual_seed(0);
    let bank = Tensor::f_randn([images, width], (Kind::Float, Device::Cpu))?.to_device(device);
    let bank = bcl_core::normalize(&bank)?;
    let labels = Tensor::f_randint(classes, [images], (Kind::Int64, Device::Cpu))?.to_device(device);
    let own = Tensor::f_arange(anchors, (Kind::Int64, device))?;
    let (z, z_labels) = (bank.f_narrow(0, 0, anchors)?, labels.f_narrow(0, 0, anchors)?);
    let name = format!("{anchors} anchors x {images}");
    let mut cases = [Case::new(name, || {
        macro_auc(&z, &z_labels, &bank, &labels, Some(&own))?; // its value comes back to the host
        Ok(())
    })];
    interleaved(&mut cases, budget)
}
