//! The encoder that a command is given: a run's, or weights from elsewhere whose shape the flags tell.

use crate::config::CellConfig;
use crate::train::model_of;
use anyhow::{Context, Result, ensure};
use bcl_models::{Arch, Checkpoint, EncoderConfig, Model, ModelConfig, Names, Precision, Stem, Weights};
use std::path::Path;
use tch::Device;

/// Widths of the published projection head, for encoders that come without one.
const HEAD: [i64; 2] = [512, 128];

/// The shape of an encoder from elsewhere; what is not given is as published.
#[derive(Debug, Clone, clap::Args)]
pub struct ShapeFlags {
    /// resnet10, resnet18, resnet34 or resnet50, for weights from elsewhere [default: resnet50]
    #[arg(long, value_name = "NAME")]
    pub arch: Option<String>,
    /// Channels of their first stage [default: 64]
    #[arg(long, value_name = "N")]
    pub width: Option<i64>,
    /// Their stem: cifar (3x3), imagenet (7x7, stride 2, max-pool) or compact (3x3, stride 2) [default: cifar]
    #[arg(long, value_name = "NAME")]
    pub stem: Option<String>,
}

impl ShapeFlags {
    fn given(&self) -> bool {
        self.arch.is_some() || self.width.is_some() || self.stem.is_some()
    }

    fn resolve(&self) -> Result<EncoderConfig> {
        Ok(EncoderConfig {
            arch: self.arch.as_deref().map_or(Ok(Arch::ResNet50), str::parse)?,
            width: self.width.unwrap_or(64),
            stem: self.stem.as_deref().map_or(Ok(Stem::Cifar), str::parse)?,
            in_channels: 3,
        })
    }
}

/// An encoder from a file.
#[derive(Debug)]
pub struct Encoder {
    /// With its projection head, or one of initial weights.
    pub model: Model,
    /// Whether the projection head came with it.
    pub head: bool,
    /// What it was trained by; `None` for weights from elsewhere.
    pub run: Option<CellConfig>,
}

impl Encoder {
    /// Reads a run's checkpoint, or weights under any known names. Tells on standard error what of them is not used.
    ///
    /// # Errors
    /// When the file is missing or damaged, or its tensors are not those of the encoder: missing, unexpected and misshapen
    /// ones are listed; and when a shape is given for a run's checkpoint, which knows its own.
    pub fn load(path: &Path, shape: &ShapeFlags, device: Device) -> Result<Self> {
        let checkpoint = Checkpoint::load(path)?;
        let file = path.display();
        if let Some((cell, model)) = model_of(&checkpoint, path, device)? {
            ensure!(
                !shape.given(),
                "{file}: a run's checkpoint knows its encoder; leave out --arch, --width and --stem"
            );
            return Ok(Self { model, head: true, run: Some(cell) });
        }
        let weights = Weights::of(checkpoint).with_context(|| file.to_string())?;
        let encoder = shape.resolve()?;
        let EncoderConfig { arch, width, stem, .. } = encoder;
        let [hidden, feature_dim] = weights.head().unwrap_or(HEAD);
        let config = ModelConfig { encoder, hidden, feature_dim, precision: Precision::F32 };
        let mut model = Model::new(&config, 0, device)?;
        model.import(&weights).with_context(|| {
            format!("{file}: not a {arch} of width {width} with the {stem} stem (--arch, --width, --stem)")
        })?;
        if !weights.ignored().is_empty() {
            eprintln!("{file}: not used: {}", weights.ignored().join(", "));
        }
        Ok(Self { model, head: weights.head().is_some(), run: None })
    }

    /// Writes the weights under other people's names, as safetensors.
    ///
    /// # Errors
    /// When there is no projection head and the names want one, or the file cannot be written.
    pub fn export(&self, names: Names, path: &Path) -> Result<()> {
        ensure!(
            self.head || names == Names::Torchvision,
            "--names {names}: expected weights with a projection head, got an encoder alone"
        );
        Ok(self.model.export(names).save(path)?)
    }
}
