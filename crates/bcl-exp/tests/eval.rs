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
    let classifier = linear::cached(&probe, 10).unwrap();
    assert!(linear::judge(&classifier, &test).unwrap().top1 > 99.9);
    assert!(auc::macro_auc_of(&test, 100).unwrap() > 0.999);

    let noise = |count, seed| Features::new(random(count, 10, seed), labels(count, 10)).unwrap();
    let (probe, test) = (noise(3000, 3), noise(3000, 4));
    // Chance is 10 %, its standard deviation over 3,000 images 0.55 %.
    let near_chance = |top1: f64| (top1 - 10.0).abs() < 2.8;
    assert!(near_chance(knn::classify(&probe, &test, 10, 20, 0.5).unwrap().top1));
    assert!(near_chance(linear::judge(&linear::cached(&probe, 10).unwrap(), &test).unwrap().top1));
    assert!((auc::macro_auc_of(&test, 512).unwrap() - 0.5).abs() < 0.01);
}

#[test]
fn the_cached_probe_is_scikit_learns_logistic_regression() {
    let fixture: Value = serde_json::from_str(include_str!("fixtures/probe.json")).unwrap();
    let matrix = |name: &str| {
        let rows: Vec<Vec<f32>> = serde_json::from_value(fixture[name].clone()).unwrap();
        Tensor::from_slice(&rows.concat()).view([rows.len() as i64, rows[0].len() as i64])
    };
    let numbers = |name: &str| -> Vec<i64> { serde_json::from_value(fixture[name].clone()).unwrap() };
    let split = |x: &str, y: &str| Features::new(matrix(x), Tensor::from_slice(&numbers(y))).unwrap();
    let (probe, test) = (split("probe", "probe_labels"), split("test", "test_labels"));
    let classifier = linear::cached(&probe, fixture["classes"].as_i64().unwrap()).unwrap();
    let probabilities = classifier.scores(&test.x).unwrap().softmax(1, Kind::Float);
    let off = (probabilities - matrix("test_probabilities")).abs().max().double_value(&[]);
    assert!(off < 1e-3, "probabilities are off by {off}");
    let top1 = linear::judge(&classifier, &test).unwrap().top1;
    assert!((top1 - fixture["test_top1"].as_f64().unwrap()).abs() < 1e-9);
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
    let classifier = linear::cached(&with(&probe), 4).unwrap();
    assert!(linear::judge(&classifier, &with(&clusters(100, 4, 0.3, 2))).unwrap().top1 > 99.9);
    let broken = Features::new(&probe.x * f64::NAN, probe.labels.shallow_clone()).unwrap();
    assert!(linear::cached(&broken, 4).unwrap_err().to_string().contains("not finite"));
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
    assert_eq!(outcome.per_class, [Some(100.0), none, none, none, Some(0.0), Some(0.0), Some(100.0)]);
    assert_eq!(outcome.confusion[4], [1, 0, 0, 0, 0, 0, 0]);
    assert_eq!(outcome.confusion.iter().flatten().sum::<u64>(), 4);
    let few = Outcome::new(&scores.narrow(1, 0, 5), &Tensor::from_slice(&[0i64, 4, 1, 2])).unwrap();
    assert_eq!(few.top5, None, "top-5 of five classes says nothing");
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
    assert!(Features::new(random(5, 3, 1), labels(4, 2)).is_err());
    assert!(Features::new(random(5, 3, 1).narrow(0, 0, 0), labels(0, 2)).is_err());
    let one_class = Features::new(random(5, 3, 1), labels(5, 1)).unwrap();
    assert!(auc::macro_auc_of(&one_class, 5).unwrap_err().to_string().contains("one class only"));
}
