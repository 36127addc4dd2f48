//! A batch augmented by tensor operations is the batch that the processor makes an image at a time.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

#[path = "../../bcl-core/tests/common/device.rs"]
mod device;

use bcl_data::augment::{
    ColorJitter, Drawn, GaussianBlur, Layout, Planner, Policy, ResizedCrop, Step, apply,
};
use bcl_data::seed::Stream;
use device::device;
use tch::{Device, Kind, Tensor};

/// Images of one size: noise, ramps, flat ones, saturated ones.
fn images(count: usize, height: usize, width: usize) -> Vec<Vec<u8>> {
    let mut stream = Stream::new(5, 0, 0, 0);
    let mut image = |kind: usize| -> Vec<u8> {
        let place = |i: usize| (i / (height * width), i / width % height, i % width);
        let level = |i: usize| match (kind % 5, place(i)) {
            (0, _) => stream.below(256) as u8,
            (1, (channel, y, x)) => (x * 5 + y * 3 + 80 * channel) as u8,
            (2, (channel, ..)) => [200, 30, 90][channel],
            (3, (channel, y, x)) => {
                if (x / 3 + y / 2 + channel) % 2 == 0 {
                    255
                } else {
                    0
                }
            }
            _ => stream.below(4) as u8 + 126, // about the threshold of a solarization
        };
        (0..3 * height * width).map(level).collect()
    };
    (0..count).map(&mut image).collect()
}

/// Every recipe, and steps in no recipe's order.
fn policies() -> Vec<Policy> {
    let strong = ColorJitter { p: 0.8, brightness: 0.8, contrast: 0.8, saturation: 0.8, hue: 0.2 };
    let crop = Step::ResizedCrop(ResizedCrop::default());
    let blur = |p, kernel| Step::GaussianBlur(GaussianBlur { p, kernel, sigma: (0.1, 2.0) });
    let solarize = |threshold| Step::Solarize { p: 0.5, threshold };
    let small = Step::ResizedCrop(ResizedCrop { scale: (0.05, 0.14), ..ResizedCrop::default() });
    vec![
        Policy::published(32),
        Policy::published(224),
        Policy::plain(17),
        Policy::new(
            32,
            vec![
                crop,
                Step::Flip { p: 0.5 },
                Step::ColorJitter(strong),
                Step::Grayscale { p: 0.2 },
                blur(1.0, 9),
                solarize(128),
            ],
        ),
        Policy::new(
            24,
            vec![
                crop,
                Step::ColorJitter(strong),
                Step::Grayscale { p: 0.2 },
                blur(0.5, 23),
                Step::Flip { p: 0.5 },
            ],
        ),
        Policy::new(
            16,
            vec![
                small,
                solarize(1),
                Step::ColorJitter(strong),
                blur(0.7, 13),
                solarize(200),
                Step::ColorJitter(strong),
            ],
        ),
        Policy::new(
            16,
            vec![
                Step::CenterCrop { share: 0.875 },
                Step::ColorJitter(ColorJitter { hue: 0.0, ..strong }),
                Step::Flip { p: 1.0 },
            ],
        ),
        Policy::new(1, vec![crop, Step::ColorJitter(strong), blur(1.0, 1)]),
    ]
}

/// Largest and mean difference in levels of 255, and how many values were compared.
fn difference(
    device: Device,
    policy: &Policy,
    (height, width): (usize, usize),
    count: usize,
) -> (f64, f64, usize) {
    let policy = policy.clone().with_normalization([0.0; 3], [1.0 / 255.0; 3]);
    policy.validate().unwrap();
    let images = images(count, height, width);
    let drawn: Vec<Drawn> = (0..count as u64)
        .map(|index| policy.draw(&mut Stream::new(11, 2, index, 0), height, width))
        .collect();
    let values = 3 * policy.size * policy.size;
    let mut wanted = vec![0.0f32; count * values];
    for ((image, drawn), out) in images.iter().zip(&drawn).zip(wanted.chunks_mut(values)) {
        apply(&policy, drawn, image, (height, width), Layout::Planes, out);
    }
    let batch = Tensor::from_slice(&images.concat()).view([count as i64, 3, height as i64, width as i64]);
    let plan = Planner::default().plan(&policy, &drawn, (height, width), device).unwrap();
    let view = plan.apply(&batch.to_device(device), Layout::Planes, Kind::Float).unwrap();
    assert_eq!(view.size(), [count as i64, 3, policy.size as i64, policy.size as i64]);
    assert_eq!(view.device(), device);
    let found = Vec::<f32>::try_from(view.to_device(Device::Cpu).flatten(0, -1)).unwrap();
    let off: Vec<f64> = found.iter().zip(&wanted).map(|(a, b)| f64::from((a - b).abs())).collect();
    (off.iter().copied().fold(0.0, f64::max), off.iter().sum::<f64>() / off.len() as f64, off.len())
}

