//! Scores against loops, scikit-learn, and data whose answer is known.
#![allow(missing_docs, reason = "a test")]

use bcl_exp::eval::{Features, Outcome, auc, knn, linear};
use serde_json::Value;
use tch::{Device, Kind, Tensor};

fn random(rows: i64, columns: i64, seed: u64) -> Tensor {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let values: Vec<f32> = (0..rows * columns)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1u64 << 24) as f32 - 0.5
        })
        .collect();
    Tensor::from_slice(&values).view([rows, columns])
}

fn labels(count: i64, classes: i64) -> Tensor {
    (Tensor::arange(count, (Kind::Int64, Device::Cpu)) * 7 + 3).remainder(classes)
}

/// Clusters around distinct directions, `spread` apart from them.
fn clusters(count: i64, classes: i64, spread: f64, seed: u64) -> Features {
    let labels = labels(count, classes);
    let centres = Tensor::eye(classes, (Kind::Float, Device::Cpu));
    let x = centres.index_select(0, &labels) + random(count, classes, seed) * spread;
    Features::new(x, labels).unwrap()
}

fn rows(tensor: &Tensor) -> Vec<Vec<f64>> {
    (0..tensor.size()[0]).map(|i| Vec::try_from(tensor.get(i).to_kind(Kind::Double)).unwrap()).collect()
}

/// The vote in loops; a prediction is left out where the two best classes are closer than rounding.
fn naive_knn(probe: &Features, test: &Features, classes: usize, k: usize, t: f64) -> Vec<Option<usize>> {
    let unit = |features: &Features| -> Vec<Vec<f64>> {
        let rows = rows(&features.x);
        rows.iter()
            .map(|row| {
                let norm = row.iter().map(|x| x * x).sum::<f64>().sqrt();
                row.iter().map(|x| x / norm).collect()
            })
            .collect()
    };
    let probe_labels: Vec<i64> = Vec::try_from(&probe.labels).unwrap();
    let bank = unit(probe);
    let predict = |query: &Vec<f64>| {
        let mut similar: Vec<(f64, i64)> = bank
            .iter()
            .zip(&probe_labels)
            .map(|(row, &label)| (row.iter().zip(query).map(|(a, b)| a * b).sum(), label))
            .collect();
        similar.sort_by(|a, b| b.0.total_cmp(&a.0));
        let mut votes = vec![0.0; classes];
        for (similarity, label) in similar.iter().take(k) {
            votes[*label as usize] += (similarity / t).exp();
        }
        let mut order: Vec<usize> = (0..classes).collect();
        order.sort_by(|&a, &b| votes[b].total_cmp(&votes[a]));
        (votes[order[0]] > votes[order[1]] * (1.0 + 1e-4)).then_some(order[0])
    };
    unit(test).iter().map(predict).collect()
}

#[test]
fn knn_votes_as_loops_do() {
    for (seed, k, t) in [(1, 1, 0.5), (2, 7, 0.5), (3, 40, 0.07), (4, 5000, 0.5), (5, 20, 0.01)] {
        let probe = Features::new(random(90, 5, seed), labels(90, 6)).unwrap();
        let test = Features::new(random(50, 5, seed + 100), labels(50, 6)).unwrap();
        let ours = knn::classify(&probe, &test, 6, k, t).unwrap();
        let test_labels: Vec<i64> = Vec::try_from(&test.labels).unwrap();
        let (mut low, mut high) = (0, 0); // doubtful ones count for neither and for both
        for (prediction, label) in naive_knn(&probe, &test, 6, k as usize, t).iter().zip(&test_labels) {
            low += i32::from(*prediction == Some(*label as usize));
            high += i32::from(prediction.is_none_or(|class| class as i64 == *label));
        }
        let hits = (ours.top1 * 50.0 / 100.0).round() as i32;
        assert!(low <= hits && hits <= high && high - low <= 2, "k {k}, t {t}: {low} <= {hits} <= {high}");
    }
}

#[test]
fn what_is_apart_is_told_apart_and_what_is_shuffled_is_not() {
    let (probe, test) = (clusters(600, 10, 0.3, 1), clusters(300, 10, 0.3, 2));
    assert!(knn::classify(&probe, &test, 10, 20, 0.5).unwrap().top1 > 99.9);
    let classifier = linear::cached(&probe, 10, linear::PENALTY).unwrap().classifier;
    assert!(linear::judge(&classifier, &test).unwrap().top1 > 99.9);
    assert!(auc::macro_auc_of(&test, 100).unwrap() > 0.999);

    let noise = |count, seed| Features::new(random(count, 10, seed), labels(count, 10)).unwrap();
    let (probe, test) = (noise(3000, 3), noise(3000, 4));
    // Chance is 10 %, its standard deviation over 3,000 images 0.55 %.
    let near_chance = |top1: f64| (top1 - 10.0).abs() < 2.8;
    assert!(near_chance(knn::classify(&probe, &test, 10, 20, 0.5).unwrap().top1));
    let classifier = linear::cached(&probe, 10, linear::PENALTY).unwrap().classifier;
    assert!(near_chance(linear::judge(&classifier, &test).unwrap().top1));
    assert!((auc::macro_auc_of(&test, 512).unwrap() - 0.5).abs() < 0.01);
}

