//! ResNet encoders with torchvision's parameter names: He et al. 2016, width as a parameter, stems for small images.

use crate::error::{Error, Result};
use crate::layers::{BatchNorm, Conv, Statistics};
use crate::parameters::{Declarations, Parameters};
use std::fmt;
use std::str::FromStr;
use tch::{Kind, Tensor};

/// Depth and kind of blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Arch {
    /// One basic block a stage: for quick runs.
    ResNet10,
    /// Two basic blocks a stage.
    ResNet18,
    /// 3, 4, 6, 3 basic blocks.
    ResNet34,
    /// 3, 4, 6, 3 bottleneck blocks, stride on the 3x3 as in torchvision.
    ResNet50,
}

/// What comes before the first stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stem {
    /// 3x3 convolution of stride 1, no pooling: the published one, for 32-pixel images.
    Cifar,
    /// 7x7 convolution of stride 2 and max-pooling of stride 2: torchvision's.
    ImageNet,
    /// 3x3 convolution of stride 2, no pooling: a quarter of the work of `Cifar`, for processors.
    Compact,
}

/// An encoder's shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EncoderConfig {
    /// Depth.
    pub arch: Arch,
    /// Channels of the first stage, 64 in the paper; each later stage has twice those of the one before.
    pub width: i64,
    /// What comes first.
    pub stem: Stem,
    /// Channels of the images.
    pub in_channels: i64,
}

impl Arch {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::ResNet10, Self::ResNet18, Self::ResNet34, Self::ResNet50];

    fn blocks(self) -> [usize; 4] {
        match self {
            Self::ResNet10 => [1; 4],
            Self::ResNet18 => [2; 4],
            Self::ResNet34 | Self::ResNet50 => [3, 4, 6, 3],
        }
    }

    /// Channels out of a block per channel of its 3x3 convolution.
    fn expansion(self) -> i64 {
        if self == Self::ResNet50 { 4 } else { 1 }
    }
}

impl EncoderConfig {
    /// Width F of the features: 8 x width, or 32 x width for bottleneck blocks.
    #[must_use]
    pub fn features_dim(&self) -> i64 {
        8 * self.width * self.arch.expansion()
    }

    pub(crate) fn validate(&self) -> Result<()> {
        if !(1..=1024).contains(&self.width) {
            return Err(Error::Parameter {
                name: "width",
                expected: "1 to 1024 channels",
                got: self.width.to_string(),
            });
        }
        if !(1..=64).contains(&self.in_channels) {
            let got = self.in_channels.to_string();
            return Err(Error::Parameter { name: "in_channels", expected: "1 to 64", got });
        }
        Ok(())
    }
}

/// The layers of an encoder.
#[derive(Debug)]
pub(crate) struct ResNet {
    stem: Conv,
    stem_norm: BatchNorm,
    pool: bool,
    blocks: Vec<Block>,
}

impl ResNet {
    /// Declares the parameters under `prefix`.
    pub(crate) fn new(declare: &mut Declarations, prefix: &str, config: &EncoderConfig) -> Self {
        let (kernel, stride, padding) = match config.stem {
            Stem::Cifar => (3, 1, 1),
            Stem::ImageNet => (7, 2, 3),
            Stem::Compact => (3, 2, 1),
        };
        let stem = Conv::new(
            declare,
            &format!("{prefix}conv1"),
            (config.in_channels, config.width),
            (kernel, stride, padding),
        );
        let stem_norm = BatchNorm::new(declare, &format!("{prefix}bn1"), config.width);
        let mut blocks = Vec::new();
        let mut input = config.width;
        for (stage, count) in config.arch.blocks().into_iter().enumerate() {
            let width = config.width << stage;
            for index in 0..count {
                let stride = if stage > 0 && index == 0 { 2 } else { 1 };
                let name = format!("{prefix}layer{}.{index}", stage + 1);
                blocks.push(Block::new(declare, &name, config.arch, (input, width), stride));
                input = width * config.arch.expansion();
            }
        }
        Self { stem, stem_norm, pool: config.stem == Stem::ImageNet, blocks }
    }

