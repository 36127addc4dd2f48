//! Data sets from files: whole ones, and every way in which one can be broken.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

use bcl_data::{DataSet, Error, catalog};
use sha2::{Digest, Sha256};
use std::fs;
use std::path::Path;

const RECORD: usize = 1 + 3072;

/// A CIFAR-10 of a few records a file.
fn write_cifar(dir: &Path, records: usize) {
    let folder = dir.join("cifar-10-batches-bin");
    fs::create_dir_all(&folder).unwrap();
    for (number, name) in
        ["data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch"]
            .iter()
            .enumerate()
    {
        let bytes: Vec<u8> = (0..records)
            .flat_map(|i| std::iter::once((i % 10) as u8).chain(vec![number as u8; 3072]))
            .collect();
        fs::write(folder.join(format!("{name}.bin")), bytes).unwrap();
    }
}

fn load(dir: &Path) -> Result<DataSet, Error> {
    catalog::load("cifar10", dir)
}

#[test]
fn the_embedded_set_is_whole_and_balanced() {
    let data = catalog::load("fashion-mini", Path::new("nowhere")).unwrap();
    assert_eq!(
        (data.pretrain.len(), data.probe.images().len(), data.test.images().len()),
        (8000, 8000, 2000)
    );
    assert_eq!((data.pretrain.common_size(), data.classes()), (Some((28, 28)), 10));
    assert_eq!((&*data.class_names[0], &*data.class_names[9]), ("T-shirt", "ankle boot"));
    for (labels, each) in [(data.probe.labels(), 800), (data.test.labels(), 200)] {
        assert!((0..10).all(|class| labels.iter().filter(|&&label| label == class).count() == each));
    }
    let image = data.pretrain.image(0).unwrap();
    assert_eq!(image[..784], image[784..1568], "grey as RGB");
    // The stated statistics are those of the images.
    let pixels: Vec<f64> = (0..8000)
        .flat_map(|i| data.pretrain.image(i).unwrap()[..784].to_vec())
        .map(|p| f64::from(p) / 255.0)
        .collect();
    let mean = pixels.iter().sum::<f64>() / pixels.len() as f64;
    let std = (pixels.iter().map(|p| (p - mean).powi(2)).sum::<f64>() / pixels.len() as f64).sqrt();
    assert!((mean - f64::from(data.mean[0])).abs() < 1e-4 && (std - f64::from(data.std[0])).abs() < 1e-4);
}

#[test]
fn classes_have_names_by_label() {
    for entry in catalog::entries().iter().filter(|entry| entry.name != "tinyimagenet") {
        let mut names = entry.class_names.to_vec();
        assert_eq!(names.len(), entry.classes, "{}", entry.name);
        // All but Fashion-MNIST number their classes by the alphabet.
        assert!(names.is_sorted() || entry.name.starts_with("fashion"), "{}", entry.name);
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), entry.classes, "{}", entry.name);
    }
}

#[test]
fn the_embedded_files_have_the_stated_checksums() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/fashion-mini");
    let readme = fs::read_to_string(folder.join("README.md")).unwrap();
    let mut checked = 0;
    for line in readme.lines().filter(|line| line.contains(".gz |")) {
        let mut fields = line.split('|').map(str::trim).skip(1);
        let (name, stated) = (fields.next().unwrap(), fields.next().unwrap());
        let digest = Sha256::digest(fs::read(folder.join(name)).unwrap());
        assert_eq!(digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>(), stated, "{name}");
        checked += 1;
    }
    assert_eq!(checked, 4);
    assert!(
        catalog::verify("fashion-mini", Path::new(""))
            .unwrap()
            .files
            .iter()
            .all(|file| file.problem.is_none())
    );
}

#[test]
fn cifar_files_become_training_and_test_images() {
    let dir = tempfile::tempdir().unwrap();
    write_cifar(dir.path(), 12);
    let data = load(dir.path()).unwrap();
    assert_eq!((data.pretrain.len(), data.test.images().len()), (60, 12));
    assert_eq!(data.test.images().image(0).unwrap()[0], 5);
    assert_eq!(data.probe.labels()[..12], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]);
}

#[test]
fn idx_files_are_found_gzipped_or_not() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("fashion-mnist");
    fs::create_dir_all(&folder).unwrap();
    let images = [&[0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2][..], &[7, 8]].concat();
    let labels = [0, 0, 8, 1, 0, 0, 0, 1, 3];
    for prefix in ["train", "t10k"] {
        fs::write(folder.join(format!("{prefix}-images-idx3-ubyte")), &images).unwrap();
        fs::write(folder.join(format!("{prefix}-labels-idx1-ubyte")), labels).unwrap();
    }
    let data = catalog::load("fashion-mnist", dir.path()).unwrap();
    assert_eq!(*data.pretrain.image(0).unwrap(), [7, 8, 7, 8, 7, 8]);
    fs::write(folder.join("train-labels-idx1-ubyte"), [0, 0, 8, 1, 0, 0, 0, 2, 3, 4]).unwrap();
    let message = catalog::load("fashion-mnist", dir.path()).unwrap_err().to_string();
    assert!(
        message.contains("train-labels") && message.contains("1 labels") && message.contains("got 2"),
        "{message}"
    );
}

