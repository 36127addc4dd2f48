//! Where alpha comes from, seen from outside: what an epoch is trained with is what its row says.
#![allow(missing_docs, reason = "a test")]

mod common;

use bcl_exp::store::{EpochRow, read_epochs};
use common::{TINY, run, succeeded};

/// The epochs of one BCL cell of the tiny sweep with these lines in its grid.
fn epochs_with(location: &str, epochs: u32) -> Vec<EpochRow> {
    let folder = tempfile::tempdir().unwrap();
    let text = TINY
        .replace("\"SimCLR\", \"HCL\", \"BCL\"", "\"BCL\"")
        .replace("epochs = 2", &format!("epochs = {epochs}"))
        .replace("knn_every = 1", "knn_every = 0\nlinear = \"none\"")
        .replace("alpha = 0.8\nalpha_source = \"self-estimated\"", location);
    std::fs::write(folder.path().join("tiny.toml"), text).unwrap();
    succeeded(&run(folder.path(), &["--grid", "tiny.toml", "--threads", "1"]));
    let rows = read_epochs(&folder.path().join("results/tiny/epochs.csv")).unwrap();
    assert_eq!(rows.len(), epochs as usize);
    rows
}

fn alphas(rows: &[EpochRow]) -> Vec<f64> {
    rows.iter().map(|row| row.alpha.unwrap()).collect()
}

#[test]
fn the_ramp_is_trained_with_and_logged() {
    let ramp = epochs_with("alpha = 0.9\nalpha_source = \"linear\"", 3);
    // Twenty steps over three epochs: steps 0, 6 and 13 of 0 to 19.
    for (alpha, step) in alphas(&ramp).into_iter().zip([0.0, 6.0, 13.0]) {
        assert!((alpha - (0.501 + (0.9 - 0.501) * step / 19.0)).abs() < 1e-6, "step {step}: {alpha}");
    }
    // Its first epoch is that of the same fixed alpha, its second is not.
    let fixed = epochs_with("alpha = 0.501", 2);
    assert_eq!(alphas(&fixed), [0.501, 0.501]);
    assert_eq!(ramp[0].loss, fixed[0].loss);
    assert_ne!(ramp[1].loss, fixed[1].loss);
}

#[test]
fn the_oracle_is_measured_every_so_many_epochs_and_trained_with() {
    let oracle = epochs_with("alpha_source = \"oracle-auc\"\nalpha_every = 2", 4);
    let found = alphas(&oracle);
    assert!(found.iter().all(|alpha| *alpha > 0.5 && *alpha < 1.0), "{found:?}");
    assert_eq!((found[0], found[2]), (found[1], found[3]), "kept between measurements");
    assert_ne!(found[0], found[2], "measured anew");
    let fixed = epochs_with("alpha = 0.55", 1);
    assert_ne!(oracle[0].loss, fixed[0].loss);
}

#[test]
fn the_self_estimate_is_trained_with_from_the_second_epoch_on() {
    let estimated = epochs_with("alpha_source = \"self-estimated\"", 2);
    let found = alphas(&estimated);
    assert!(found[0] == 0.5 && found[1] > 0.5 && found[1] < 1.0, "{found:?}");
    let fixed = epochs_with("alpha = 0.5", 2);
    assert_eq!(estimated[0].loss, fixed[0].loss);
    assert_ne!(estimated[1].loss, fixed[1].loss);
}
