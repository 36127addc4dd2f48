//! Augmentation: [`Policy`] says what may happen, [`Policy::draw`] decides what happens to one image, [`apply`]
//! does it. Drawing knows nothing of pixels and applying nothing of chance.

mod blur;
mod color;
mod cpu;
mod hue;
mod isa;
mod lanes;
#[cfg(test)]
mod naive;
mod output;
mod pixels;
mod policy;
mod resize;

pub use cpu::apply;
pub use output::{Bf16, Element, Layout};
pub use policy::{ColorJitter, Crop, Drawn, Jitter, JitterStep, Policy, ResizedCrop};
