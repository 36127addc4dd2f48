//! Macro-AUC against scikit-learn and against counting; the sources of alpha.
#![allow(missing_docs, reason = "a test")]

mod common;

use bcl_core::auc::macro_auc;
use bcl_core::location::{LinearSteps, PairAuc, SmoothRamp};
use bcl_core::{ClassPrior, Location, OrderStats};
use common::{devices, embeddings, to_vec};
use tch::{Device, Kind, Tensor};

/// By comparing every positive with every negative.
fn counted(anchors: &Tensor, labels: &[i64], bank: &Tensor, bank_labels: &[i64], own: &[i64]) -> Option<f64> {
    let scores = anchors.matmul(&bank.tr());
    let mut aucs = Vec::new();
    for (row, label) in labels.iter().enumerate() {
        let s = to_vec(&scores.get(row as i64));
        let keep: Vec<usize> = (0..s.len()).filter(|&j| own[row] != j as i64).collect();
        let (mut wins, mut pairs) = (0.0, 0.0);
        for &p in keep.iter().filter(|&&j| bank_labels[j] == *label) {
            for &n in keep.iter().filter(|&&j| bank_labels[j] != *label) {
                wins += if s[p] > s[n] {
                    1.0
                } else if s[p] == s[n] {
                    0.5
                } else {
                    0.0
                };
                pairs += 1.0;
            }
        }
        if pairs > 0.0 {
            aucs.push(wins / pairs);
        }
    }
    (!aucs.is_empty()).then(|| aucs.iter().sum::<f64>() / aucs.len() as f64)
}

#[test]
fn auc_is_the_share_of_pairs_in_order() {
    for device in devices() {
        for (classes, seed) in [(2, 1), (3, 2), (7, 3), (40, 4)] {
            let bank = (embeddings(41, 3, seed) * 3.0).round() / 3.0; // many ties
            let labels: Vec<i64> = (0..41).map(|i| (i * 7 + i / 5) % classes).collect();
            let anchors = bank.narrow(0, 5, 11);
            let own: Vec<i64> = (5..16).collect();
            let ours = |own: Option<&Tensor>| {
                let on = |tensor: &Tensor| tensor.to_device(device);
                let own = own.map(on);
                macro_auc(
                    &on(&anchors),
                    &on(&Tensor::from_slice(&labels[5..16])),
                    &on(&bank),
                    &on(&Tensor::from_slice(&labels)),
                    own.as_ref(),
                )
                .unwrap()
            };
            let close = |a: Option<f64>, b: Option<f64>| match (a, b) {
                (Some(a), Some(b)) => (a - b).abs() < 1e-12,
                (a, b) => a == b,
            };
            let wanted = counted(&anchors, &labels[5..16], &bank, &labels, &own);
            assert!(close(ours(Some(&Tensor::from_slice(&own))), wanted), "{classes}");
            let wanted = counted(&anchors, &labels[5..16], &bank, &labels, &[-1; 11]);
            assert!(close(ours(None), wanted), "{classes}");
        }
    }
}

#[test]
fn auc_equals_scikit_learn() {
    let fixture: serde_json::Value = serde_json::from_str(include_str!("golden/auc_sklearn.json")).unwrap();
    let floats = |name: &str| -> Vec<f64> {
        fixture[name].as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
    };
    let labels: Vec<i64> =
        fixture["labels"].as_array().unwrap().iter().map(|x| x.as_i64().unwrap()).collect();
    let labels = Tensor::from_slice(&labels);
    let bank = Tensor::from_slice(&floats("embeddings")).view([labels.size()[0], -1]);
    let anchors = fixture["anchors"].as_i64().unwrap();
    let own = Tensor::arange(anchors, (Kind::Int64, Device::Cpu));
    let ours =
        macro_auc(&bank.narrow(0, 0, anchors), &labels.narrow(0, 0, anchors), &bank, &labels, Some(&own))
            .unwrap();
    assert!((ours.unwrap() - fixture["macro_auc"].as_f64().unwrap()).abs() < 1e-6);
}

