//! `explain`: numbers that can be checked by hand, and its three outputs.
#![allow(missing_docs, reason = "a test")]

mod common;

use bcl_exp::explain::{Summary, render};
use common::{refused, run, succeeded};
use serde_json::Value;

#[test]
fn without_location_and_concentration_nothing_is_weighted() {
    let summary = Summary::new(0.5, 0.5, 0.1, 100).unwrap();
    assert!(summary.omega.iter().all(|weight| (weight - 1.0).abs() < 1e-12));
    assert!((summary.effective_sample_size - 100.0).abs() < 1e-9);
    assert!((summary.hardest_tenth_share - 0.1).abs() < 1e-12);
    assert_eq!(summary.crosses_one_at, None);
    assert!((summary.false_negative_weight_share - 0.1).abs() < 1e-9, "as without weights");
    assert!(summary.remarks().iter().any(|remark| remark.contains("BCL is SimCLR here")));
}

#[test]
fn debiasing_at_full_trust_is_known_by_hand() {
    // alpha = 1, beta = 0.5: the target 2 (1 - p) over the mixture 2 (1 - tau) (1 - p) + 2 tau p, at the base
    // density's p for which the mixture has F below it: (1 - tau) (2 p - p^2) + tau p^2 = F.
    let (n, tau) = (10, 0.2);
    let summary = Summary::new(1.0, 0.5, tau, n).unwrap();
    for (index, weight) in summary.omega.iter().enumerate() {
        let f = (index + 1) as f64 / n as f64;
        let root = ((1.0 - tau) * (1.0 - tau) + (2.0 * tau - 1.0) * f).sqrt();
        let p = (root - (1.0 - tau)) / (2.0 * tau - 1.0);
        let expected = (1.0 - p) / ((1.0 - tau) * (1.0 - p) + tau * p);
        assert!((weight - expected).abs() < 1e-12, "{index}: {weight}, expected {expected}");
    }
    assert!(summary.hardest_weight.abs() < 1e-12);
    let (sum, squares): (f64, f64) =
        summary.omega.iter().fold((0.0, 0.0), |(sum, squares), w| (sum + w, squares + w * w));
    assert!((summary.effective_sample_size - sum * sum / squares).abs() < 1e-9);
    // It is 1 at p = 0.5, where F = 0.8 x 0.75 + 0.2 x 0.25 = 0.65; the first rank beyond is 7 of 10.
    assert!((summary.crosses_one_at.unwrap() - 0.7).abs() < 1e-12);
}

#[test]
fn concentration_moves_weight_to_the_hardest() {
    let share = |beta| Summary::new(0.8, beta, 0.1, 510).unwrap().hardest_tenth_share;
    assert!(share(0.3) < share(0.5) && share(0.5) < share(0.8) && share(0.8) < share(1.0));
    let false_share = |alpha| Summary::new(alpha, 0.5, 0.1, 510).unwrap().false_negative_weight_share;
    assert!(false_share(0.9) < false_share(0.7) && false_share(0.7) < false_share(0.5));
}

#[test]
fn one_negative_and_many_are_explained() {
    for negatives in [1, 2, 3, 65, 100_000] {
        let text = render(&Summary::new(0.9, 0.9, 0.1, negatives).unwrap());
        assert!(!text.contains("NaN") && !text.contains("inf"), "{text}");
        assert!(text.contains(&format!("{negatives} negatives")));
    }
}

#[test]
fn the_command_prints_text_json_and_a_figure() {
    let folder = tempfile::tempdir().unwrap();
    let args = ["explain", "--alpha", "0.9", "--beta", "0.9", "--tau-plus", "0.1", "--negatives", "254"];
    let text = succeeded(&run(folder.path(), &args));
    for part in
        ["alpha = 0.9 (location)", "effective sample size", "cifar100 0.01", "hcl-beta is another thing", "█"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    let json = succeeded(&run(folder.path(), &[&args[..], &["--json", "--svg", "deep/curve.svg"]].concat()));
    let value: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(value["omega"].as_array().unwrap().len(), 254);
    assert!((value["mean_weight"].as_f64().unwrap() - 1.0).abs() < 0.02);
    assert!(std::fs::read_to_string(folder.path().join("deep/curve.svg")).unwrap().starts_with("<svg"));
}

#[test]
fn what_is_out_of_range_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (alpha, beta, more, part) in [
        ("1", "1", ["--tau-plus", "0.1"], "alpha"),
        ("0.4", "0.5", ["--tau-plus", "0.1"], "alpha"),
        ("0.9", "-0.1", ["--tau-plus", "0.1"], "beta"),
        ("0.9", "0.9", ["--tau-plus", "1.0"], "tau"),
        ("0.9", "0.9", ["--tau-plus", "nan"], "tau"),
        ("0.9", "0.9", ["--negatives", "0"], "negatives: expected 1 to"),
    ] {
        let alpha = format!("--alpha={alpha}");
        let beta = format!("--beta={beta}");
        let message = refused(folder.path(), &["explain", &alpha, &beta, more[0], more[1]]);
        assert!(message.contains(part), "{message}");
    }
    assert!(refused(folder.path(), &["explain", "--alpha", "0.9"]).contains("--beta"));
}
