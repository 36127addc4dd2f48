//! Data sets of image files: TinyImageNet and folders, whole ones and broken ones.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

use bcl_data::{Event, LoaderConfig, MadeBy, Policy, ViewLoader, catalog};
use std::fs;
use std::path::{Path, PathBuf};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/pictures").join(name)
}

/// Copies a fixture to `path` below `dir`.
fn put(dir: &Path, name: &str, path: &str) {
    let to = dir.join(path);
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    fs::copy(fixture(name), to).unwrap();
}

/// A grey PNG of one level and any size.
fn put_grey(dir: &Path, path: &str, (height, width): (u32, u32), level: u8) {
    let to = dir.join(path);
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    let mut encoder = png::Encoder::new(fs::File::create(to).unwrap(), width, height);
    encoder.set_color(png::ColorType::Grayscale);
    let pixels = vec![level; (height * width) as usize];
    encoder.write_header().unwrap().write_image_data(&pixels).unwrap();
}

/// Two classes, images of several sizes and kinds.
fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path();
    put_grey(at, "pets/train/dog/10.png", (20, 31), 10);
    put_grey(at, "pets/train/dog/9.PNG", (8, 9), 20);
    put(at, "rgb.jpg", "pets/train/cat/b/1.jpeg");
    put(at, "lossy.webp", "pets/train/cat/a/2.webp");
    put(at, "cmyk.jpg", "pets/train/cat/z.jpg");
    put_grey(at, "pets/val/cat/1.png", (5, 5), 30);
    put_grey(at, "pets/val/dog/2.png", (6, 5), 40);
    fs::write(at.join("pets/train/cat/.DS_Store"), "hidden").unwrap();
    fs::write(at.join("pets/train/cat/notes.txt"), "no image").unwrap();
    dir
}

fn load_error(name: &str, dir: &Path) -> String {
    catalog::load(name, dir).unwrap_err().to_string()
}

#[test]
fn a_folder_is_read_as_image_folder_reads_it() {
    let dir = folder();
    let data = catalog::load("folder:pets", dir.path()).unwrap();
    assert_eq!(
        (data.classes(), data.probe.labels(), data.test.labels()),
        (2, &[0, 0, 0, 1, 1][..], &[0, 1][..])
    );
    assert_eq!(data.class_names, ["cat", "dog"]);
    // By folder, then by name: cat/z.jpg, cat/a/2.webp, cat/b/1.jpeg, dog/10.png, dog/9.PNG.
    let sizes: Vec<_> = (0..5).map(|index| data.pretrain.size(index).unwrap()).collect();
    assert_eq!(sizes, [(19, 26), (19, 26), (19, 26), (20, 31), (8, 9)]);
    assert_eq!((data.pretrain.common_size(), data.test.images().image(1).unwrap()[89]), (None, 40));
    assert_eq!(data.pretrain.image(4).unwrap().len(), 3 * 8 * 9);
    assert_eq!(catalog::classes("folder:pets", dir.path()).unwrap(), 2);
    assert!(catalog::names(dir.path()).contains(&"folder:pets".to_owned()));
    assert!(catalog::locate("folder:pets", dir.path()).is_present());
    assert!(dir.path().join(".cache/folder.pets.train.images").is_file());
}

#[test]
fn unlabeled_images_are_pretrained_on() {
    let dir = folder();
    put_grey(dir.path(), "pets/unlabeled/deep/er/1.png", (7, 7), 50);
    let data = catalog::load("folder:pets", dir.path()).unwrap();
    assert_eq!((data.pretrain.len(), data.pretrain.labels(), data.probe.labels().len()), (6, None, 5));
    assert_eq!((data.pretrain.size(5).unwrap(), data.pretrain.image(5).unwrap()[0]), ((7, 7), 50));
}

#[test]
fn views_of_images_of_many_sizes_depend_on_no_thread_or_batch() {
    let dir = folder();
    let set = catalog::load("folder:pets", dir.path()).unwrap().pretrain;
    let views = |config: LoaderConfig| {
        let mut found = std::collections::BTreeMap::new();
        for batch in ViewLoader::new(set.clone(), vec![Policy::published(16); 2], config).unwrap() {
            let batch = batch.unwrap();
            for (row, &index) in batch.indices.iter().enumerate() {
                let view = batch.views[1].get(row as i64).flatten(0, -1);
                found.insert(index, Vec::<f32>::try_from(view).unwrap());
            }
        }
        found
    };
    let base = LoaderConfig { drop_last: false, ..LoaderConfig::training(2, 3, 0, 1) };
    let wanted = views(base);
    assert_eq!(wanted.len(), 5);
    for other in [
        LoaderConfig { threads: 3, ..base },
        LoaderConfig { batch: 5, ..base },
        LoaderConfig { batch: 4, made_by: MadeBy::Device, ..base },
    ] {
        assert_eq!(views(other), wanted);
    }
}