#[test]
fn what_is_missing_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let message = load(dir.path()).unwrap_err().to_string();
    assert!(message.contains("cifar-10-batches-bin") && message.contains("data_batch_3.bin"), "{message}");
    write_cifar(dir.path(), 1);
    fs::remove_file(dir.path().join("cifar-10-batches-bin/test_batch.bin")).unwrap();
    assert_eq!(catalog::locate("cifar10", dir.path()).missing, ["test_batch.bin"]);
    assert!(load(dir.path()).unwrap_err().to_string().ends_with(": test_batch.bin"));
    assert!(matches!(catalog::load("imagenet", dir.path()), Err(Error::Unknown { .. })));
    assert!(matches!(catalog::load("tinyimagenet", dir.path()), Err(Error::Missing { .. })));
}

#[test]
fn what_is_damaged_is_named_with_expected_and_got() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cifar-10-batches-bin/data_batch_2.bin");
    for (bytes, expected) in [
        (vec![0; RECORD - 1], "3072 bytes"),
        (vec![0; RECORD + 1], "3074 bytes"),
        (vec![], "0 bytes"),
        (vec![200; RECORD], "labels below 10, got 200 in record 0"),
    ] {
        write_cifar(dir.path(), 1);
        fs::write(&path, bytes).unwrap();
        let message = load(dir.path()).unwrap_err().to_string();
        assert!(message.contains("data_batch_2.bin") && message.contains(expected), "{message}");
        let report = catalog::verify("cifar10", dir.path()).unwrap();
        assert!(report.files[1].problem.is_some());
    }
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert!(load(dir.path()).unwrap_err().to_string().contains("got a folder"));
}

#[cfg(unix)]
#[test]
fn special_and_unreadable_files_are_refused() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let dir = tempfile::tempdir().unwrap();
    write_cifar(dir.path(), 1);
    let path = dir.path().join("cifar-10-batches-bin/data_batch_1.bin");
    fs::remove_file(&path).unwrap();
    symlink("/dev/zero", &path).unwrap();
    assert!(load(dir.path()).unwrap_err().to_string().contains("got a special file"));
    fs::remove_file(&path).unwrap();
    fs::write(&path, [0; RECORD]).unwrap();
    // A folder that cannot be looked into is not said to be missing.
    let folder = dir.path().join("cifar-100-binary");
    symlink(&folder, &folder).unwrap();
    let location = catalog::locate("cifar100", dir.path());
    assert!(location.describe().contains("cannot read") && !location.is_present(), "{location:?}");
    let message = catalog::load("cifar100", dir.path()).unwrap_err().to_string();
    assert!(message.contains("cannot read") && message.contains("train.bin"), "{message}");
    let report = catalog::verify("cifar100", dir.path()).unwrap();
    assert!(report.files.len() == 1 && report.files[0].describe().contains("cannot read"));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
    // The superuser reads everything.
    if fs::read(&path).is_err() {
        assert!(load(dir.path()).unwrap_err().to_string().contains("data_batch_1.bin"));
    }
}

#[test]
fn stl10_trains_on_unlabeled_images_too() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("stl10_binary");
    std::fs::create_dir(&folder).unwrap();
    let image = |level: u8| -> Vec<u8> {
        let mut bytes = vec![level; 3 * 96 * 96];
        bytes[1] = 200; // second row of the first column: planes lie column by column
        bytes
    };
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.join(name), bytes).unwrap();
    write("train_X.bin", &[image(1), image(2)].concat());
    write("train_y.bin", &[10, 1]);
    write("test_X.bin", &image(3));
    write("test_y.bin", &[5]);
    write("unlabeled_X.bin", &[image(4), image(5), image(6)].concat());
    let data = catalog::load("stl10", dir.path()).unwrap();
    assert_eq!((data.pretrain.len(), data.pretrain.labels()), (5, None));
    assert_eq!(data.probe.labels(), [9, 0]);
    assert_eq!((data.test.labels(), data.folds.len()), (&[4][..], 0));
    let last = data.pretrain.image(4).unwrap();
    assert_eq!((last[0], last[1], last[96]), (6, 6, 200));

    write("fold_indices.txt", "1 \n".repeat(10).as_bytes());
    let data = catalog::load("stl10", dir.path()).unwrap();
    assert_eq!(data.probe.select(&data.folds[9]).unwrap().labels(), [0]);
    let report = catalog::verify("stl10", dir.path()).unwrap();
    assert_eq!(report.files[5].describe(), "10 folds of 1 images");
    write("fold_indices.txt", b"2");
    assert!(catalog::load("stl10", dir.path()).unwrap_err().to_string().contains("fold_indices.txt"));
    assert!(catalog::verify("stl10", dir.path()).unwrap().files[5].problem.is_some());
    write("fold_indices.txt", "1 \n".repeat(10).as_bytes());
    let problem = report.files[0].describe();
    assert!(problem.contains("expected 5000 images, got 2 images"), "{problem}");
    write("train_y.bin", &[11, 1]);
    assert!(catalog::load("stl10", dir.path()).unwrap_err().to_string().contains("11 at position 0"));
    write("test_X.bin", &image(3)[..100]);
    let cut = catalog::load("stl10", dir.path()).unwrap_err().to_string();
    assert!(cut.contains("test_X.bin") || cut.contains("train_y.bin"), "{cut}");
}
