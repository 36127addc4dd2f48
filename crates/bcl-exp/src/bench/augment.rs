//! The published augmentation on one thread, from small and from larger images: views a second, where the time goes, the same
//! on a device, and torchvision's rate in the same run.

use super::clock::{Case, Timing, interleaved};
use super::partner::Partner;
use crate::store::write_atomic;
use anyhow::{Context, Result};
use bcl_data::augment::{Bf16, Crop, Drawn, Effect, Element, Jitter, Layout, Policy, apply};
use bcl_data::seed::Stream;
use bcl_data::{ImageSet, LoaderConfig, MadeBy, ViewKind, ViewLoader};
use std::borrow::Borrow;
use std::path::Path;
use std::time::Duration;
use tch::{Cuda, Device};

/// Sides of the images, pixels; views have 32.
const SIDES: [usize; 2] = [32, 96];

/// Views a run makes.
const VIEWS: u64 = 512;

/// Different images.
const IMAGES: usize = 64;

/// The script that makes the same views by torchvision on Pillow images.
const SCRIPT: &str = include_str!("../../../../scripts/bench_torchvision.py");

/// The pipelines: ours as f32 planes, ours as training in bf16 wants it, theirs.
const WHOLE: &str = "whole, f32 planes";
const NARROW: &str = "whole, bf16 channels-last";
const ON_DEVICE: &str = "whole, by tensor operations";
const TORCHVISION: &str = "torchvision on Pillow images";

const DRAW: &str = "draw";

/// A part and how it joins a view that has those before it.
type Part = (&'static str, fn(Drawn, &Drawn) -> Drawn);

/// The parts after the drawing, in the order in which they are added up.
const PARTS: [Part; 9] = [
    ("output", |view, _| view),
    ("crop and resize", |view, drawn| Drawn { crop: drawn.crop, ..view }),
    ("flip", |view, drawn| Drawn { flip: drawn.flip, ..view }),
    ("brightness", |view, drawn| {
        with_jitter(view, drawn, |jitter, drawn| jitter.brightness = drawn.brightness)
    }),
    ("contrast", |view, drawn| with_jitter(view, drawn, |jitter, drawn| jitter.contrast = drawn.contrast)),
    ("saturation", |view, drawn| {
        with_jitter(view, drawn, |jitter, drawn| jitter.saturation = drawn.saturation)
    }),
    ("hue", |view, drawn| with_jitter(view, drawn, |jitter, drawn| jitter.hue = drawn.hue)),
    ("greyscale", |view, drawn| with_effect(view, drawn, GREY)),
    ("blur", |view, drawn| with_effect(view, drawn, BLUR)),
];

/// Places of the published steps' effects.
const JITTER: usize = 0;
const GREY: usize = 1;
const BLUR: usize = 2;

/// A line of the table and of the file.
#[derive(Debug, serde::Serialize)]
struct Row {
    image_side: usize,
    name: String,
    runs: usize,
    median_us_a_view: f64,
    /// Of whole pipelines.
    views_per_s: Option<f64>,
    /// How many times as fast as torchvision.
    times_torchvision: Option<f64>,
    /// Of parts: of the sum of all.
    share: Option<f64>,
}

/// Measures, prints, and writes `bench-augment.csv` to `out`. Tensor operations work on `device`; `python` is the interpreter that has torchvision.
///
/// # Errors
/// When the policy is out of range, which would be a bug, or the file cannot be written.
pub fn run(device: Device, budget: Duration, python: Option<&Path>, out: Option<&Path>) -> Result<()> {
    let partner = Partner::start("torchvision", python, SCRIPT, &[]);
    let mut rows = Vec::new();
    for side in SIDES {
        let of_side = table(side, &measured(side, device, budget, partner.as_ref())?)?;
        println!("\npublished augmentation, {side} to 32 pixels, one thread, microseconds a view");
        for row in &of_side {
            print(row);
        }
        rows.extend(of_side);
    }
    if let Some(partner) = &partner {
        println!("\n{}", partner.versions());
    }
    let Some(folder) = out else {
        return Ok(());
    };
    let mut csv = csv::Writer::from_writer(Vec::new());
    for row in &rows {
        csv.serialize(row)?;
    }
    write_atomic(&folder.join("bench-augment.csv"), &csv.into_inner()?)
}

/// Times the pipelines, the drawing, and views with one part more each.
fn measured(side: usize, device: Device, budget: Duration, partner: Option<&Partner>) -> Result<Vec<Timing>> {
    let policy = Policy::published(32);
    policy.validate()?;
    let images: Vec<Vec<u8>> = (0..IMAGES).map(|index| image(side, index)).collect();
    let small: Vec<Vec<u8>> = (0..IMAGES).map(|index| image(policy.size, index)).collect();
    let draw = |index| policy.draw(&mut Stream::new(0, 0, index, 0), side, side);
    // For each part the views that have it and those before it.
    let mut ladder: Vec<Vec<Drawn>> = Vec::new();
    for (_, join) in PARTS {
        let before = ladder.last().cloned().unwrap_or_else(|| vec![plain(policy.size); VIEWS as usize]);
        ladder.push(before.into_iter().zip(0..).map(|(view, index)| join(view, &draw(index))).collect());
    }

    let mut cases = vec![
        Case::new(WHOLE, views::<f32, _>(&policy, side, &images, Layout::Planes, draw)),
        Case::new(NARROW, views::<Bf16, _>(&policy, side, &images, Layout::ChannelsLast, draw)),
        Case::new(ON_DEVICE, batches(&policy, side, &images, device)?),
        Case::new(DRAW, || {
            for index in 0..VIEWS {
                std::hint::black_box(draw(index));
            }
            Ok(())
        }),
    ];
    for (part, (name, _)) in PARTS.iter().enumerate() {
        // Before there is a crop, an image of the view's size is copied.
        let (side, images) = if part == 0 { (policy.size, &small) } else { (side, &images) };
        let drawn = &ladder[part];
        let view = move |index: u64| &drawn[index as usize];
        cases.push(Case::new(*name, views::<f32, _>(&policy, side, images, Layout::Planes, view)));
    }
    if let Some(partner) = partner {
        cases.push(partner.case(TORCHVISION, serde_json::json!({ "side": side, "views": VIEWS })));
    }
    let mut timings = interleaved(&mut cases, budget)?;
    if partner.is_some_and(Partner::failed) {
        timings.retain(|timing| timing.name != TORCHVISION);
    }
    Ok(timings)
}

/// Makes the views that `drawn` gives.
fn views<'a, T: Element + 'a, D: Borrow<Drawn>>(
    policy: &'a Policy,
    side: usize,
    images: &'a [Vec<u8>],
    layout: Layout,
    drawn: impl Fn(u64) -> D + 'a,
) -> impl FnMut() -> Result<()> + 'a {
    let mut out = vec![T::default(); 3 * policy.size * policy.size];
    move || {
        for index in 0..VIEWS {
            let image = &images[index as usize % IMAGES];
            apply(policy, drawn(index).borrow(), image, (side, side), layout, &mut out);
        }
        Ok(())
    }
}

