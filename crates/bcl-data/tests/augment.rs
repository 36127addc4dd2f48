//! The augmentation: torchvision's results with the same drawn parameters, torchvision's distributions.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

use bcl_data::Policy;
use bcl_data::augment::{Crop, Drawn, Effect, Jitter, JitterStep, Layout, apply};
use serde_json::Value;

/// Pixels as levels of 255, without normalisation; the steps are those that were drawn.
fn policy(size: usize) -> Policy {
    Policy::published(size).with_normalization([0.0; 3], [1.0 / 255.0; 3])
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

/// What a step of the fixture does to a cropped image, whether or not it happens in the whole.
fn alone(name: &str, drawn: &Value) -> Drawn {
    let nothing = Drawn { crop: Crop::whole(0, 0), flip: false, effects: vec![] };
    let one = |effect| Drawn { effects: vec![None, Some(effect)], ..nothing.clone() };
    let values = jitter(drawn);
    let neutral = Jitter { brightness: 1.0, contrast: 1.0, saturation: 1.0, hue: 0.0, ..jitter(drawn) };
    match name {
        "flip" => Drawn { flip: true, ..nothing },
        "grey" => one(Effect::Grey),
        "blur" => one(Effect::Blur {
            kernel: drawn["kernel"].as_u64().unwrap() as usize,
            sigma: number(&drawn["sigma"]),
        }),
        "solarize" => one(Effect::Solarize { threshold: drawn["threshold"].as_u64().unwrap() as u8 }),
        "jitter" => one(Effect::Jitter(values)),
        "brightness" => one(Effect::Jitter(Jitter { brightness: values.brightness, ..neutral })),
        "contrast" => one(Effect::Jitter(Jitter { contrast: values.contrast, ..neutral })),
        "saturation" => one(Effect::Jitter(Jitter { saturation: values.saturation, ..neutral })),
        "hue" => one(Effect::Jitter(Jitter { hue: values.hue, ..neutral })),
        other => panic!("a step {other}"),
    }
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
        let mut whole = Drawn { crop: crop(drawn), flip: false, effects: vec![] };
        let cropped = bytes(&case["cropped"]);
        note("crop", difference(&applied(&whole, &image, shape, size), &cropped));
        // Each step alone, on torchvision's cropped image.
        for (name, theirs) in case["steps"].as_object().unwrap() {
            let one = Drawn { crop: Crop::whole(size, size), ..alone(name, drawn) };
            note(name, difference(&applied(&one, &cropped, (size, size), size), &bytes(theirs)));
        }
        for name in case["sequence"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()) {
            let happens = |name: &str| drawn.get(name).and_then(Value::as_bool).unwrap_or(true);
            let step = alone(name, drawn);
            whole.flip |= step.flip && happens("flip");
            whole.effects.extend(step.effects.into_iter().filter(|_| happens(name)));
        }
        note("whole", difference(&applied(&whole, &image, shape, size), &bytes(&case["whole"])));
    }
    // Levels of 255 (largest, mean of the worst image). A blur is summed in another order than libtorch's; all else is exact.
    let bounds = [
        ("crop", 0.0, 0.0),
        ("flip", 0.0, 0.0),
        ("brightness", 0.0, 0.0),
        ("contrast", 0.0, 0.0),
        ("saturation", 0.0, 0.0),
        ("grey", 0.0, 0.0),
        ("solarize", 0.0, 0.0),
        ("blur", 1.0, 0.01),
        ("hue", 0.0, 0.0),
        ("whole", 2.0, 0.02),
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
