//! The numerical experiments against closed forms, quadrature and the authors' own run.
#![allow(missing_docs, reason = "a test")]

mod common;

use bcl_core::{Compat, WeightTable};
use bcl_exp::simulate::{Axis, Point, Setting, SweepRow, run_point, sweep};
use common::{refused, run, succeeded};

/// Mean and standard error over repeats.
fn estimate(setting: &Setting, repeats: u64, pick: impl Fn(&Point) -> f64) -> (f64, f64) {
    let values: Vec<f64> =
        (0..repeats).map(|repeat| pick(&run_point(setting, (7, 50, 0, repeat)).unwrap())).collect();
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0);
    (mean, (variance / n).sqrt())
}

fn agrees((mean, error): (f64, f64), expected: f64, what: &str) {
    let z = (mean - expected) / error;
    assert!(z.abs() < 4.5, "{what}: expected {expected}, got {mean} ± {error} (z = {z:.1})");
    assert!(error < 0.02 * expected.abs(), "{what}: {error} of {expected} is no test");
}

const SETTINGS: [(f64, f64, f64); 5] =
    [(0.9, 0.5, 0.1), (0.7, 0.9, 0.1), (0.5, 0.5, 0.3), (1.0, 0.5, 0.1), (0.8, 0.2, 0.0)];

fn setting((alpha, beta, tau_plus): (f64, f64, f64)) -> Setting {
    Setting { alpha, beta, tau_plus, ..Setting::default() }
}

#[test]
fn truth_and_bias_are_the_closed_forms() {
    for parameters in SETTINGS {
        let s = setting(parameters);
        agrees(estimate(&s, 200, |point| point.truth), s.expected_true(), "true negatives");
        agrees(estimate(&s, 200, |point| point.mean.biased), s.expected_unlabeled(), "unlabeled");
        // With many positives and negatives the clamp of DCL never acts and the estimate is unbiased.
        let many = Setting { positives: 2000, negatives: 2000, anchors: 10, ..s };
        agrees(estimate(&many, 150, |point| point.mean.dcl), s.expected_true(), "DCL");
    }
}

#[test]
fn closed_forms_are_the_integrals() {
    for parameters in SETTINGS {
        let s = setting(parameters);
        let steps = 200_000;
        let (mut on_true, mut on_false) = (0.0, 0.0);
        for step in 0..steps {
            let phi = (f64::from(step) + 0.5) / f64::from(steps);
            let x = s.x(phi) / f64::from(steps);
            on_true += 2.0 * (s.alpha * (1.0 - phi) + (1.0 - s.alpha) * phi) * x;
            on_false += 2.0 * ((1.0 - s.alpha) * (1.0 - phi) + s.alpha * phi) * x;
        }
        assert!((on_true / s.expected_true() - 1.0).abs() < 1e-7);
        assert!((on_false / s.expected_false() - 1.0).abs() < 1e-7);
    }
}

#[test]
fn the_weighted_mean_is_what_order_statistics_say() {
    // E of (1/N) sum_i w_i x_(i): the i-th of N unlabeled scores has density N C(N-1, i-1) U^(i-1) (1-U)^(N-i) f,
    // U the distribution function of unlabeled scores and f its density.
    for parameters in SETTINGS {
        let s = Setting { negatives: 12, ..setting(parameters) };
        let n = s.negatives;
        let table = WeightTable::new(&s.model().unwrap(), n, Compat::Exact);
        let (easy, tau) = (s.alpha * (1.0 - s.tau_plus) + (1.0 - s.alpha) * s.tau_plus, s.tau_plus);
        let mut expected = 0.0;
        let steps = 20_000;
        for step in 0..steps {
            let phi = (f64::from(step) + 0.5) / f64::from(steps);
            let density = 2.0 * (easy * (1.0 - phi) + (1.0 - easy) * phi);
            let below = easy * (1.0 - (1.0 - phi).powi(2)) + (1.0 - easy) * phi * phi;
            let mut choose = 1.0; // C(n - 1, i)
            for (i, omega) in table.omega().iter().enumerate() {
                let place = choose * below.powi(i as i32) * (1.0 - below).powi((n - 1 - i) as i32);
                expected += omega * place * s.x(phi) * density / f64::from(steps);
                choose *= (n - 1 - i) as f64 / (i + 1) as f64;
            }
        }
        if tau == 0.0 || tau == 0.1 {
            // An anchor without a true negative is drawn anew: at these tau+ too rare to be seen.
            agrees(estimate(&s, 1500, |point| point.mean.bcl_plain), expected, "BCL");
        }
    }
}

#[test]
fn many_negatives_bring_the_target_density() {
    for parameters in [(0.9, 0.5, 0.1), (0.7, 0.9, 0.1), (0.8, 0.2, 0.05)] {
        let s = Setting { negatives: 20_000, anchors: 20, ..setting(parameters) };
        let (mean, _) = estimate(&s, 40, |point| point.mean.bcl);
        assert!((mean / s.expected_target() - 1.0).abs() < 0.01, "{mean} for {}", s.expected_target());
        let (plain, _) = estimate(&s, 40, |point| point.mean.bcl_plain);
        assert!((plain / s.expected_target() - 1.0).abs() < 0.01);
    }
    let s = setting((0.9, 0.5, 0.1));
    assert!((s.expected_target() / s.expected_true() - 1.0).abs() < 1e-12, "beta = 0.5 only debiases");
}