/// Makes views as training on `device` does: a thread draws and plans ahead, the device makes them a batch at a time.
fn batches(
    policy: &Policy,
    side: usize,
    images: &[Vec<u8>],
    device: Device,
) -> Result<impl FnMut() -> Result<()>> {
    let pixels: Vec<u8> = images.iter().cycle().take(VIEWS as usize).flatten().copied().collect();
    let (set, policy) = (ImageSet::new(pixels, None, side, side)?, policy.clone());
    let config = LoaderConfig {
        device,
        made_by: MadeBy::Device,
        layout: Layout::ChannelsLast,
        kind: ViewKind::Bf16,
        ..LoaderConfig::training(VIEWS as usize / 2, 0, 0, 1)
    };
    Ok(move || {
        for batch in ViewLoader::new(set.clone(), vec![policy.clone()], config)? {
            std::hint::black_box(batch?);
        }
        if let Device::Cuda(index) = device {
            Cuda::synchronize(index as i64);
        }
        Ok(())
    })
}

/// Nothing but the output.
fn plain(size: usize) -> Drawn {
    Drawn { crop: Crop::whole(size, size), flip: false, effects: vec![None; 3] }
}

/// `view` with one more of the `drawn` effects.
fn with_effect(mut view: Drawn, drawn: &Drawn, place: usize) -> Drawn {
    view.effects[place].clone_from(&drawn.effects[place]);
    view
}

