//! Augmentation: [`Policy`] says what may happen, [`Policy::draw`] decides what happens to one image, [`apply`]
//! does it, a [`BatchPlan`] for a whole batch on a device. Drawing knows nothing of pixels and applying nothing of chance.

mod blur;
mod color;
mod cpu;
mod crop;
mod device;
mod drawn;
mod hue;
mod isa;
mod jitter;
mod lanes;
#[cfg(test)]
mod naive;
mod output;
mod pixels;
mod policy;
mod resize;
mod solarize;
mod step;

pub use cpu::apply;
pub use crop::{Crop, ResizedCrop};
pub use device::{BatchPlan, Planner};
pub use drawn::{Drawn, Effect};
pub use jitter::{ColorJitter, Jitter, JitterStep};
pub use output::{Bf16, Element, Layout};
pub use policy::Policy;
pub use step::{GaussianBlur, Step};
