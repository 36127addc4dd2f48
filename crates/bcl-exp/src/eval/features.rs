//! Features of a data split by a frozen encoder.

use anyhow::{Context, Result, ensure};
use bcl_data::{Labeled, LoaderConfig, Policy, ViewLoader};
use bcl_models::Model;
use tch::{Kind, Tensor};

/// Images encoded at a time.
const BATCH: usize = 512;

/// Features with labels.
#[derive(Debug)]
pub struct Features {
    /// N x F, f32, as they come out of the encoder: not normalised.
    pub x: Tensor,
    /// N, i64.
    pub labels: Tensor,
}

impl Features {
    /// Features and labels that belong together.
    ///
    /// # Errors
    /// When their numbers differ or there are none.
    pub fn new(x: Tensor, labels: Tensor) -> Result<Self> {
        ensure!(x.dim() == 2, "features: expected N x F, got shape {:?}", x.size());
        ensure!(
            labels.size() == x.size()[..1],
            "labels: expected {} of them, got {:?}",
            x.size()[0],
            labels.size()
        );
        ensure!(x.size()[0] > 0, "features: expected at least one image, got none");
        Ok(Self { x, labels: labels.to_kind(Kind::Int64) })
    }

    /// Encodes un-augmented images with running batch statistics.
    ///
    /// # Errors
    /// When memory does not suffice or the loader stops.
    pub fn extract(model: &Model, set: &Labeled, policy: &Policy, threads: usize) -> Result<Self> {
        let config = LoaderConfig { device: model.device(), ..LoaderConfig::evaluation(BATCH, threads) };
        Self::from_batches(model, ViewLoader::new(set.images().clone(), vec![policy.clone()], config)?)
    }

    /// Encodes whatever a loader delivers: its first view.
    ///
    /// # Errors
    /// When memory does not suffice, the loader stops, or images have no labels.
    pub fn from_batches(model: &Model, loader: ViewLoader) -> Result<Self> {
        let (mut features, mut labels) = (Vec::new(), Vec::new());
        for batch in loader {
            let batch = batch?;
            labels.extend(batch.labels.context("evaluation needs labels")?);
            features.push(model.features(batch.views.first().context("a batch without views")?)?);
        }
        ensure!(!features.is_empty(), "no images to encode");
        Self::new(Tensor::f_cat(&features, 0)?, Tensor::from_slice(&labels).to_device(model.device()))
    }

    /// The features of these images; all of them where there is no list.
    ///
    /// # Errors
    /// On a place past the end.
    pub fn select(&self, places: Option<&[u32]>) -> Result<Self> {
        let Some(places) = places else {
            return Self::new(self.x.shallow_clone(), self.labels.shallow_clone());
        };
        let places: Vec<i64> = places.iter().map(|&place| i64::from(place)).collect();
        let places = Tensor::from_slice(&places).to_device(self.x.device());
        Self::new(self.x.f_index_select(0, &places)?, self.labels.f_index_select(0, &places)?)
    }

    /// Rows of length 1.
    ///
    /// # Errors
    /// When memory does not suffice.
    pub fn normalized(&self) -> Result<Tensor> {
        Ok(bcl_core::normalize(&self.x)?)
    }

    /// How many.
    #[must_use]
    pub fn len(&self) -> i64 {
        self.x.size()[0]
    }

    /// Never: [`Features::new`] refuses it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