/// `view` with one more of its `drawn` colour changes; those that it lacks change nothing and take no time.
fn with_jitter(mut view: Drawn, drawn: &Drawn, join: fn(&mut Jitter, &Jitter)) -> Drawn {
    if let Some(Effect::Jitter(drawn)) = &drawn.effects[JITTER] {
        let mut jitter = match &view.effects[JITTER] {
            Some(Effect::Jitter(jitter)) => jitter.clone(),
            _ => Jitter { brightness: 1.0, contrast: 1.0, saturation: 1.0, hue: 0.0, ..drawn.clone() },
        };
        join(&mut jitter, drawn);
        view.effects[JITTER] = Some(Effect::Jitter(jitter));
    }
    view
}

/// The rows of images of one side.
fn table(image_side: usize, timings: &[Timing]) -> Result<Vec<Row>> {
    let of = |name: &str| timings.iter().find(|timing| timing.name == name);
    let median = |name: &str| of(name).map(|timing| timing.median_ms).context("a case that was not timed");
    let theirs = median(TORCHVISION).ok();
    let row = |name: &str, median_ms: f64| Row {
        image_side,
        name: name.to_owned(),
        runs: of(name).map_or(0, |timing| timing.runs),
        median_us_a_view: median_ms * 1e3 / VIEWS as f64,
        views_per_s: None,
        times_torchvision: None,
        share: None,
    };
    let mut rows = Vec::new();
    for name in [WHOLE, NARROW, ON_DEVICE, TORCHVISION] {
        // Torchvision is not always there.
        if let Ok(median_ms) = median(name) {
            let views_per_s = Some(VIEWS as f64 / median_ms * 1e3);
            let times_torchvision = theirs.map(|theirs| theirs / median_ms);
            rows.push(Row { views_per_s, times_torchvision, ..row(name, median_ms) });
        }
    }
    let draw = median(DRAW)?;
    let all = draw + median(PARTS[PARTS.len() - 1].0)?;
    rows.push(Row { share: Some(draw / all), ..row(DRAW, draw) });
    let mut before = 0.0;
    for (name, _) in PARTS {
        let so_far = median(name)?;
        rows.push(Row { share: Some((so_far - before) / all), ..row(name, so_far - before) });
        before = so_far;
    }
    Ok(rows)
}

fn print(row: &Row) {
    let value = |value: Option<f64>, text: fn(f64) -> String| value.map_or(String::new(), text);
    println!(
        "  {:<30} {:>9.3}{}{}{}",
        row.name,
        row.median_us_a_view,
        value(row.views_per_s, |x| format!("  {x:>9.0} views/s")),
        value(row.times_torchvision, |x| format!("  {x:>7.1} x torchvision")),
        value(row.share, |x| format!("  {:>5.1} %", 100.0 * x)),
    );
}

/// A picture of ramps, planes after one another, the same as the script makes.
fn image(side: usize, index: usize) -> Vec<u8> {
    let place = |i: usize| (i / (side * side), i / side % side, i % side);
    let level = |(channel, y, x)| x * (3 + index % 5) + y * (2 + index % 7) + 85 * channel + 11 * index;
    (0..3 * side * side).map(|i| level(place(i)) as u8).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_make_up_the_whole() {
        let policy = Policy::published(32);
        for index in 0..50 {
            let drawn = policy.draw(&mut Stream::new(0, 0, index, 0), 96, 96);
            let view = PARTS.iter().fold(plain(32), |view, (_, join)| join(view, &drawn));
            assert_eq!(view, drawn);
        }
    }

    #[test]
    fn shares_add_up_to_one_and_rates_are_of_whole_views() {
        let timing = |name: &str, median_ms| Timing {
            name: name.to_owned(),
            runs: 1,
            median_ms,
            min_ms: median_ms,
            max_ms: median_ms,
        };
        let mut timings = vec![timing(WHOLE, 11.0), timing(NARROW, 12.0), timing(DRAW, 1.0)];
        timings.extend(PARTS.iter().zip(1..).map(|((name, _), i)| timing(name, f64::from(i))));
        let rows = table(32, &timings).unwrap();
        assert!((rows.iter().filter_map(|row| row.share).sum::<f64>() - 1.0).abs() < 1e-12);
        assert_eq!(rows[0].views_per_s, Some(512.0 / 11.0 * 1e3));
        assert_eq!(rows[0].times_torchvision, None, "not measured");
        timings.push(timing(TORCHVISION, 1100.0));
        assert_eq!(table(32, &timings).unwrap()[0].times_torchvision, Some(100.0));
        assert!(table(32, &timings[1..3]).is_err());
    }
}