    /// Images N x C x H x W in the compute type -> features N x F, f32.
    pub(crate) fn forward(
        &self,
        parameters: &Parameters,
        x: &Tensor,
        statistics: Statistics,
    ) -> Result<Tensor> {
        let x = self.stem.forward(parameters, x)?;
        let mut x = self.stem_norm.forward(parameters, &x, statistics)?.f_relu_()?;
        if self.pool {
            x = x.f_max_pool2d([3, 3], [2, 2], [1, 1], [1, 1], false)?;
        }
        for block in &self.blocks {
            x = block.forward(parameters, &x, statistics)?;
        }
        Ok(x.f_mean_dim([2i64, 3].as_slice(), false, Kind::Float)?) // N x F
    }
}

/// Convolutions with their norms, and the projection of the shortcut where shapes differ.
#[derive(Debug)]
struct Block {
    layers: Vec<(Conv, BatchNorm)>,
    downsample: Option<(Conv, BatchNorm)>,
}

impl Block {
    fn new(
        declare: &mut Declarations,
        name: &str,
        arch: Arch,
        (input, width): (i64, i64),
        stride: i64,
    ) -> Self {
        let output = width * arch.expansion();
        let shapes = if arch.expansion() == 1 {
            vec![((input, width), (3, stride, 1)), ((width, width), (3, 1, 1))]
        } else {
            vec![((input, width), (1, 1, 0)), ((width, width), (3, stride, 1)), ((width, output), (1, 1, 0))]
        };
        let mut layers = Vec::with_capacity(shapes.len());
        for (index, (channels, geometry)) in shapes.into_iter().enumerate() {
            let number = index + 1;
            let conv = Conv::new(declare, &format!("{name}.conv{number}"), channels, geometry);
            layers.push((conv, BatchNorm::new(declare, &format!("{name}.bn{number}"), channels.1)));
        }
        let downsample = (stride != 1 || input != output).then(|| {
            let conv = Conv::new(declare, &format!("{name}.downsample.0"), (input, output), (1, stride, 0));
            (conv, BatchNorm::new(declare, &format!("{name}.downsample.1"), output))
        });
        Self { layers, downsample }
    }

    fn forward(&self, parameters: &Parameters, x: &Tensor, statistics: Statistics) -> Result<Tensor> {
        let apply = |(conv, norm): &(Conv, BatchNorm), x: &Tensor| -> Result<Tensor> {
            norm.forward(parameters, &conv.forward(parameters, x)?, statistics)
        };
        let mut y = x.shallow_clone();
        for (index, layer) in self.layers.iter().enumerate() {
            y = apply(layer, &y)?;
            if index + 1 < self.layers.len() {
                y = y.f_relu_()?;
            }
        }
        let shortcut = match &self.downsample {
            Some(layer) => apply(layer, x)?,
            None => x.shallow_clone(),
        };
        Ok(y.f_add_(&shortcut)?.f_relu_()?)
    }
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ResNet10 => "resnet10",
            Self::ResNet18 => "resnet18",
            Self::ResNet34 => "resnet34",
            Self::ResNet50 => "resnet50",
        })
    }
}

impl FromStr for Arch {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let expected = "resnet10, resnet18, resnet34 or resnet50";
        let found = Self::ALL.into_iter().find(|arch| arch.to_string().eq_ignore_ascii_case(name));
        found.ok_or_else(|| Error::Name { what: "arch", expected, got: name.to_owned() })
    }
}

impl fmt::Display for Stem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cifar => "cifar",
            Self::ImageNet => "imagenet",
            Self::Compact => "compact",
        })
    }
}

impl FromStr for Stem {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let found = [Self::Cifar, Self::ImageNet, Self::Compact]
            .into_iter()
            .find(|stem| stem.to_string().eq_ignore_ascii_case(name));
        found.ok_or_else(|| Error::Name {
            what: "stem",
            expected: "cifar, imagenet or compact",
            got: name.to_owned(),
        })
    }
}
