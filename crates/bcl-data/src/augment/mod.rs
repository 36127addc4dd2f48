//! Augmentation: [`Policy`] says what may happen, [`Policy::draw`] decides what happens to one image, [`apply`]
//! does it. Drawing knows nothing of pixels and applying nothing of chance.

mod blur;
mod color;
mod cpu;
mod policy;
mod resize;

pub use cpu::{Bf16, Element, Layout, apply};
pub use policy::{ColorJitter, Crop, Drawn, Jitter, JitterStep, Policy, ResizedCrop};
