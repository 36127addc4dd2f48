use super::*;
use std::fs;

struct Set {
    dir: tempfile::TempDir,
    files: Vec<EncodedFile>,
    place: CachePlace,
}

/// Two images in a folder of their own.
fn set() -> Set {
    let dir = tempfile::tempdir().unwrap();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/pictures");
    for name in ["rgb.png", "grey.jpg"] {
        fs::copy(fixtures.join(name), dir.path().join(name)).unwrap();
    }
    let place = CachePlace { dir: dir.path().to_owned(), name: "some.train".into() };
    let mut set = Set { dir, files: Vec::new(), place };
    set.list();
    set
}

impl Set {
    fn list(&mut self) {
        let file = |name| EncodedFile::new(self.dir.path().join(name)).unwrap();
        self.files = ["rgb.png", "grey.jpg"].map(file).to_vec();
    }

    /// The images, how many of them were decoded, and what was noted.
    fn load(&self) -> (Vec<Vec<u8>>, usize, Vec<String>) {
        let (mut steps, mut notes) = (0, Vec::new());
        let images = decoded(&self.place, &self.files, &mut |event| match event {
            Event::Step { done, total, .. } => {
                assert_eq!(total, 2);
                steps = done;
            }
            Event::Note(note) => notes.push(note.to_owned()),
        })
        .unwrap();
        assert_eq!((images.count(), images.size(0).unwrap()), (2, (19, 26)));
        ((0..2).map(|index| images.read(index).unwrap().into_owned()).collect(), steps, notes)
    }

    fn expected(&self) -> Vec<Vec<u8>> {
        self.files.iter().map(|file| file.decode().unwrap().pixels).collect()
    }

    fn names(&self) -> Vec<String> {
        let folder = fs::read_dir(self.dir.path().join(".cache")).unwrap();
        let mut names: Vec<String> =
            folder.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

#[test]
fn images_are_decoded_once() {
    let set = set();
    assert_eq!(set.load(), (set.expected(), 2, vec![]));
    assert_eq!(set.names(), ["some.train.images", "some.train.lock"]);
    assert_eq!(set.load(), (set.expected(), 0, vec![]));
}

#[test]
fn a_stale_cache_is_made_again() {
    let mut set = set();
    set.load();
    fs::copy(set.dir.path().join("rgb.png"), set.dir.path().join("grey.jpg")).unwrap();
    set.list();
    let (images, steps, notes) = set.load();
    assert_eq!((images, steps), (set.expected(), 2));
    assert!(
        notes[0].contains("expected the files that it was made from, got others: it is made again"),
        "{notes:?}"
    );
    set.files.swap(0, 1);
    assert_eq!(set.load(), (set.expected(), 2, notes), "another order");
}

#[test]
fn a_damaged_cache_is_made_again() {
    let set = set();
    set.load();
    let path = set.place.path();
    let whole = fs::read(&path).unwrap();
    let changed = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        bytes
    };
    for bytes in [
        vec![],
        b"garbage".to_vec(),
        whole[..whole.len() - 1].to_vec(),
        [&whole[..], &[0]].concat(),
        changed(3),
        changed(20),
        changed(44),
        changed(whole.len() - 5),
    ] {
        fs::write(&path, bytes).unwrap();
        let (images, steps, notes) = set.load();
        assert_eq!((images, steps, notes.len()), (set.expected(), 2, 1), "{notes:?}");
        assert_eq!(fs::read(&path).unwrap(), whole);
    }
    // Damaged pixels are found when the image is read.
    fs::write(&path, changed(500)).unwrap();
    let images = decoded(&set.place, &set.files, &mut |_| {}).unwrap();
    let message = images.read(0).unwrap_err().to_string();
    assert!(message.contains("some.train.images") && message.contains("image 0"), "{message}");
    assert!(images.read(1).is_ok());
}

#[test]
fn what_a_killed_process_left_does_no_harm() {
    let set = set();
    fs::create_dir(set.dir.path().join(".cache")).unwrap();
    fs::write(set.dir.path().join(".cache/some.train.images.partial"), "half").unwrap();
    assert_eq!(set.load(), (set.expected(), 2, vec![]));
    assert_eq!(set.names(), ["some.train.images", "some.train.lock"]);
}

#[test]
fn where_nothing_can_be_written_images_are_decoded_for_the_run() {
    let set = set();
    fs::write(set.dir.path().join(".cache"), "a file where the folder should be").unwrap();
    let (images, _, notes) = set.load();
    assert_eq!(images, set.expected());
    assert!(notes[0].contains(".cache cannot be written"), "{notes:?}");
    fs::remove_file(set.dir.path().join(".cache")).unwrap();
    fs::create_dir_all(set.dir.path().join(".cache/some.train.images.partial")).unwrap();
    assert!(set.load().2[0].contains("cannot be written"));
}

#[test]
fn a_damaged_image_is_named_and_leaves_no_cache() {
    let mut set = set();
    fs::write(set.dir.path().join("grey.jpg"), "no image").unwrap();
    set.list();
    let message = decoded(&set.place, &set.files, &mut |_| {}).unwrap_err().to_string();
    assert!(message.contains("grey.jpg: expected a JPEG, PNG or WebP image"), "{message}");
    assert_eq!(set.names(), ["some.train.lock"]);
    fs::remove_file(set.dir.path().join("grey.jpg")).unwrap();
    let message = decoded(&set.place, &set.files, &mut |_| {}).unwrap_err().to_string();
    assert!(message.contains("cannot read") && message.contains("grey.jpg"), "vanished: {message}");
}

#[test]
fn threads_that_start_together_agree() {
    let set = set();
    let made = std::sync::atomic::AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                let (images, steps, _) = set.load();
                assert_eq!(images, set.expected());
                made.fetch_add(usize::from(steps > 0), std::sync::atomic::Ordering::Relaxed);
            });
        }
    });
    assert_eq!(made.into_inner(), 1, "decoded by one of them");
}
