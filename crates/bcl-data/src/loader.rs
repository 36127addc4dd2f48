//! Batches of augmented views, made ahead of time by threads of their own.

use crate::augment::{Layout, Planner, Policy};
use crate::batch::{Made, ViewBatch, make};
use crate::error::{Error, Result};
use crate::image_set::ImageSet;
use crate::seed::epoch_order;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;
use std::time::Instant;
use tch::{Device, Kind};

/// What a loader delivers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoaderConfig {
    /// Images in a batch.
    pub batch: usize,
    /// Names the random streams.
    pub seed: u64,
    /// Names them too; from 0. The first epoch that is gone through.
    pub epoch: u64,
    /// How many epochs are, one after another.
    pub epochs: u32,
    /// The first epoch begins with this batch, from 0; those before it are not made.
    pub first: usize,
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
    /// Where views come to lie; copies to a CUDA device are not waited for.
    pub device: Device,
    /// What makes the views; they are the same.
    pub made_by: MadeBy,
}

/// What makes views.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MadeBy {
    /// The loader's threads, an image at a time by fused kernels, ahead of being asked.
    #[default]
    Threads,
    /// The device, a whole batch by tensor operations, when it is asked for: for a machine whose processors are busy. The operations wait in
    /// the device's queue with those of training.
    Device,
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

impl ViewKind {
    /// libtorch's name for it.
    pub(crate) fn tensor_kind(self) -> Kind {
        match self {
            Self::F32 => Kind::Float,
            Self::Bf16 => Kind::BFloat16,
        }
    }
}

impl LoaderConfig {
    /// One epoch in shuffled order, full batches only: pretraining.
    #[must_use]
    pub fn training(batch: usize, seed: u64, epoch: u64, threads: usize) -> Self {
        let (layout, kind) = Default::default();
        Self {
            batch,
            seed,
            epoch,
            epochs: 1,
            first: 0,
            shuffle: true,
            drop_last: true,
            threads,
            prefetch: 2,
            layout,
            kind,
            device: Device::Cpu,
            made_by: MadeBy::default(),
        }
    }

    /// Every image, in order: evaluation.
    #[must_use]
    pub fn evaluation(batch: usize, threads: usize) -> Self {
        Self { shuffle: false, drop_last: false, ..Self::training(batch, 0, 0, threads) }
    }
}

/// An iterator over the batches of an epoch, and after [`ViewLoader::next_epoch`] over those of the next one. Batches are made
/// ahead across the end of an epoch, so that the next one does not begin with waiting. Dropping the loader stops its threads.
///
/// A view depends on (seed, epoch, image, view) alone: not on threads, order, batch size or device.
#[derive(Debug)]
pub struct ViewLoader {
    config: LoaderConfig,
    batches: usize,
    /// Of this epoch, with those left out.
    delivered: usize,
    receiver: Option<Receiver<Result<Made>>>,
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
                let mut planner = Planner::default();
                for ahead in 0..u64::from(config.epochs) {
                    let config = LoaderConfig { epoch: config.epoch + ahead, ..config };
                    let order = order(config, set.len());
                    let skipped = if ahead == 0 { config.first } else { 0 };
                    for indices in order.chunks(config.batch).take(batches).skip(skipped) {
                        let batch = pool.install(|| make(&set, &views, config, &mut planner, indices));
                        let last = batch.is_err();
                        if sender.send(batch).is_err() || last {
                            return; // the receiver has been dropped, or the error is the last that is to be said
                        }
                    }
                }
            })
            .map_err(|error| stopped(&error))?;
        let delivered = if config.epochs == 0 { batches } else { config.first.min(batches) };
        Ok(Self { config, batches, delivered, receiver: Some(receiver), worker: Some(worker) })
    }

    /// How many batches a whole epoch has.
    #[must_use]
    pub fn batches(&self) -> usize {
        self.batches
    }

    /// The epoch whose batches come, from 0.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.config.epoch
    }

    /// Goes on to the next epoch; what is left of this one is passed over. False, and no batch comes, after the last one.
    pub fn next_epoch(&mut self) -> bool {
        // The batches come in order: what is left has to be taken first.
        while self.next().is_some() {}
        if self.config.epochs <= 1 || self.receiver.is_none() {
            return false;
        }
        (self.config.epoch, self.config.epochs, self.delivered) =
            (self.config.epoch + 1, self.config.epochs - 1, 0);
        true
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
            Ok(Ok(made)) => {
                self.delivered += 1;
                Some(made.finish(self.config, begun.elapsed()))
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

/// The order in which an epoch visits the images.
fn order(config: LoaderConfig, images: usize) -> Vec<u32> {
    if config.shuffle { epoch_order(config.seed, config.epoch, images) } else { (0..images as u32).collect() }
}
