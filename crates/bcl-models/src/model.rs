//! Encoder and projection head as one model.

use crate::checkpoint::Checkpoint;
use crate::error::{Error, Result};
use crate::head::ProjectionHead;
use crate::layers::Statistics;
use crate::parameters::{Declarations, Parameters};
use crate::precision::Precision;
use crate::resnet::{EncoderConfig, ResNet};
use sha2::{Digest, Sha256};
use tch::{Device, Kind, Tensor};

/// What begins the names of the encoder's tensors.
pub(crate) const ENCODER: &str = "encoder.";

/// What begins the names of the head's tensors.
pub(crate) const HEAD: &str = "head.";

/// A model's shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ModelConfig {
    /// The encoder.
    pub encoder: EncoderConfig,
    /// Hidden width of the head; 512 as published.
    pub hidden: i64,
    /// Width D of the projections; 128 as published.
    pub feature_dim: i64,
    /// Compute precision.
    pub precision: Precision,
}

/// What a forward pass gives.
#[derive(Debug)]
pub struct Output {
    /// Pooled features before the head, not normalised: N x F, f32.
    pub features: Tensor,
    /// Projections of length 1, what the loss sees: N x D, f32.
    pub z: Tensor,
}

/// An encoder with its projection head.
#[derive(Debug)]
pub struct Model {
    config: ModelConfig,
    encoder: ResNet,
    head: ProjectionHead,
    pub(crate) parameters: Parameters,
    kind: Kind,
    device: Device,
}

impl Model {
    /// A model with initial weights named by the seed: the same on every device.
    ///
    /// # Errors
    /// When a width is out of range or memory does not suffice.
    pub fn new(config: &ModelConfig, seed: u64, device: Device) -> Result<Self> {
        config.encoder.validate()?;
        for (name, value) in [("hidden", config.hidden), ("feature_dim", config.feature_dim)] {
            if !(1..=65_536).contains(&value) {
                return Err(Error::Parameter { name, expected: "1 to 65536", got: value.to_string() });
            }
        }
        let mut declare = Declarations::default();
        let encoder = ResNet::new(&mut declare, ENCODER, &config.encoder);
        let widths = [config.encoder.features_dim(), config.hidden, config.feature_dim];
        let head = ProjectionHead::new(&mut declare, HEAD, widths);
        let parameters = declare.make(seed, device)?;
        Ok(Self { config: *config, encoder, head, parameters, kind: config.precision.kind(device), device })
    }

    /// The shape.
    #[must_use]
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// Where it is.
    #[must_use]
    pub fn device(&self) -> Device {
        self.device
    }

    /// Features and projections of images N x C x H x W, f32.
    ///
    /// # Errors
    /// On images of another shape, or when memory does not suffice.
    pub fn forward(&self, images: &Tensor, statistics: Statistics) -> Result<Output> {
        let features = self.encoder.forward(&self.parameters, &self.prepared(images)?, statistics)?;
        let projections = self.head.forward(&self.parameters, &features, statistics)?;
        let length = projections.f_norm_scalaropt_dim(2.0, [1i64].as_slice(), true)?.f_clamp_min(1e-12)?;
        Ok(Output { features, z: projections.f_div(&length)? })
    }

    /// Features of images N x C x H x W by the frozen encoder: running statistics, no graph. N x F, f32.
    ///
    /// # Errors
    /// As for [`Model::forward`].
    pub fn features(&self, images: &Tensor) -> Result<Tensor> {
        let _guard = tch::no_grad_guard();
        self.encoder.forward(&self.parameters, &self.prepared(images)?, Statistics::Running)
    }

    /// Compute type, device, channels-last.
    fn prepared(&self, images: &Tensor) -> Result<Tensor> {
        let channels = self.config.encoder.in_channels;
        if images.dim() != 4 || images.size()[1] != channels {
            let expected = format!("N x {channels} x H x W images");
            return Err(Error::Shape { operation: "encoder", expected, got: images.size() });
        }
        self.config.precision.apply(self.device)?;
        let images = images.f_to_device(self.device)?.f_to_kind(self.kind)?;
        Ok(images.f_permute([0, 2, 3, 1])?.f_contiguous()?.f_permute([0, 3, 1, 2])?)
    }

    /// Every parameter and buffer by name, sharing storage with the model: `encoder.` and torchvision's names,
    /// `head.` and the places of the authors' head.
    #[must_use]
    pub fn named_tensors(&self) -> Vec<(String, Tensor)> {
        let all = self.parameters.parameters.iter().chain(&self.parameters.buffers);
        all.map(|(name, tensor)| (name.clone(), tensor.shallow_clone())).collect()
    }

    /// The largest absolute gradient and the largest absolute weight, f32 of shape 2 on the model's device, not waited
    /// for; NaN where one of them is NaN.
    ///
    /// # Errors
    /// When libtorch fails.
    pub fn extremes(&self) -> Result<Tensor> {
        let _guard = tch::no_grad_guard();
        self.parameters.adopt_gradients()?;
        let largest = |flat: &Tensor| flat.f_norm_scalaropt_dim(f64::INFINITY, [0i64].as_slice(), false);
        let Parameters { flat, gradient, .. } = &self.parameters;
        Ok(Tensor::f_stack(&[largest(gradient)?, largest(flat)?], 0)?)
    }

    /// How many numbers are trained.
    #[must_use]
    pub fn parameter_count(&self) -> usize {
        self.parameters.parameters.iter().map(|(_, leaf)| leaf.numel()).sum()
    }

    /// Takes every parameter and buffer from a checkpoint, which may hold other tensors besides.
    ///
    /// # Errors
    /// When one is missing or has another shape or type; the model is then as before.
    pub fn load(&mut self, checkpoint: &Checkpoint) -> Result<()> {
        checkpoint.copy_into(&self.named_tensors())
    }

    /// SHA-256 over names, shapes and bytes of the encoder: tells whether anything of it has changed.
    ///
    /// # Errors
    /// When the tensors cannot be brought to the processor.
    pub fn encoder_hash(&self) -> Result<String> {
        let mut hash = Sha256::new();
        for (name, tensor) in self.named_tensors().iter().filter(|(name, _)| name.starts_with(ENCODER)) {
            hash.update(name.as_bytes());
            let values = tensor.f_detach()?.f_to_device(Device::Cpu)?.f_contiguous()?.f_view([-1])?;
            for value in Vec::<f32>::try_from(&values)? {
                hash.update(value.to_le_bytes());
            }
        }
        Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }
}
