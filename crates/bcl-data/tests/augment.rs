//! The augmentation: torchvision's results with the same drawn parameters, torchvision's distributions.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

use bcl_data::Policy;
use bcl_data::augment::{Crop, Drawn, Jitter, JitterStep, Layout, apply};
use bcl_data::seed::Stream;
use serde_json::Value;

/// Pixels as levels of 255, without normalisation.
fn policy(size: usize) -> Policy {
    Policy { mean: [0.0; 3], std: [1.0 / 255.0; 3], blur_kernel: 3, ..Policy::published(size) }
}

fn bytes(text: &Value) -> Vec<u8> {
    let code = |c: u8| {
        b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".iter().position(|&x| x == c)
    };
    let mut out = Vec::new();
    for group in text.as_str().unwrap().as_bytes().chunks(4) {
        let digits: Vec<usize> = group.iter().filter_map(|&c| code(c)).collect();
        let value = digits.iter().fold(0, |value, digit| value << 6 | digit) << (6 * (4 - digits.len()));
        out.extend((0..digits.len() - 1).map(|i| (value >> (16 - 8 * i)) as u8));
    }
    out
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

fn crop(drawn: &Value) -> Crop {
    let at = |name: &str| drawn[name].as_u64().unwrap() as usize;
    Crop { top: at("top"), left: at("left"), height: at("height"), width: at("width") }
}

fn jitter(drawn: &Value) -> Jitter {
    let order: Vec<JitterStep> =
        drawn["order"].as_array().unwrap().iter().map(|name| step(name.as_str().unwrap())).collect();
    Jitter {
        order: order.try_into().unwrap(),
        brightness: number(&drawn["brightness"]),
        contrast: number(&drawn["contrast"]),
        saturation: number(&drawn["saturation"]),
        hue: number(&drawn["hue"]),
    }
}

fn step(name: &str) -> JitterStep {
    match name {
        "brightness" => JitterStep::Brightness,
        "contrast" => JitterStep::Contrast,
        "saturation" => JitterStep::Saturation,
        _ => JitterStep::Hue,
    }
}

/// Largest and mean difference in levels of 255.
fn difference(ours: &[f32], theirs: &[u8]) -> (f32, f32) {
    assert_eq!(ours.len(), theirs.len());
    let off: Vec<f32> = ours.iter().zip(theirs).map(|(a, &b)| (a - f32::from(b)).abs()).collect();
    (off.iter().copied().fold(0.0, f32::max), off.iter().sum::<f32>() / off.len() as f32)
}

fn applied(drawn: &Drawn, image: &[u8], shape: (usize, usize), size: usize) -> Vec<f32> {
    let mut out = vec![0.0; 3 * size * size];
    apply(&policy(size), drawn, image, shape, Layout::Planes, &mut out);
    out
}

#[test]
fn every_step_and_the_whole_agree_with_torchvision_on_pillow() {
    let cases: Value = serde_json::from_str(include_str!("fixtures/augment.json")).unwrap();
    let mut worst = std::collections::BTreeMap::new();
    let mut note = |name: &str, (max, mean): (f32, f32)| {
        let entry = worst.entry(name.to_owned()).or_insert((0.0f32, 0.0f32));
        *entry = (entry.0.max(max), entry.1.max(mean));
    };
    for case in cases.as_array().unwrap() {
        let size = case["size"].as_u64().unwrap() as usize;
        let shape =
            (case["image_height"].as_u64().unwrap() as usize, case["image_width"].as_u64().unwrap() as usize);
        let (image, drawn) = (bytes(&case["image"]), &case["drawn"]);
        let nothing = Drawn { crop: crop(drawn), flip: false, jitter: None, grey: false, blur_sigma: None };
        let cropped = bytes(&case["cropped"]);
        note("crop", difference(&applied(&nothing, &image, shape, size), &cropped));

        // Each step alone, on torchvision's cropped image.
        let whole_crop = Crop { top: 0, left: 0, height: size, width: size };
        let alone = Drawn { crop: whole_crop, ..nothing.clone() };
        let neutral = Jitter { brightness: 1.0, contrast: 1.0, saturation: 1.0, hue: 0.0, ..jitter(drawn) };
        for (name, theirs) in case["steps"].as_object().unwrap() {
            let values = jitter(drawn);
            let one = match name.as_str() {
                "flip" => Drawn { flip: true, ..alone.clone() },
                "grey" => Drawn { grey: true, ..alone.clone() },
                "blur" => Drawn { blur_sigma: Some(number(&drawn["sigma"])), ..alone.clone() },
                "brightness" => Drawn {
                    jitter: Some(Jitter { brightness: values.brightness, ..neutral.clone() }),
                    ..alone.clone()
                },
                "contrast" => Drawn {
                    jitter: Some(Jitter { contrast: values.contrast, ..neutral.clone() }),
                    ..alone.clone()
                },
                "saturation" => Drawn {
                    jitter: Some(Jitter { saturation: values.saturation, ..neutral.clone() }),
                    ..alone.clone()
                },
                _ => Drawn { jitter: Some(Jitter { hue: values.hue, ..neutral.clone() }), ..alone.clone() },
            };
            note(name, difference(&applied(&one, &cropped, (size, size), size), &bytes(theirs)));
        }

        let all = Drawn {
            flip: drawn["flip"].as_bool().unwrap(),
            jitter: Some(jitter(drawn)),
            grey: drawn["grey"].as_bool().unwrap(),
            blur_sigma: Some(number(&drawn["sigma"])),
            ..nothing
        };
        note("whole", difference(&applied(&all, &image, shape, size), &bytes(&case["whole"])));
    }
    // Levels of 255 (largest, mean of the worst image). A blur is summed in another order than libtorch's; all else is exact.
    let bounds = [
        ("crop", 0.0, 0.0),
        ("flip", 0.0, 0.0),
        ("brightness", 0.0, 0.0),
        ("contrast", 0.0, 0.0),
        ("saturation", 0.0, 0.0),
        ("grey", 0.0, 0.0),
        ("blur", 1.0, 0.01),
        ("hue", 1.0, 0.01),
        ("whole", 1.0, 0.02),
    ];
    println!("{worst:?}");
    for (name, max, mean) in bounds {
        let found = worst[name];
        assert!(
            found.0 <= max + 1e-3 && found.1 <= mean + 1e-3,
            "{name}: at most {max}, {mean} on average; got {found:?}"
        );
    }
}

/// Draws from many streams.
fn draws(count: u64) -> Vec<Drawn> {
    let policy = Policy::published(32);
    (0..count).map(|index| policy.draw(&mut Stream::new(3, 0, index, 0), 32, 32)).collect()
}

fn share(drawn: &[Drawn], what: impl Fn(&Drawn) -> bool) -> f64 {
    drawn.iter().filter(|drawn| what(drawn)).count() as f64 / drawn.len() as f64
}

#[test]
fn draws_have_the_published_distributions() {
    let drawn = draws(40_000);
    for (found, wanted) in [
        (share(&drawn, |d| d.flip), 0.5),
        (share(&drawn, |d| d.jitter.is_some()), 0.8),
        (share(&drawn, |d| d.grey), 0.2),
        (share(&drawn, |d| d.blur_sigma.is_some()), 0.5),
    ] {
        assert!((found - wanted).abs() < 0.012, "expected {wanted}, got {found}");
    }
    let jitters: Vec<&Jitter> = drawn.iter().filter_map(|d| d.jitter.as_ref()).collect();
    let mean =
        |value: &dyn Fn(&Jitter) -> f64| jitters.iter().map(|j| value(j)).sum::<f64>() / jitters.len() as f64;
    assert!((mean(&|j| j.brightness) - 1.0).abs() < 0.01 && mean(&|j| j.hue).abs() < 0.002);
    assert!((mean(&|j| (j.contrast - 1.0).powi(2)) - 0.16 / 3.0).abs() < 0.002, "a uniform's variance");
    assert!(jitters.iter().all(|j| (0.6..=1.4).contains(&j.saturation) && (-0.1..=0.1).contains(&j.hue)));
    let first =
        jitters.iter().filter(|j| j.order[0] == JitterStep::Hue).count() as f64 / jitters.len() as f64;
    assert!((first - 0.25).abs() < 0.012);
    let sigmas: Vec<f64> = drawn.iter().filter_map(|d| d.blur_sigma).collect();
    assert!((sigmas.iter().sum::<f64>() / sigmas.len() as f64 - 1.05).abs() < 0.02);
    assert!(sigmas.iter().all(|sigma| (0.1..2.0).contains(sigma)));
}

#[test]
fn crops_have_the_published_areas_ratios_and_places() {
    let drawn = draws(40_000);
    let area = |crop: &Crop| (crop.height * crop.width) as f64 / 1024.0;
    let mean = drawn.iter().map(|d| area(&d.crop)).sum::<f64>() / drawn.len() as f64;
    // U(.08, 1) has mean .54; large crops of extreme ratio do not fit and are drawn anew. 20,000 of torchvision's
    // own draws have mean 0.488.
    assert!((mean - 0.488).abs() < 0.005, "{mean}");
    for d in &drawn {
        let Crop { top, left, height, width } = d.crop;
        assert!(height >= 1 && width >= 1 && top + height <= 32 && left + width <= 32);
        assert!((0.05..=1.0).contains(&area(&d.crop)));
        let ratio = width as f64 / height as f64;
        assert!((0.6..=1.67).contains(&ratio), "{ratio}"); // rounding to pixels widens 3/4 to 4/3
    }
    let wide = share(&drawn, |d| d.crop.width > d.crop.height);
    let tall = share(&drawn, |d| d.crop.width < d.crop.height);
    assert!((wide - tall).abs() < 0.015);
    let halves: Vec<&Drawn> = drawn.iter().filter(|d| d.crop.width == 16).collect();
    let middle = halves.iter().map(|d| d.crop.left as f64).sum::<f64>() / halves.len() as f64;
    assert!((middle - 8.0).abs() < 0.5, "{middle}");
}

#[test]
fn a_crop_that_never_fits_becomes_the_middle() {
    let mut policy = Policy::published(8);
    policy.crop = Some(bcl_data::augment::ResizedCrop { scale: (4.0, 5.0), ratio: (0.75, 1.25) });
    let crop = policy.draw(&mut Stream::new(0, 0, 0, 0), 40, 10).crop;
    assert_eq!(crop, Crop { top: 13, left: 0, height: 13, width: 10 });
    let crop = policy.draw(&mut Stream::new(0, 0, 0, 0), 10, 40).crop;
    assert_eq!(crop, Crop { top: 0, left: 14, height: 10, width: 12 });
}