#[test]
fn the_cached_probe_is_scikit_learns_logistic_regression() {
    let fixture: Value = serde_json::from_str(include_str!("fixtures/probe.json")).unwrap();
    let matrix = |value: &Value| {
        let rows: Vec<Vec<f32>> = serde_json::from_value(value.clone()).unwrap();
        Tensor::from_slice(&rows.concat()).view([rows.len() as i64, rows[0].len() as i64])
    };
    let numbers = |value: &Value| -> Vec<i64> { serde_json::from_value(value.clone()).unwrap() };
    for (fits, classes) in [("fits", fixture["classes"].as_i64().unwrap()), ("fits_of_labels_modulo_two", 2)]
    {
        let split = |x: &str, y: &str| {
            let labels = Tensor::from_slice(&numbers(&fixture[y])).remainder(classes);
            Features::new(matrix(&fixture[x]), labels).unwrap()
        };
        let (probe, test) = (split("probe", "probe_labels"), split("test", "test_labels"));
        for expected in fixture[fits].as_array().unwrap() {
            let penalty = expected["penalty"].as_f64().unwrap();
            let fit = linear::cached(&probe, classes, penalty).unwrap();
            let close = |what: &str, ours: &Tensor, theirs: &Tensor, tolerance: f64| {
                let off = (ours - theirs).abs().max().double_value(&[]);
                assert!(off < tolerance, "{fits}, penalty {penalty}: {what} off by {off}");
            };
            assert!(fit.converged, "{fits}, penalty {penalty}: {} iterations", fit.iterations);
            // Scores are defined up to what all classes have in common.
            let bias: Vec<f32> = serde_json::from_value(expected["bias"].clone()).unwrap();
            let centred = |x: Tensor| &x - x.mean(Kind::Float);
            close("weight", &fit.classifier.weight, &matrix(&expected["weight"]), 2e-3);
            close("bias", &centred(fit.classifier.bias.copy()), &centred(Tensor::from_slice(&bias)), 2e-3);
            let scores = fit.classifier.scores(&test.x).unwrap();
            close(
                "probabilities",
                &scores.softmax(1, Kind::Float),
                &matrix(&expected["probabilities"]),
                1e-4,
            );
            assert_eq!(
                Vec::<i64>::try_from(scores.argmax(1, false)).unwrap(),
                numbers(&expected["predictions"])
            );
            let top1 = linear::judge(&fit.classifier, &test).unwrap().top1;
            assert!((top1 - expected["top1"].as_f64().unwrap()).abs() < 1e-9);
        }
    }
}

#[test]
fn the_cached_probe_bears_constant_and_huge_features() {
    let probe = clusters(200, 4, 0.3, 1);
    let with = |features: &Features| {
        let rows = features.len();
        let constant = Tensor::full([rows, 1], 3.0, (Kind::Float, Device::Cpu));
        Features::new(Tensor::cat(&[&features.x * 1e4, constant], 1), features.labels.shallow_clone())
            .unwrap()
    };
    let classifier = linear::cached(&with(&probe), 4, linear::PENALTY).unwrap().classifier;
    assert!(linear::judge(&classifier, &with(&clusters(100, 4, 0.3, 2))).unwrap().top1 > 99.9);
    let broken = Features::new(&probe.x * f64::NAN, probe.labels.shallow_clone()).unwrap();
    let refused = |features, penalty| linear::cached(features, 4, penalty).unwrap_err().to_string();
    assert!(refused(&broken, linear::PENALTY).contains("not finite"));
    for penalty in [-1e-9, f64::NAN, f64::INFINITY] {
        assert!(refused(&probe, penalty).contains("expected a number >= 0"), "{penalty}");
    }
}

#[test]
fn an_outcome_counts() {
    let scores = Tensor::from_slice(&[
        9f32, 8., 7., 6., 5., 4., 0., // label 0: first
        9., 8., 7., 6., 5., 4., 0., // label 4: fifth
        9., 8., 7., 6., 5., 4., 0., // label 5: sixth
        0., 1., 2., 3., 4., 5., 6., // label 6: first
    ])
    .view([4, 7]);
    let outcome = Outcome::new(&scores, &Tensor::from_slice(&[0i64, 4, 5, 6])).unwrap();
    assert_eq!(outcome.top1, 50.0);
    assert_eq!(outcome.top5, Some(75.0));
    let none: Option<f64> = None;
    let confusion = &outcome.confusion;
    assert_eq!(confusion.per_class(), [Some(100.0), none, none, none, Some(0.0), Some(0.0), Some(100.0)]);
    assert_eq!(confusion.balanced(), Some(50.0));
    assert_eq!(confusion.counts()[4], [1, 0, 0, 0, 0, 0, 0]);
    assert_eq!(confusion.images(), [1, 0, 0, 0, 1, 1, 1]);
    let few = Outcome::new(&scores.narrow(1, 0, 5), &Tensor::from_slice(&[0i64, 4, 1, 2])).unwrap();
    assert_eq!(few.top5, None, "top-5 of five classes says nothing");
}

