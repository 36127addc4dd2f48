//! What a setting of alpha, beta and tau+ does to an anchor's negatives, in numbers and words.

mod summary;
mod text;

pub use summary::Summary;
pub use text::render;
