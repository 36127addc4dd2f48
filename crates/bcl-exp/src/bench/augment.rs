//! The published augmentation on one thread, from small and from larger images.

use super::clock::{Case, Timing, interleaved};
use super::partner::Partner;
use anyhow::Result;
use bcl_data::augment::{Layout, Policy, apply};
use bcl_data::seed::Stream;
use std::time::Duration;

/// Views a run makes.
const VIEWS: u64 = 512;

/// Different images.
const IMAGES: usize = 64;

/// The script that makes the same views by torchvision on Pillow images.
pub const TORCHVISION: &str = include_str!("../../../../scripts/bench_torchvision.py");

/// Times the whole pipeline and its parts from images of `side` pixels, in turn with torchvision's whole where `partner` does
/// it; also says how many views a run makes.
///
/// # Errors
/// When the policy is out of range, which would be a bug.
pub fn run(side: usize, budget: Duration, partner: Option<&Partner>) -> Result<(Vec<Timing>, u64)> {
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
    let images: Vec<Vec<u8>> = (0..IMAGES).map(|index| image(side, index)).collect();
    let mut out = vec![vec![0.0f32; 3 * 32 * 32]; policies.len()];
    let mut cases: Vec<Case<'_>> = policies
        .iter()
        .zip(&mut out)
        .map(|((name, policy), out)| {
            let images = &images;
            Case::new(*name, move || {
                for index in 0..VIEWS {
                    let drawn = policy.draw(&mut Stream::new(0, 0, index, 0), side, side);
                    let image = &images[index as usize % IMAGES];
                    apply(policy, &drawn, image, (side, side), Layout::Planes, out);
                }
                Ok(())
            })
        })
        .collect();
    let torchvision = "torchvision on Pillow images";
    if let Some(partner) = partner {
        cases.push(partner.case(torchvision, serde_json::json!({ "side": side, "views": VIEWS })));
    }
    let mut timings = interleaved(&mut cases, budget)?;
    if partner.is_some_and(Partner::failed) {
        timings.retain(|timing| timing.name != torchvision);
    }
    Ok((timings, VIEWS))
}

/// A picture of ramps, planes after one another, the same as the script makes.
fn image(side: usize, index: usize) -> Vec<u8> {
    let place = |i: usize| (i / (side * side), i / side % side, i % side);
    let level = |(channel, y, x)| x * (3 + index % 5) + y * (2 + index % 7) + 85 * channel + 11 * index;
    (0..3 * side * side).map(|i| level(place(i)) as u8).collect()
}