#[test]
fn auc_of_one_class_is_none() {
    let (z, labels) = (embeddings(4, 2, 1), Tensor::zeros([4], (Kind::Int64, Device::Cpu)));
    assert_eq!(macro_auc(&z, &labels, &z, &labels, None).unwrap(), None);
    assert!(macro_auc(&z, &labels.narrow(0, 0, 3), &z, &labels, None).is_err());
    assert!(macro_auc(&z, &labels, &embeddings(4, 3, 1), &labels, None).is_err());
}

#[test]
fn the_authors_ramp_has_twenty_values() {
    let ramp = LinearSteps::new(Location::new(0.85).unwrap());
    let values: Vec<f64> = (0..400).map(|epoch| ramp.at(epoch, 400).get()).collect();
    assert_eq!((values[0], values[19], values[399]), (0.501, 0.501, 0.85));
    assert!((values[20] - (0.501 + (0.85 - 0.501) / 19.0)).abs() < 1e-12);
    let mut distinct = values.clone();
    distinct.dedup();
    assert_eq!(distinct.len(), 20);
    let short: Vec<f64> = (0..3).map(|epoch| ramp.at(epoch, 3).get()).collect();
    assert!(short.windows(2).all(|pair| pair[0] < pair[1]));
    let smooth = SmoothRamp::new(Location::new(0.85).unwrap());
    assert_eq!((smooth.at(0, 10).get(), smooth.at(9, 10).get(), smooth.at(0, 1).get()), (0.501, 0.85, 0.85));
}

/// Scores drawn from the model: the self-estimate finds the alpha they were drawn with.
#[test]
fn the_self_estimate_recovers_the_location_of_the_model() {
    let (alpha, tau) = (0.8, 0.1);
    let prior = ClassPrior::new(tau).unwrap();
    let model =
        OrderStats::new(Location::new(alpha).unwrap(), bcl_core::Concentration::new(0.5).unwrap(), prior)
            .unwrap();
    let n = 400;
    let grid = |i: usize| (i as f64 + 0.5) / n as f64;
    let mut below = 0.0;
    for i in 0..n {
        let positive = model.sample_false_negative(grid(i)); // a positive scores like a false negative
        for j in 0..n {
            below += (1.0 - tau) * f64::from(u8::from(model.sample_true_negative(grid(j)) < positive));
            below += tau
                * match grid(j).total_cmp(&grid(i)) {
                    std::cmp::Ordering::Less => 1.0,
                    std::cmp::Ordering::Equal => 0.5,
                    std::cmp::Ordering::Greater => 0.0,
                };
        }
    }
    let observed = below / (n * n) as f64;
    // P(positive > true negative) under the model is not alpha itself but what the two densities imply.
    let implied = PairAuc::location(observed, prior).get();
    let direct: f64 = (0..n)
        .flat_map(|i| (0..n).map(move |j| (i, j)))
        .map(|(i, j)| {
            f64::from(u8::from(model.sample_true_negative(grid(j)) < model.sample_false_negative(grid(i))))
        })
        .sum::<f64>()
        / (n * n) as f64;
    assert!((implied - direct).abs() < 1e-3, "{implied} {direct}");
}

#[test]
fn the_self_estimate_stays_in_range() {
    let prior = ClassPrior::new(0.1).unwrap();
    assert_eq!(PairAuc::location(1.0, prior).get(), 1.0);
    assert_eq!(PairAuc::location(0.2, prior), Location::LOWEST);
    assert_eq!(PairAuc::location(f64::NAN, prior), Location::LOWEST);
    let z = embeddings(6, 4, 1);
    assert_eq!(PairAuc::observe(&z, &z).unwrap().double_value(&[]), 1.0);
    let tied = bcl_core::normalize(&Tensor::ones([4, 3], (Kind::Double, Device::Cpu))).unwrap();
    assert_eq!(PairAuc::observe(&tied, &tied).unwrap().double_value(&[]), 0.5);
}