#[test]
fn what_is_wrong_with_a_folder_is_named() {
    for name in ["folder:", "folder:..", "folder:/etc", "folder:a/../../b"] {
        assert!(
            load_error(name, Path::new("data")).contains("NAME a folder below the data folder"),
            "{name}"
        );
    }
    let dir = folder();
    let at = dir.path();
    let pets = at.join("pets");
    assert!(load_error("folder:none", at).contains("folder:none: not found in"));
    assert!(catalog::classes("folder:none", at).unwrap_err().to_string().contains("none/train"));
    assert_eq!(catalog::locate("folder:none", at).missing, ["train/CLASS", "test/CLASS or val/CLASS"]);
    let verified = catalog::verify("folder:pets", at).unwrap();
    assert_eq!(
        verified.files[0].describe(),
        "5 whole images of 8 x 9 to 20 x 31; 2 to 3 of each of 2 classes"
    );

    fs::write(pets.join("train/dog/10.png"), "garbage").unwrap();
    assert!(load_error("folder:pets", at).contains("10.png: expected a JPEG, PNG or WebP image"));
    let verified = catalog::verify("folder:pets", at).unwrap();
    let wrong: Vec<_> = verified.files.iter().filter(|file| file.problem.is_some()).collect();
    assert!(wrong.len() == 1 && wrong[0].path.ends_with("dog/10.png"), "{wrong:?}");
    fs::write(pets.join("train/dog/10.png"), &fs::read(fixture("rgb.jpg")).unwrap()[..800]).unwrap();
    assert!(load_error("folder:pets", at).contains("without an end"), "truncated");
    fs::remove_file(pets.join("train/dog/10.png")).unwrap();

    fs::write(pets.join("train/dog/1.bmp"), "BM").unwrap();
    assert!(
        load_error("folder:pets", at).contains("1.bmp: expected JPEG, PNG or WebP images, got a .bmp file")
    );
    fs::remove_file(pets.join("train/dog/1.bmp")).unwrap();
    fs::create_dir(pets.join("train/bird")).unwrap();
    assert!(load_error("folder:pets", at).contains("bird: expected JPEG, PNG or WebP images, got none"));
    fs::remove_dir(pets.join("train/bird")).unwrap();
    fs::create_dir(pets.join("val/bird")).unwrap();
    assert!(load_error("folder:pets", at).contains("bird: expected one of the 2 classes in train"));
    fs::remove_dir_all(pets.join("val")).unwrap();
    assert!(load_error("folder:pets", at).contains("test or val"));
    assert!(!catalog::names(at).contains(&"folder:pets".to_owned()));
}

#[cfg(unix)]
#[test]
fn special_files_and_circles_are_refused() {
    use std::os::unix::fs::symlink;
    let dir = folder();
    let dog = dir.path().join("pets/train/dog");
    symlink("/dev/zero", dog.join("a.png")).unwrap();
    assert!(load_error("folder:pets", dir.path()).contains("a.png: expected an image file"));
    fs::remove_file(dog.join("a.png")).unwrap();
    let made = std::process::Command::new("mkfifo").arg(dog.join("b.png")).status();
    if made.is_ok_and(|status| status.success()) {
        assert!(load_error("folder:pets", dir.path()).contains("b.png: expected an image file"));
        fs::remove_file(dog.join("b.png")).unwrap();
    }
    symlink(dir.path().join("nowhere"), dog.join("c.png")).unwrap();
    assert!(load_error("folder:pets", dir.path()).contains("cannot read"));
    fs::remove_file(dog.join("c.png")).unwrap();
    let test = dir.path().join("pets/val/dog");
    fs::remove_dir_all(&test).unwrap();
    symlink(&test, &test).unwrap();
    let message = load_error("folder:pets", dir.path());
    assert!(message.contains("cannot read") && message.contains("val/dog"), "not left out: {message}");
    symlink(&dog, dog.join("again")).unwrap();
    assert!(load_error("folder:pets", dir.path()).contains("at most 32 deep"));
}