#[test]
fn of_equal_scores_the_lowest_class_counts_as_the_highest() {
    let scores = Tensor::zeros([7, 7], (Kind::Float, Device::Cpu));
    let labels = Tensor::arange(7, (Kind::Int64, Device::Cpu));
    let outcome = Outcome::new(&scores, &labels).unwrap();
    assert!((outcome.top1 - 100.0 / 7.0).abs() < 1e-9 && (outcome.top5.unwrap() - 500.0 / 7.0).abs() < 1e-9);
    assert!(outcome.confusion.counts().iter().all(|row| row[0] == 1));
}

/// One-hot rows of any length: similarities are exactly 0 or 1, so nearly everything ties.
fn one_hot(count: i64, classes: i64, seed: u64) -> Features {
    let axes = ((random(count, 1, seed) + 0.5) * 3.0).floor().clamp(0.0, 2.0).to_kind(Kind::Int64);
    let lengths = random(count, 1, seed + 1) + 1.0;
    let x = Tensor::zeros([count, 3], (Kind::Float, Device::Cpu)).scatter(1, &axes, &lengths);
    Features::new(x, labels(count, classes)).unwrap()
}

#[test]
fn knn_takes_the_first_of_equals() {
    let (probe, test) = (one_hot(300, 7, 1), one_hot(700, 7, 5));
    let probe_labels: Vec<i64> = Vec::try_from(&probe.labels).unwrap();
    let test_labels: Vec<i64> = Vec::try_from(&test.labels).unwrap();
    let axis = |features: &Features| Vec::<i64>::try_from(features.x.argmax(1, false)).unwrap();
    let (bank, queries) = (axis(&probe), axis(&test));
    for k in [1, 2, 10, 99, 100, 150, 299, 300, 1000] {
        let mut expected = vec![vec![0; 7]; 7];
        for (query, label) in queries.iter().zip(&test_labels) {
            let mut order: Vec<usize> = (0..bank.len()).collect();
            order.sort_by_key(|&place| bank[place] != *query); // stable: the first of equals stays first
            let mut votes = [0.0f64; 7];
            for &place in order.iter().take(k as usize) {
                let similarity = if bank[place] == *query { 1.0 } else { 0.0 };
                votes[probe_labels[place] as usize] += f64::exp(similarity / 0.5);
            }
            let most = votes.iter().copied().fold(0.0, f64::max);
            let first = votes.iter().position(|vote| *vote > most * (1.0 - 1e-6)).unwrap();
            expected[*label as usize][first] += 1;
        }
        let ours = knn::classify(&probe, &test, 7, k, 0.5).unwrap();
        assert_eq!(ours.confusion.counts(), expected, "k {k}");
    }
}

#[test]
fn a_collapsed_encoder_votes_for_what_comes_first() {
    let same = |count| Features::new(Tensor::ones([count, 4], (Kind::Float, Device::Cpu)), labels(count, 5));
    // Labels are 3, 0, 2, 4, 1, 3, ...
    let predicted = |k| {
        let outcome = knn::classify(&same(40).unwrap(), &same(5).unwrap(), 5, k, 0.5).unwrap();
        (0..5).find(|&class| outcome.confusion.counts().iter().all(|row| row[class] == 1)).unwrap()
    };
    assert_eq!((predicted(1), predicted(2), predicted(5), predicted(6)), (3, 0, 0, 3));
}

#[test]
fn what_does_not_fit_is_refused() {
    let (probe, narrow) = (clusters(20, 4, 0.1, 1), Features::new(random(5, 3, 1), labels(5, 4)).unwrap());
    let refused = |result: anyhow::Result<Outcome>, part: &str| {
        let error = format!("{:#}", result.unwrap_err());
        assert!(error.contains(part), "{error}");
    };
    refused(knn::classify(&probe, &narrow, 4, 5, 0.5), "expected width 3 as in the test split, got 4");
    refused(knn::classify(&probe, &probe, 4, 0, 0.5), "k: expected at least 1, got 0");
    refused(knn::classify(&probe, &probe, 4, 5, 0.0), "expected > 0, got 0");
    refused(knn::classify(&probe, &probe, 4, 5, f64::NAN), "expected > 0, got NaN");
    refused(Outcome::new(&probe.x, &narrow.labels), "labels: expected 20");
    let broken = Features::new(&probe.x / 0.0 * 0.0, probe.labels.shallow_clone()).unwrap();
    refused(
        knn::classify(&broken, &probe, 4, 5, 0.5),
        "expected finite features, got others in the probe split",
    );
    refused(
        knn::classify(&probe, &broken, 4, 5, 0.5),
        "expected finite features, got others in the test split",
    );
    assert!(Features::new(random(5, 3, 1), labels(4, 2)).is_err());
    assert!(Features::new(random(5, 3, 1).narrow(0, 0, 0), labels(0, 2)).is_err());
    let one_class = Features::new(random(5, 3, 1), labels(5, 1)).unwrap();
    assert!(auc::macro_auc_of(&one_class, 5).unwrap_err().to_string().contains("one class only"));
}
