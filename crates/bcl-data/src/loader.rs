//! Batches of augmented views, made ahead of time by threads of their own.

use crate::augment::{Policy, apply};
use crate::error::{Error, Result};
use crate::image_set::{CHANNELS, ImageSet};
use crate::seed::{Stream, epoch_order};
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
    /// Views of each image: 2 for training, 1 for evaluation.
    pub views: usize,
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
}

impl LoaderConfig {
    /// Two shuffled views, full batches only: pretraining.
    #[must_use]
    pub fn training(batch: usize, seed: u64, epoch: u64, threads: usize) -> Self {
        Self { batch, views: 2, seed, epoch, shuffle: true, drop_last: true, threads, prefetch: 2 }
    }

    /// One view of every image in order: evaluation.
    #[must_use]
    pub fn evaluation(batch: usize, threads: usize) -> Self {
        Self { batch, views: 1, seed: 0, epoch: 0, shuffle: false, drop_last: false, threads, prefetch: 2 }
    }
}

/// A batch of views.
#[derive(Debug)]
pub struct ViewBatch {
    /// Which images, by their place in the set.
    pub indices: Vec<u32>,
    /// For each view B x 3 x S x S, f32, normalised, on the processor.
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
    receiver: Option<Receiver<ViewBatch>>,
    worker: Option<JoinHandle<()>>,
}

impl ViewLoader {
    /// Starts making batches.
    ///
    /// # Errors
    /// When the policy or a number is out of range, or threads cannot be started.
    pub fn new(set: ImageSet, policy: Policy, config: LoaderConfig) -> Result<Self> {
        policy.validate()?;
        for (name, value) in [("batch", config.batch), ("views", config.views), ("threads", config.threads)] {
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
                    let batch = pool.install(|| make(&set, &policy, config, indices));
                    if sender.send(batch).is_err() {
                        return; // the receiver has been dropped
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
            Ok(batch) => {
                self.delivered += 1;
                Some(Ok(ViewBatch { waited: begun.elapsed(), ..batch }))
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
fn make(set: &ImageSet, policy: &Policy, config: LoaderConfig, indices: &[u32]) -> ViewBatch {
    let shape = (set.height(), set.width());
    let values = CHANNELS * policy.size * policy.size;
    let views = (0..config.views).map(|view| {
        let mut pixels = vec![0.0f32; indices.len() * values]; // B x 3 x S x S
        pixels.par_chunks_exact_mut(values).zip(indices).for_each(|(out, &index)| {
            let mut stream = Stream::new(config.seed, config.epoch, u64::from(index), view as u64);
            let drawn = policy.draw(&mut stream, shape.0, shape.1);
            if let Some(image) = set.image(index as usize) {
                apply(policy, &drawn, image, shape, out);
            }
        });
        let side = policy.size as i64;
        Tensor::from_slice(&pixels).view([indices.len() as i64, CHANNELS as i64, side, side])
    });
    ViewBatch {
        views: views.collect(),
        labels: set
            .labels()
            .map(|labels| indices.iter().map(|&index| i64::from(labels[index as usize])).collect()),
        indices: indices.to_vec(),
        waited: Duration::ZERO,
    }
}
