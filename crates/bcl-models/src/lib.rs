//! Encoders for contrastive learning on libtorch, with their projection head, optimizers and checkpoints.
//!
//! Parameter names are torchvision's (`encoder.layer1.0.conv1.weight`), so weights travel both ways through
//! safetensors. Weights are f32; convolutions may compute in bf16.
//!
//! On a CUDA device a program uses `bcl-core` besides, whose `libtorch` module loads libtorch's kernels at start; or it links
//! `libtorch_cuda` itself.

#![warn(clippy::print_stdout, clippy::print_stderr, clippy::unwrap_used, clippy::expect_used)]

mod checkpoint;
mod error;
mod head;
mod init;
mod layers;
mod model;
mod names;
mod optim;
mod parameters;
mod precision;
mod resnet;
mod tf32;
mod weights;

pub use checkpoint::Checkpoint;
pub use error::{Error, Result};
pub use layers::Statistics;
pub use model::{Model, ModelConfig, Output};
pub use names::Names;
pub use optim::{
    AdamConfig, Ema, LarsConfig, Optimizer, OptimizerConfig, Schedule, SgdConfig, Shape, clip_gradients,
};
pub use precision::Precision;
pub use resnet::{Arch, EncoderConfig, Stem};
pub use weights::Weights;
