//! Data sets of one's own from outside: a folder is listed, verified, trained on and scored; STL-10's folds are used.
#![allow(missing_docs, reason = "a test")]

mod common;

use common::{TINY, refused, run, stderr, succeeded};
use std::fs;
use std::path::Path;

/// Two classes of images of 19 x 26 in data/pets.
fn pets(folder: &Path) {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../bcl-data/tests/fixtures/pictures");
    let images =
        [("cat", ["rgb.png", "rgb.jpg", "lossy.webp"]), ("dog", ["grey.jpg", "sixteen.png", "bits.png"])];
    for split in ["train", "val"] {
        for (class, names) in images {
            let to = folder.join("data/pets").join(split).join(class);
            fs::create_dir_all(&to).unwrap();
            for name in names {
                fs::copy(fixtures.join(name), to.join(name)).unwrap();
            }
        }
    }
}

/// A sweep over the folder.
fn sweep(folder: &Path) {
    let text = TINY
        .replace("\"fashion-mini\"\npretrain_images = 256", "\"folder:pets\"\nmean = [0.5, 0.5, 0.5]")
        .replace("batch_pairs = 64", "batch_pairs = 4")
        .replace("knn_k = 20", "knn_k = 2")
        .replace("width = 4", "width = 8")
        .replace("auc_anchors = 64", "auc_anchors = 6")
        .replace("\"SimCLR\", \"HCL\", \"BCL\"", "\"DCL\"");
    fs::write(folder.join("pets.toml"), text).unwrap();
}

#[test]
fn a_folder_is_listed_verified_trained_on_and_scored() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    pets(at);
    sweep(at);
    let list = succeeded(&run(at, &["data", "list"]));
    assert!(list.contains("folder:pets       2 classes  in data/pets"), "{list}");
    let verified = succeeded(&run(at, &["data", "verify", "folder:pets"]));
    assert!(verified.contains("6 whole images of 19 x 26; 3 of each of 2 classes"), "{verified}");
    let first = run(at, &["--grid", "pets.toml", "--threads", "1"]);
    succeeded(&first);
    assert!(at.join("data/.cache/folder.pets.train.images").is_file());
    let mut rows = csv::Reader::from_path(at.join("results/tiny/cells.csv")).unwrap();
    let headers = rows.headers().unwrap().clone();
    let row = rows.records().next().unwrap().unwrap();
    let field = |name: &str| &row[headers.iter().position(|header| header == name).unwrap()];
    assert_eq!((field("dataset"), field("tau_plus"), field("status")), ("folder:pets", "0.5", "ok"));
    assert_eq!(field("pretrain_images"), "6");

    let checkpoint = format!("runs/{}/step-00000002.safetensors", field("run_id"));
    let scored = succeeded(&run(at, &["eval", "knn", &checkpoint, "--k", "2"]));
    assert!(scored.contains(" on folder:pets\n") && scored.contains("\ncat           3 "), "{scored}");
    assert!(
        refused(at, &["eval", "knn", &checkpoint, "--k", "2", "--folds"])
            .contains("--folds: folder:pets has none")
    );
    stl10(at);
    for (score, flag) in
        [("knn", "--k=1"), ("linear", "--protocol=cached"), ("linear", "--protocol=published")]
    {
        let mut args =
            vec!["eval", score, &checkpoint, "--dataset", "stl10", "--folds", flag, "--out", "x.json"];
        if flag == "--protocol=published" {
            args.push("--epochs=1");
        }
        let text = succeeded(&run(at, &args));
        assert!(text.contains("mean of 10 folds\n") && text.contains("\nairplane         2 "), "{text}");
        let json: serde_json::Value =
            serde_json::from_str(&fs::read_to_string(at.join("x.json")).unwrap()).unwrap();
        if flag == "--protocol=published" {
            assert_eq!(json["settings"]["learning_rate"], 1e-2, "the authors' on STL-10");
        }
        let folds: Vec<f64> =
            json["top1_of_folds"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect();
        assert_eq!(folds.len(), 10);
        assert!((folds.iter().sum::<f64>() / 10.0 - json["top1"].as_f64().unwrap()).abs() < 1e-9);
    }
}

#[test]
fn a_preview_tells_the_names_of_the_classes() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    pets(at);
    let sheet = || {
        succeeded(&run(at, &["data", "preview", "folder:pets"]));
        fs::read(at.join("preview.png")).unwrap()
    };
    let rename = |from: &str, to: &str| {
        for split in ["train", "val"] {
            let class = |name| at.join("data/pets").join(split).join(name);
            fs::rename(class(from), class(to)).unwrap();
        }
    };
    let cats = sheet();
    rename("cat", "cow");
    assert!(sheet() != cats, "the same images in the same order under another name");
    rename("cow", "cat");
    assert!(sheet() == cats);
}

/// An STL-10 of a few images, with folds.
fn stl10(folder: &Path) {
    let to = folder.join("data/stl10_binary");
    fs::create_dir_all(&to).unwrap();
    for (name, images) in [("train_X", 4), ("test_X", 4), ("unlabeled_X", 1)] {
        let pixels: Vec<u8> = (0..images * 3 * 96 * 96).map(|at| (at / 9216 * 20) as u8).collect();
        fs::write(to.join(format!("{name}.bin")), pixels).unwrap();
    }
    fs::write(to.join("train_y.bin"), [1, 2, 1, 2]).unwrap();
    fs::write(to.join("test_y.bin"), [1, 2, 1, 2]).unwrap();
    fs::write(to.join("fold_indices.txt"), "0 1 \n2 3 \n".repeat(5)).unwrap();
}

#[test]
fn what_is_wrong_with_a_folder_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    sweep(at);
    assert!(refused(at, &["--grid", "pets.toml"]).contains("pets/train"));
    assert!(refused(at, &["train", "--dataset", "folder:../up"]).contains("a folder below the data folder"));
    pets(at);
    let image = at.join("data/pets/train/dog/bits.png");
    fs::write(&image, "no image").unwrap();
    assert!(refused(at, &["--grid", "pets.toml"]).contains("bits.png: expected a JPEG, PNG or WebP image"));
    let verified = run(at, &["data", "verify", "folder:pets"]);
    assert!(stderr(&verified).contains("1 file(s) are missing or damaged"));
    assert!(common::stdout(&verified).contains("WRONG data/pets/train/dog/bits.png"));
    for (from, to) in
        [("[0.5, 0.5, 0.5]", "[0.5, nan, 0.5]"), ("mean = [0.5, 0.5, 0.5]", "std = [1.0, 0.0, 1.0]")]
    {
        let text = fs::read_to_string(at.join("pets.toml")).unwrap().replace(from, to);
        fs::write(at.join("other.toml"), text).unwrap();
        assert!(refused(at, &["--grid", "other.toml"]).contains("numbers, got Some("));
    }
}