/// The authors' run: 50 alphas, each one experiment of 100 anchors.
#[test]
fn the_authors_run_could_be_one_of_ours() {
    let mut reader = csv::Reader::from_reader(include_str!("fixtures/numerical_reference.csv").as_bytes());
    let reference: Vec<Vec<f64>> = reader
        .records()
        .map(|record| record.unwrap().iter().map(|field| field.parse().unwrap()).collect())
        .collect();
    assert_eq!(reference.len(), 50);
    type Pick = fn(&Point) -> f64;
    let columns: [(&str, Pick); 7] = [
        ("mean_theta", |point| point.truth),
        ("mean_bcl", |point| point.mean.bcl),
        ("mean_dcl", |point| point.mean.dcl),
        ("mean_biased", |point| point.mean.biased),
        ("mse_bcl", |point| point.mse.bcl),
        ("mse_dcl", |point| point.mse.dcl),
        ("mse_biased", |point| point.mse.biased),
    ];
    const REPEATS: usize = 60;
    for (column, (name, pick)) in columns.into_iter().enumerate() {
        let mut squares = 0.0;
        for (index, row) in reference.iter().enumerate() {
            let s = Setting { alpha: row[0], ..Setting::default() };
            let ours: Vec<f64> = (0..REPEATS as u64)
                .map(|repeat| pick(&run_point(&s, (3, 60, index as u64, repeat)).unwrap()))
                .collect();
            let n = REPEATS as f64;
            let mean = ours.iter().sum::<f64>() / n;
            let variance = ours.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0);
            let z = (row[column + 1] - mean) / (variance * (1.0 + 1.0 / n)).sqrt();
            assert!(
                z.abs() < 5.0,
                "{name} at alpha {}: {} is {z:.1} deviations from {mean}",
                row[0],
                row[column + 1]
            );
            squares += z * z;
        }
        // The sum of 50 squared deviations is about chi-squared: 50 ± 10.
        assert!((20.0..100.0).contains(&squares), "{name}: {squares:.0} for 50");
    }
}

#[test]
fn threads_change_nothing() {
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            Axis::ALL.map(|axis| {
                let small = Setting { anchors: 5, negatives: 20, ..Setting::default() };
                sweep(axis, &small, 1, 2).unwrap()
            })
        })
    };
    assert_eq!(on(1), on(2));
    assert_eq!(on(2), on(3));
}

#[test]
fn sweeps_span_their_axis_and_tell_their_spread() {
    let small = Setting { anchors: 4, negatives: 8, ..Setting::default() };
    let by_alpha = sweep(Axis::Alpha, &small, 0, 1).unwrap();
    assert_eq!(by_alpha.rows.len(), 50);
    assert_eq!((by_alpha.rows[0].value, by_alpha.rows[49].value), (0.5, 1.0));
    assert!(by_alpha.rows.iter().all(|row: &SweepRow| row.se_mse_bcl.is_none()), "one repeat has no spread");
    let again = sweep(Axis::Alpha, &small, 1, 3).unwrap();
    assert!(again.rows.iter().all(|row| row.se_mse_bcl.is_some_and(|error| error > 0.0)));
    assert_ne!(by_alpha.rows[10].mean_bcl, again.rows[10].mean_bcl, "another seed, other numbers");
    // alpha = beta = 1 leaves nothing to weight: that corner is left out, the rest stays.
    assert_eq!(sweep(Axis::Alpha, &Setting { beta: 1.0, ..small }, 0, 1).unwrap().rows.len(), 49);
}

#[test]
fn the_command_writes_every_file_and_refuses_what_is_out_of_range() {
    let folder = tempfile::tempdir().unwrap();
    let text =
        succeeded(&run(folder.path(), &["simulate", "--anchors", "4", "--negatives", "8", "--time", "1"]));
    assert!(text.contains("MSE BCL") && text.contains("median"), "{text}");
    let out = folder.path().join("results/simulate");
    for name in [
        "mse_alpha",
        "mse_beta",
        "mse_tau_plus",
        "mse_negatives",
        "densities",
        "omega_by_alpha",
        "omega_by_beta",
    ] {
        let csv = std::fs::read_to_string(out.join(format!("{name}.csv"))).unwrap();
        assert!(csv.lines().count() > 10, "{name}");
        assert!(!csv.contains("NaN") && !csv.contains("inf"), "{name}");
    }
    let header = std::fs::read_to_string(out.join("mse_alpha.csv")).unwrap();
    assert!(header.starts_with("alpha,mean_theta,mean_bcl,mean_dcl,mean_biased,mse_bcl,mse_dcl,mse_biased,"));
    assert_eq!(std::fs::read_dir(out.join("figures")).unwrap().count(), 11);
    for (args, part) in [
        (["--alpha", "0.4"], "alpha"),
        (["--alpha", "NaN"], "alpha"),
        (["--beta", "1.5"], "beta"),
        (["--tau-plus", "1"], "tau"),
        (["--temperature", "0"], "temperature"),
        (["--temperature", "0.01"], "1 / t^3 < 300"),
        (["--anchors", "0"], "anchors: expected at least 1, got 0"),
        (["--negatives", "0"], "negatives: expected at least 1, got 0"),
        (["--positives", "0"], "positives: expected at least 1, got 0"),
        (["--repeats", "0"], "repeats: expected at least 1, got 0"),
        (["--anchors", "many"], "many"),
    ] {
        let message = refused(folder.path(), &[&["simulate"][..], &args].concat());
        assert!(message.contains(part), "{args:?}: {message}");
    }
    std::fs::write(folder.path().join("file"), "").unwrap();
    assert!(
        refused(folder.path(), &["simulate", "--anchors", "1", "--out", "file/below"]).contains("file/below")
    );
}
