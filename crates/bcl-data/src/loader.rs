//! Batches of augmented views, made ahead of time by threads of their own.

use crate::augment::{Bf16, Element, Layout, Policy, apply};
use crate::error::{Error, Result};
use crate::image_set::{CHANNELS, ImageSet};
use crate::seed::{Stream, epoch_order};
use crate::tensor_memory::{Pixel, filled};
use rayon::prelude::*;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tch::Tensor;

/// What a loader delivers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoaderConfig {
    /// Images in a batch.
    pub batch: usize,
    /// Names the random streams.
    pub seed: u64,
    /// Names them too; from 0.
    pub epoch: u64,
    /// Visit the images in the epoch's random order instead of their own.
    pub shuffle: bool,
    /// Leave out the last batch when it is not full.
    pub drop_last: bool,
    /// Threads that augment.
    pub threads: usize,
    /// Batches made ahead.
    pub prefetch: usize,
    /// How a view lies in memory; its shape is the same.
    pub layout: Layout,
    /// Type of a view.
    pub kind: ViewKind,
}

/// Type of a view's elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ViewKind {
    /// `f32`.
    #[default]
    F32,
    /// `bf16`, rounded to the nearest.
    Bf16,
}

impl LoaderConfig {
    /// In shuffled order, full batches only: pretraining.
    #[must_use]
    pub fn training(batch: usize, seed: u64, epoch: u64, threads: usize) -> Self {
        let (layout, kind) = Default::default();
        Self { batch, seed, epoch, shuffle: true, drop_last: true, threads, prefetch: 2, layout, kind }
    }

    /// Every image, in order: evaluation.
    #[must_use]
    pub fn evaluation(batch: usize, threads: usize) -> Self {
        Self { shuffle: false, drop_last: false, ..Self::training(batch, 0, 0, threads) }
    }
}

/// A batch of views.
#[derive(Debug)]
pub struct ViewBatch {
    /// Which images, by their place in the set.
    pub indices: Vec<u32>,
    /// For each view B x 3 x S x S, S the size of its policy, normalised, on the processor.
    pub views: Vec<Tensor>,
    /// B labels, where the set has any.
    pub labels: Option<Vec<i64>>,
    /// How long the caller waited for this batch.
    pub waited: Duration,
}

/// An iterator over the batches of one epoch. Dropping it stops its threads.
///
/// A view depends on (seed, epoch, image, view) alone: not on threads, order or batch size.
#[derive(Debug)]
pub struct ViewLoader {
    batches: usize,
    delivered: usize,
    receiver: Option<Receiver<Result<ViewBatch>>>,
    worker: Option<JoinHandle<()>>,
}

impl ViewLoader {
    /// Starts making batches: for each image as many views as there are policies, each by its own.
    ///
    /// # Errors
    /// When a policy or a number is out of range, or threads cannot be started.
    pub fn new(set: ImageSet, views: Vec<Policy>, config: LoaderConfig) -> Result<Self> {
        views.iter().try_for_each(Policy::validate)?;
        for (name, value) in [("views", views.len()), ("batch", config.batch), ("threads", config.threads)] {
            if value == 0 {
                return Err(Error::Parameter { name, expected: "at least 1".into(), got: "0".into() });
            }
        }
        let order = if config.shuffle {
            epoch_order(config.seed, config.epoch, set.len())
        } else {
            (0..set.len() as u32).collect()
        };
        let batches =
            if config.drop_last { set.len() / config.batch } else { set.len().div_ceil(config.batch) };
        let stopped = |error: &dyn std::fmt::Display| Error::Loader(error.to_string());
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(config.threads)
            .thread_name(|index| format!("augment-{index}"))
            .build()
            .map_err(|error| stopped(&error))?;
        let (sender, receiver) = sync_channel(config.prefetch.max(1));
        let worker = std::thread::Builder::new()
            .name("loader".into())
            .spawn(move || {
                for indices in order.chunks(config.batch).take(batches) {
                    let batch = pool.install(|| make(&set, &views, config, indices));
                    let last = batch.is_err();
                    if sender.send(batch).is_err() || last {
                        return; // the receiver has been dropped, or the error is the last that is to be said
                    }
                }
            })
            .map_err(|error| stopped(&error))?;
        Ok(Self { batches, delivered: 0, receiver: Some(receiver), worker: Some(worker) })
    }

