//! The draws: torchvision's distributions, the published stream of random numbers.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

use bcl_data::Policy;
use bcl_data::augment::{ColorJitter, Crop, Drawn, Effect, GaussianBlur, Jitter, JitterStep, Step};
use bcl_data::seed::Stream;

fn published() -> Policy {
    Policy::published(32)
}

/// Draws from many streams, for images of 32 x 32.
fn draws(policy: &Policy, count: u64) -> Vec<Drawn> {
    policy.validate().unwrap();
    (0..count).map(|index| policy.draw(&mut Stream::new(3, 0, index, 0), 32, 32)).collect()
}

fn share<T>(items: &[T], what: impl Fn(&T) -> bool) -> f64 {
    items.iter().filter(|item| what(item)).count() as f64 / items.len() as f64
}

fn mean<T>(items: &[T], value: impl Fn(&T) -> f64) -> f64 {
    items.iter().map(value).sum::<f64>() / items.len() as f64
}

fn jitters(drawn: &[Drawn]) -> Vec<Jitter> {
    let all = drawn.iter().flat_map(|drawn| drawn.effects.iter().flatten());
    all.filter_map(|effect| if let Effect::Jitter(jitter) = effect { Some(jitter.clone()) } else { None })
        .collect()
}

fn sigmas(drawn: &[Drawn]) -> Vec<f64> {
    let all = drawn.iter().flat_map(|drawn| drawn.effects.iter().flatten());
    all.filter_map(|effect| if let Effect::Blur { sigma, .. } = effect { Some(*sigma) } else { None })
        .collect()
}

#[test]
fn draws_have_the_published_distributions() {
    let drawn = draws(&published(), 40_000);
    for (found, wanted) in [
        (share(&drawn, |d| d.flip), 0.5),
        (share(&drawn, |d| d.effects[0].is_some()), 0.8),
        (share(&drawn, |d| d.effects[1].is_some()), 0.2),
        (share(&drawn, |d| d.effects[2].is_some()), 0.5),
    ] {
        assert!((found - wanted).abs() < 0.012, "expected {wanted}, got {found}");
    }
    let jitters = jitters(&drawn);
    assert!((mean(&jitters, |j| j.brightness) - 1.0).abs() < 0.01 && mean(&jitters, |j| j.hue).abs() < 0.002);
    assert!(
        (mean(&jitters, |j| (j.contrast - 1.0).powi(2)) - 0.16 / 3.0).abs() < 0.002,
        "a uniform's variance"
    );
    assert!(jitters.iter().all(|j| (0.6..=1.4).contains(&j.saturation) && (-0.1..=0.1).contains(&j.hue)));
    assert!((share(&jitters, |j| j.order[0] == JitterStep::Hue) - 0.25).abs() < 0.012);
    let sigmas = sigmas(&drawn);
    assert!((mean(&sigmas, |s| *s) - 1.05).abs() < 0.02);
    assert!(sigmas.iter().all(|sigma| (0.1..2.0).contains(sigma)));
}

/// Committed results depend on which number of a stream decides what.
#[test]
fn the_published_draws_take_their_numbers_in_one_order() {
    use JitterStep::{Brightness, Contrast, Hue, Saturation};
    let policy = published();
    for index in 0..200 {
        let drawn = policy.draw(&mut Stream::new(9, 1, index, 1), 32, 32);
        let mut s = Stream::new(9, 1, index, 1);
        let crop = loop {
            let area = 1024.0 * s.uniform(0.08, 1.0);
            let ratio = s.uniform(0.75f64.ln(), (4.0f64 / 3.0).ln()).exp();
            let width = (area * ratio).sqrt().round_ties_even() as usize;
            let height = (area / ratio).sqrt().round_ties_even() as usize;
            if width <= 32 && height <= 32 {
                let (top, left) = (s.below(33 - height), s.below(33 - width));
                break Crop { top, left, height, width };
            }
        };
        let flip = s.unit() < 0.5;
        let jitter = (s.unit() < 0.8).then(|| {
            let mut order = [Brightness, Contrast, Saturation, Hue];
            s.shuffle(&mut order);
            let [brightness, contrast, saturation] = [0; 3].map(|_| s.uniform(0.6, 1.4));
            Effect::Jitter(Jitter { order, brightness, contrast, saturation, hue: s.uniform(-0.1, 0.1) })
        });
        let grey = (s.unit() < 0.2).then_some(Effect::Grey);
        let blur = (s.unit() < 0.5).then(|| Effect::Blur { kernel: 3, sigma: s.uniform(0.1, 2.0) });
        assert_eq!(drawn, Drawn { crop, flip, effects: vec![jitter, grey, blur] });
    }
}

#[test]
fn crops_have_the_published_areas_ratios_and_places() {
    let drawn = draws(&published(), 40_000);
    let area = |crop: &Crop| (crop.height * crop.width) as f64 / 1024.0;
    let mean_area = mean(&drawn, |d| area(&d.crop));
    // U(.08, 1) has mean .54; large crops of extreme ratio do not fit and are drawn anew. 20,000 of torchvision's
    // own draws have mean 0.488.
    assert!((mean_area - 0.488).abs() < 0.005, "{mean_area}");
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
    let middle = mean(&halves, |d| d.crop.left as f64);
    assert!((middle - 8.0).abs() < 0.5, "{middle}");
}

#[test]
fn other_recipes_draw_by_their_own_numbers() {
    let strong = ColorJitter { p: 0.6, brightness: 0.8, contrast: 0.8, saturation: 0.2, hue: 0.2 };
    let steps = vec![
        Step::CenterCrop { share: 0.5 },
        Step::Solarize { p: 0.2, threshold: 128 },
        Step::ColorJitter(strong),
        Step::GaussianBlur(GaussianBlur { p: 0.1, kernel: 23, sigma: (0.5, 1.0) }),
        Step::Flip { p: 0.9 },
    ];
    let drawn = draws(&Policy::new(32, steps), 40_000);
    for (found, wanted) in [
        (share(&drawn, |d| d.effects[0] == Some(Effect::Solarize { threshold: 128 })), 0.2),
        (share(&drawn, |d| d.effects[1].is_some()), 0.6),
        (share(&drawn, |d| d.effects[2].is_some()), 0.1),
        (share(&drawn, |d| d.flip), 0.9),
        // What happens in one step tells nothing of another.
        (share(&drawn, |d| d.flip && d.effects[0].is_some()), 0.18),
        (share(&drawn, |d| d.effects[0].is_some() && d.effects[1].is_some()), 0.12),
    ] {
        assert!((found - wanted).abs() < 0.012, "expected {wanted}, got {found}");
    }
    assert!(drawn.iter().all(|d| d.crop == Crop { top: 8, left: 8, height: 16, width: 16 }));
    assert!(drawn.iter().all(|d| matches!(d.effects[2], None | Some(Effect::Blur { kernel: 23, .. }))));
    let jitters = jitters(&drawn);
    for (found, half) in [
        (mean(&jitters, |j| (j.brightness - 1.0).powi(2)), 0.8),
        (mean(&jitters, |j| (j.saturation - 1.0).powi(2)), 0.2),
        (mean(&jitters, |j| j.hue.powi(2)), 0.2),
    ] {
        let wanted: f64 = half * half / 3.0;
        assert!((found - wanted).abs() < 0.03 * wanted + 1e-4, "expected {wanted}, got {found}");
    }
    let sigmas = sigmas(&drawn);
    assert!(sigmas.iter().all(|sigma| (0.5..1.0).contains(sigma)));
    assert!((mean(&sigmas, |s| *s) - 0.75).abs() < 0.01);
}
