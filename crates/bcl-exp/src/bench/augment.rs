//! The published augmentation on one thread, from small and from larger images.

use super::clock::{Case, Timing, interleaved};
use anyhow::Result;
use bcl_data::augment::{Layout, Policy, apply};
use bcl_data::seed::Stream;
use std::time::Duration;

/// Views a run makes.
const VIEWS: u64 = 512;

/// Times the whole pipeline and its parts from images of `side` pixels; also says how many views a run makes.
///
/// # Errors
/// When the policy is out of range, which would be a bug.
pub fn run(side: usize, budget: Duration) -> Result<(Vec<Timing>, u64)> {
    let whole = Policy::published(32);
    whole.validate()?;
    let crop_only = Policy { flip: 0.0, jitter: None, grey: 0.0, blur: 0.0, ..whole.clone() };
    let with_jitter = Policy { grey: 0.0, blur: 0.0, ..whole.clone() };
    let plain = Policy::plain(32);
    let policies = [
        ("whole", &whole),
        ("crop and normalise", &crop_only),
        ("crop, flip, jitter, normalise", &with_jitter),
        ("resize and normalise", &plain),
    ];
    let image: Vec<u8> = (0..3 * side * side).map(|i| (i * 37 % 256) as u8).collect();
    let mut out = vec![vec![0.0f32; 3 * 32 * 32]; policies.len()];
    let mut cases: Vec<Case<'_>> = policies
        .iter()
        .zip(&mut out)
        .map(|((name, policy), out)| {
            let image = &image;
            Case::new(*name, move || {
                for index in 0..VIEWS {
                    let drawn = policy.draw(&mut Stream::new(0, 0, index, 0), side, side);
                    apply(policy, &drawn, image, (side, side), Layout::Planes, out);
                }
                Ok(())
            })
        })
        .collect();
    Ok((interleaved(&mut cases, budget)?, VIEWS))
}