    /// How many batches the whole epoch has.
    #[must_use]
    pub fn batches(&self) -> usize {
        self.batches
    }
}

impl Iterator for ViewLoader {
    type Item = Result<ViewBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.delivered == self.batches {
            return None;
        }
        let begun = Instant::now();
        match self.receiver.as_ref()?.recv() {
            Ok(Ok(batch)) => {
                self.delivered += 1;
                Some(Ok(ViewBatch { waited: begun.elapsed(), ..batch }))
            }
            Ok(Err(error)) => {
                self.delivered = self.batches;
                Some(Err(error))
            }
            Err(_) => {
                self.receiver = None;
                let reason = match self.worker.take().map(JoinHandle::join) {
                    Some(Err(panic)) => panic
                        .downcast_ref::<String>()
                        .cloned()
                        .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
                        .unwrap_or_else(|| "a panic in its thread".to_owned()),
                    _ => "its thread has ended".to_owned(),
                };
                self.delivered = self.batches;
                Some(Err(Error::Loader(reason)))
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.batches - self.delivered;
        (left, Some(left))
    }
}

impl ExactSizeIterator for ViewLoader {}

impl Drop for ViewLoader {
    fn drop(&mut self) {
        self.receiver = None; // the next send fails
        if let Some(worker) = self.worker.take() {
            // A panic has been reported by `next`, or nobody asked for the batch it happened in.
            let _ = worker.join();
        }
    }
}

/// Makes one batch, its images in parallel.
fn make(set: &ImageSet, views: &[Policy], config: LoaderConfig, indices: &[u32]) -> Result<ViewBatch> {
    let view = |(view, policy)| match config.kind {
        ViewKind::F32 => view_of::<f32>(set, policy, config, indices, view),
        ViewKind::Bf16 => view_of::<Bf16>(set, policy, config, indices, view),
    };
    Ok(ViewBatch {
        views: views.iter().enumerate().map(view).collect::<Result<_>>()?,
        labels: set
            .labels()
            .map(|labels| indices.iter().map(|&index| i64::from(labels[index as usize])).collect()),
        indices: indices.to_vec(),
        waited: Duration::ZERO,
    })
}

/// One view of each image, written where libtorch will read it.
fn view_of<T: Element + Pixel>(
    set: &ImageSet,
    policy: &Policy,
    config: LoaderConfig,
    indices: &[u32],
    view: usize,
) -> Result<Tensor> {
    let shape = (set.height(), set.width());
    let values = CHANNELS * policy.size * policy.size;
    let (count, side, channels) = (indices.len() as i64, policy.size as i64, CHANNELS as i64);
    let sizes = match config.layout {
        Layout::Planes => [count, channels, side, side],
        Layout::ChannelsLast => [count, side, side, channels],
    };
    let tensor = filled::<T>(&sizes, |pixels| {
        pixels.par_chunks_exact_mut(values).zip(indices).try_for_each(|(out, &index)| {
            let mut stream = Stream::new(config.seed, config.epoch, u64::from(index), view as u64);
            let drawn = policy.draw(&mut stream, shape.0, shape.1);
            apply(policy, &drawn, &set.image(index as usize)?, shape, config.layout, out);
            Ok(())
        })
    })?;
    Ok(match config.layout {
        Layout::Planes => tensor,
        Layout::ChannelsLast => tensor.f_permute([0, 3, 1, 2])?,
    })
}