/// TinyImageNet with an image a class.
fn tiny() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("tiny-imagenet-200");
    // Not in their order, as in the real file.
    let wnids: Vec<String> = (0..200).map(|class| format!("n{:08}", (class * 7 + 3) % 200)).collect();
    for wnid in &wnids {
        let level = wnid[1..].parse().unwrap();
        put_grey(&root, &format!("train/{wnid}/images/{wnid}_0.JPEG.png"), (64, 64), level);
        fs::rename(
            root.join(format!("train/{wnid}/images/{wnid}_0.JPEG.png")),
            root.join(format!("train/{wnid}/images/{wnid}_0.JPEG")),
        )
        .unwrap();
        fs::write(root.join(format!("train/{wnid}/{wnid}_boxes.txt")), "a_0.JPEG\t0\t0\t1\t1\n").unwrap();
    }
    fs::write(root.join("wnids.txt"), wnids.join("\n") + "\n").unwrap();
    put(&root, "grey.jpg", "val/images/val_0.JPEG");
    put(&root, "rgb.jpg", "val/images/val_1.JPEG");
    let lines = "val_0.JPEG\tn00000199\t0\t32\t44\t62\nval_1.JPEG\tn00000000\t0\t0\t63\t63\n";
    fs::write(root.join("val/val_annotations.txt"), lines).unwrap();
    dir
}

#[test]
fn tinyimagenet_is_read_and_decoded_once() {
    let dir = tiny();
    let load = || {
        let mut steps = Vec::new();
        let data = catalog::load_with("tinyimagenet", dir.path(), &mut |event| {
            if let Event::Step { what, done, total } = event {
                steps.push((what.to_owned(), done == total));
            }
        });
        (data.unwrap(), steps)
    };
    let (data, steps) = load();
    assert_eq!(data.probe.labels(), (0..200).collect::<Vec<u16>>());
    assert_eq!((data.classes(), data.test.labels()), (200, &[199, 0][..]));
    assert_eq!(data.pretrain.common_size(), Some((64, 64)));
    for index in [0, 77, 199] {
        assert_eq!(data.pretrain.image(index).unwrap()[..], [index as u8; 3 * 64 * 64]);
    }
    let grey = data.test.images().image(0).unwrap();
    assert_eq!(grey[..494], grey[494..988], "grey as RGB");
    assert!(steps.contains(&("decoding tinyimagenet.train".to_owned(), true)));
    let (again, steps) = load();
    assert!(steps.is_empty(), "{steps:?}");
    assert_eq!(again.pretrain.image(77).unwrap(), data.pretrain.image(77).unwrap());
    let report = catalog::verify("tinyimagenet", dir.path()).unwrap();
    let told: Vec<String> = report.files.iter().map(|file| file.describe()).collect();
    assert_eq!(told[..2], ["200 classes", "labels of 2 images"]);
    assert_eq!(told[2], "200 whole images of 64 x 64; 1 of each of 200 classes");
}

#[test]
fn what_is_wrong_with_tinyimagenet_is_named() {
    let dir = tiny();
    let root = dir.path().join("tiny-imagenet-200");
    let annotations = root.join("val/val_annotations.txt");
    let lines = fs::read(&annotations).unwrap();
    fs::write(&annotations, "val_0.JPEG\tn0000").unwrap();
    assert!(
        load_error("tinyimagenet", dir.path()).contains("val_annotations.txt: expected a file name, a tab")
    );
    assert!(catalog::verify("tinyimagenet", dir.path()).unwrap().files[1].problem.is_some());
    fs::write(&annotations, "val_7.JPEG\tn00000000").unwrap();
    assert!(load_error("tinyimagenet", dir.path()).contains("val_7.JPEG"), "a vanished image");
    fs::write(&annotations, lines).unwrap();
    fs::remove_dir_all(root.join("train/n00000005")).unwrap();
    assert!(load_error("tinyimagenet", dir.path()).contains("n00000005"));
    fs::write(root.join("wnids.txt"), "n00000001\n").unwrap();
    assert!(load_error("tinyimagenet", dir.path()).contains("wnids.txt: expected 200 classes, got 1"));
    fs::remove_file(root.join("wnids.txt")).unwrap();
    assert!(load_error("tinyimagenet", dir.path()).contains("not found in"));
    assert_eq!(catalog::locate("tinyimagenet", dir.path()).missing, ["wnids.txt"]);
}