fn agrees(device: Device) {
    let (mut largest, mut sum, mut values) = (0.0f64, 0.0, 0);
    for policy in policies() {
        let count = if policy.size > 100 { 3 } else { 50 };
        for shape in [(32, 32), (96, 96), (28, 28), (20, 37), (200, 90), (1, 1), (3, 2)] {
            let (most, mean, count) = difference(device, &policy, shape, count);
            assert!(
                most <= 2.0,
                "{device:?}, {shape:?} to {}: off by {most} of 255, {mean} on average: {policy:?}",
                policy.size
            );
            (largest, sum, values) = (largest.max(most), sum + mean * count as f64, values + count);
        }
    }
    println!(
        "{device:?}: of {values} values none is off by more than {largest} of 255, {} on average",
        sum / values as f64
    );
    if device == Device::Cpu {
        assert!(largest < 1e-4, "the same operations on the same processor");
    }
}

#[test]
fn a_batch_is_what_images_one_by_one_are() {
    agrees(device());
}

#[test]
fn layouts_and_types_are_those_asked_for() {
    layouts(device());
}

fn layouts(device: Device) {
    let policy = Policy::published(8);
    let drawn: Vec<Drawn> =
        (0..6).map(|index| policy.draw(&mut Stream::new(1, 0, index, 1), 12, 10)).collect();
    let batch = Tensor::from_slice(&images(6, 12, 10).concat()).view([6, 3, 12, 10]).to_device(device);
    let plan = Planner::default().plan(&policy, &drawn, (12, 10), device).unwrap();
    let planes = plan.apply(&batch, Layout::Planes, Kind::Float).unwrap();
    for (layout, kind) in [
        (Layout::ChannelsLast, Kind::Float),
        (Layout::ChannelsLast, Kind::BFloat16),
        (Layout::Planes, Kind::BFloat16),
    ] {
        let other = plan.apply(&batch, layout, kind).unwrap();
        assert_eq!((other.kind(), other.size()), (kind, planes.size()));
        assert_eq!(other.stride()[1] == 1, layout == Layout::ChannelsLast);
        assert!(other.to_kind(Kind::Float).equal(&planes.to_kind(kind).to_kind(Kind::Float)));
    }
}

#[test]
fn images_may_lie_in_a_corner_of_a_larger_batch() {
    let policy = Policy::published(16);
    let mut drawn = Vec::new();
    let batch = Tensor::zeros([2, 3, 30, 40], (Kind::Uint8, Device::Cpu));
    let mut wanted = Vec::new();
    for (row, (height, width)) in [(30, 21), (12, 40)].into_iter().enumerate() {
        let image = images(1, height, width).remove(0);
        drawn.push(policy.draw(&mut Stream::new(3, 0, row as u64, 0), height, width));
        let mut out = vec![0.0f32; 768];
        apply(&policy, &drawn[row], &image, (height, width), Layout::Planes, &mut out);
        wanted.extend(out);
        let image = Tensor::from_slice(&image).view([3, height as i64, width as i64]);
        batch.get(row as i64).narrow(1, 0, height as i64).narrow(2, 0, width as i64).copy_(&image);
    }
    let plan = Planner::default().plan(&policy, &drawn, (30, 40), Device::Cpu).unwrap();
    let view = plan.apply(&batch, Layout::Planes, Kind::Float).unwrap();
    assert_eq!(Vec::<f32>::try_from(view.flatten(0, -1)).unwrap(), wanted);
}

#[test]
fn images_of_another_shape_or_type_are_refused() {
    let policy = Policy::published(8);
    let drawn = [policy.draw(&mut Stream::new(0, 0, 0, 0), 9, 9)];
    let plan = Planner::default().plan(&policy, &drawn, (9, 9), Device::Cpu).unwrap();
    for (shape, kind) in
        [([1, 3, 9, 8], Kind::Uint8), ([2, 3, 9, 9], Kind::Uint8), ([1, 3, 9, 9], Kind::Float)]
    {
        let images = Tensor::zeros(shape, (kind, Device::Cpu));
        let message = plan.apply(&images, Layout::Planes, Kind::Float).unwrap_err().to_string();
        assert!(message.contains("expected 1 x 3 x 9 x 9 bytes, got"), "{message}");
    }
}
