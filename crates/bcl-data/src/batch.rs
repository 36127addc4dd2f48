//! One batch of views: made by the loader's threads, or planned by them and made where the images are copied to.

use crate::augment::{BatchPlan, Bf16, Drawn, Element, Layout, Planner, Policy, apply};
use crate::error::Result;
use crate::image_set::{CHANNELS, ImageSet};
use crate::loader::{LoaderConfig, MadeBy, ViewKind};
use crate::seed::Stream;
use crate::tensor_memory::{Pixel, filled, staged, uploaded};
use rayon::prelude::*;
use std::time::Duration;
use tch::{Device, Tensor};

/// A batch of views.
#[derive(Debug)]
pub struct ViewBatch {
    /// Which images, by their place in the set.
    pub indices: Vec<u32>,
    /// For each view B x 3 x S x S, S the size of its policy, normalised; on the loader's device.
    pub views: Vec<Tensor>,
    /// B labels, where the set has any.
    pub labels: Option<Vec<i64>>,
    /// How long the caller waited for this batch.
    pub waited: Duration,
}

impl ViewBatch {
    /// The labels on `device`, B, i64, without waiting for the copy.
    ///
    /// # Errors
    /// When memory does not suffice.
    pub fn labels_on(&self, device: Device) -> Result<Option<Tensor>> {
        let copied = |labels: &[i64]| uploaded(&staged(Tensor::f_from_slice(labels)?, device), device);
        self.labels.as_deref().map(copied).transpose()
    }
}

/// Images of a batch, as they are, that go to a device; more, those of large photographs, are made into views here, which is
/// the same. On a device they take four times as much for a moment.
const MOST_BYTES: usize = 256 << 20;

/// What the loader's threads give on.
#[derive(Debug)]
pub(crate) struct Made {
    batch: ViewBatch,
    planned: Option<Planned>,
}

/// Images and what is to happen to them.
#[derive(Debug)]
struct Planned {
    /// B x 3 x H x W, bytes.
    images: Tensor,
    /// One for each view.
    plans: Vec<BatchPlan>,
    device: Device,
}

/// Makes one batch, its images in parallel.
pub(crate) fn make(
    set: &ImageSet,
    policies: &[Policy],
    config: LoaderConfig,
    planner: &mut Planner,
    indices: &[u32],
) -> Result<Made> {
    let mut batch = ViewBatch {
        indices: indices.to_vec(),
        views: Vec::new(),
        labels: set
            .labels()
            .map(|labels| indices.iter().map(|&index| i64::from(labels[index as usize])).collect()),
        waited: Duration::ZERO,
    };
    let views = policies.iter().enumerate();
    let shapes: Vec<(usize, usize)> =
        indices.iter().map(|&index| set.size(index as usize)).collect::<Result<_>>()?;
    // Images of other sizes lie in the upper left of what holds the largest.
    let shape = shapes.iter().fold((0, 0), |(h, w), &(height, width)| (h.max(height), w.max(width)));
    let device = config.device;
    let large = indices.len() * CHANNELS * shape.0 * shape.1 > MOST_BYTES;
    if large || config.made_by == MadeBy::Threads {
        let view = |(view, policy)| match config.kind {
            ViewKind::F32 => view_of::<f32>(set, policy, config, indices, view),
            ViewKind::Bf16 => view_of::<Bf16>(set, policy, config, indices, view),
        };
        batch.views = views.map(view).map(|view| Ok(staged(view?, device))).collect::<Result<_>>()?;
        return Ok(Made { batch, planned: None });
    }
    let plan = |(view, policy): (usize, &Policy)| {
        let both = indices.par_iter().zip(&shapes);
        let drawn: Vec<Drawn> =
            both.map(|(&index, &shape)| draw(policy, config, shape, index, view)).collect();
        planner.plan(policy, &drawn, shape, device)
    };
    let plans = views.map(plan).collect::<Result<_>>()?;
    let images = staged(images_of(set, indices, shape)?, device);
    Ok(Made { batch, planned: Some(Planned { images, plans, device }) })
}

impl Made {
    /// The batch with its views: those that are planned are made now, without waiting for the device.
    pub(crate) fn finish(self, config: LoaderConfig, waited: Duration) -> Result<ViewBatch> {
        let mut batch = ViewBatch { waited, ..self.batch };
        if let Some(Planned { images, plans, device }) = self.planned {
            let images = uploaded(&images, device)?;
            let view = |plan: &BatchPlan| plan.apply(&images, config.layout, config.kind.tensor_kind());
            batch.views = plans.iter().map(view).collect::<Result<_>>()?;
        } else {
            let views = batch.views.iter().map(|view| uploaded(view, config.device));
            batch.views = views.collect::<Result<_>>()?;
        }
        Ok(batch)
    }
}

/// What happens to an image of this shape for a view.
fn draw(
    policy: &Policy,
    config: LoaderConfig,
    (height, width): (usize, usize),
    index: u32,
    view: usize,
) -> Drawn {
    policy.draw(&mut Stream::new(config.seed, config.epoch, u64::from(index), view as u64), height, width)
}

/// One view of each image, written where libtorch will read it.
fn view_of<T: Element + Pixel>(
    set: &ImageSet,
    policy: &Policy,
    config: LoaderConfig,
    indices: &[u32],
    view: usize,
) -> Result<Tensor> {
    let values = CHANNELS * policy.size * policy.size;
    let (count, side, channels) = (indices.len() as i64, policy.size as i64, CHANNELS as i64);
    let sizes = match config.layout {
        Layout::Planes => [count, channels, side, side],
        Layout::ChannelsLast => [count, side, side, channels],
    };
    let tensor = filled::<T>(&sizes, |pixels| {
        pixels.par_chunks_exact_mut(values).zip(indices).try_for_each(|(out, &index)| {
            let shape = set.size(index as usize)?;
            let drawn = draw(policy, config, shape, index, view);
            apply(policy, &drawn, &set.image(index as usize)?, shape, config.layout, out);
            Ok(())
        })
    })?;
    Ok(match config.layout {
        Layout::Planes => tensor,
        Layout::ChannelsLast => tensor.f_permute([0, 3, 1, 2])?,
    })
}

/// The images as they are, each in the upper left of H x W pixels: B x 3 x H x W bytes.
fn images_of(set: &ImageSet, indices: &[u32], (height, width): (usize, usize)) -> Result<Tensor> {
    let sizes = [indices.len() as i64, CHANNELS as i64, height as i64, width as i64];
    filled::<u8>(&sizes, |pixels| {
        pixels.par_chunks_exact_mut(CHANNELS * height * width).zip(indices).try_for_each(|(out, &index)| {
            let (h, w) = set.size(index as usize)?;
            let image = set.image(index as usize)?;
            for (plane, out) in image.chunks_exact(h * w).zip(out.chunks_exact_mut(height * width)) {
                for (line, out) in plane.chunks_exact(w).zip(out.chunks_exact_mut(width)) {
                    out[..w].copy_from_slice(line);
                }
            }
            Ok(())
        })
    })
}
