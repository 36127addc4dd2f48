//! The loader: the same views whatever the threads, the batch size and the order; clean ends.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

#[path = "../../bcl-core/tests/common/device.rs"]
mod device;

use bcl_data::{ImageSet, LoaderConfig, MadeBy, Policy, ViewLoader};
use device::device;
use std::collections::BTreeMap;
use tch::{Device, Kind};

fn images(count: usize) -> ImageSet {
    let pixels = (0..count * 3 * 12 * 10).map(|i| (i * 31 % 251) as u8).collect();
    let labels = (0..count).map(|i| (i % 4) as u16).collect();
    ImageSet::new(pixels, Some(labels), 12, 10).unwrap()
}

/// Two views by the published policy.
fn pair(size: usize) -> Vec<Policy> {
    vec![Policy::published(size); 2]
}

/// Every view by image.
type Found = BTreeMap<u32, Vec<Vec<f32>>>;

fn views(config: LoaderConfig) -> Found {
    views_of(images(23), pair(16), config)
}

fn views_of(set: ImageSet, policies: Vec<Policy>, config: LoaderConfig) -> Found {
    let mut found = BTreeMap::new();
    for batch in ViewLoader::new(set, policies, config).unwrap() {
        let batch = batch.unwrap();
        for (row, &index) in batch.indices.iter().enumerate() {
            let rows = batch
                .views
                .iter()
                .map(|view| Vec::<f32>::try_from(view.get(row as i64).flatten(0, -1)).unwrap());
            assert!(found.insert(index, rows.collect()).is_none(), "image {index} twice");
            if let Some(labels) = &batch.labels {
                assert_eq!(labels[row], i64::from(index % 4));
            }
        }
    }
    found
}

#[test]
fn views_depend_on_seed_epoch_image_and_view_alone() {
    let base = LoaderConfig { drop_last: false, ..LoaderConfig::training(4, 5, 2, 1) };
    let wanted = views(base);
    assert_eq!(wanted.len(), 23);
    for other in [
        LoaderConfig { threads: 3, ..base },
        LoaderConfig { batch: 7, ..base },
        LoaderConfig { shuffle: false, ..base },
        LoaderConfig { prefetch: 9, ..base },
        LoaderConfig { made_by: MadeBy::Device, ..base },
        LoaderConfig { made_by: MadeBy::Device, batch: 23, threads: 3, shuffle: false, ..base },
    ] {
        assert_eq!(views(other), wanted, "{other:?}");
    }
    if let device @ Device::Cuda(_) = device() {
        assert_eq!(views(LoaderConfig { device, ..base }), wanted, "copied");
        for (index, found) in views(LoaderConfig { device, made_by: MadeBy::Device, ..base }) {
            for (found, wanted) in found.iter().flatten().zip(wanted[&index].iter().flatten()) {
                assert!((found - wanted).abs() < 0.05, "2 of 255 levels, normalised");
            }
        }
    }
    let first = &wanted[&0];
    assert_ne!(first[0], first[1], "the two views");
    for other in [LoaderConfig { seed: 6, ..base }, LoaderConfig { epoch: 3, ..base }] {
        assert_ne!(views(other)[&0], *first);
    }
}

#[test]
fn other_images_and_other_views_change_no_view() {
    let base = LoaderConfig { drop_last: false, ..LoaderConfig::training(4, 5, 2, 1) };
    let wanted = views(base);
    // Fewer images: the same ones at the same places.
    let bytes = (0..9).flat_map(|index| images(23).image(index).unwrap().to_vec()).collect();
    let fewer = ImageSet::new(bytes, None, 12, 10).unwrap();
    let found = views_of(fewer, pair(16), LoaderConfig { batch: 3, ..base });
    assert_eq!(found.len(), 9);
    assert!(found.iter().all(|(index, views)| *views == wanted[index]));
    // Views of another size and list beside them, on either path.
    for made_by in [MadeBy::Threads, MadeBy::Device] {
        let mut policies = pair(16);
        policies.extend([Policy::plain(8), Policy::published(12)]);
        let found = views_of(images(23), policies, LoaderConfig { made_by, ..base });
        for (index, views) in &found {
            assert_eq!(views.iter().map(Vec::len).collect::<Vec<_>>(), [768, 768, 192, 432]);
            assert_eq!(views[..2], wanted[index]);
        }
        assert_ne!(found[&0][3], found[&1][3]);
    }
}

/// Which images a loader's batches have, and the first value of each view.
fn seen(batches: impl Iterator<Item = bcl_data::Result<bcl_data::ViewBatch>>) -> Vec<(Vec<u32>, Vec<f64>)> {
    let first = |view: &tch::Tensor| view.flatten(0, -1).double_value(&[0]);
    batches
        .map(|batch| batch.unwrap())
        .map(|batch| (batch.indices.clone(), batch.views.iter().map(first).collect()))
        .collect()
}

#[test]
fn epochs_follow_one_another_and_may_begin_in_the_middle() {
    let loader = |config| ViewLoader::new(images(23), pair(16), config).unwrap();
    let config = |epoch| LoaderConfig::training(5, 7, epoch, 2);
    let apart: Vec<_> = (3..6).map(|epoch| seen(loader(config(epoch)))).collect();
    assert_ne!(apart[0], apart[1]);
    let mut together = loader(LoaderConfig { epochs: 3, first: 1, ..config(3) });
    assert_eq!((together.epoch(), together.len(), together.batches()), (3, 3, 4));
    assert_eq!(seen(together.by_ref()), apart[0][1..]);
    assert!(together.next().is_none(), "an epoch's end is an end until the next one is begun");
    assert!(together.next_epoch());
    assert_eq!((together.epoch(), together.len()), (4, 4));
    assert_eq!(seen(together.by_ref().take(2)), apart[1][..2]);
    assert!(together.next_epoch(), "what is left of an epoch is passed over");
    assert_eq!(seen(together.by_ref()), apart[2]);
    assert!(!together.next_epoch());
    assert!(together.next().is_none());
    for nothing in [LoaderConfig { epochs: 0, ..config(3) }, LoaderConfig { first: 9, ..config(3) }] {
        let mut nothing = loader(nothing);
        assert!(nothing.next().is_none() && !nothing.next_epoch());
    }
}

#[test]
fn images_too_large_for_a_device_are_augmented_before_they_go_there() {
    let side = 10_000; // 300 MB
    let large = ImageSet::new(vec![99; 3 * side * side], None, side, side).unwrap();
    let config = LoaderConfig::evaluation(1, 1);
    let here = views_of(large.clone(), pair(16), config);
    assert_eq!(views_of(large, pair(16), LoaderConfig { made_by: MadeBy::Device, ..config }), here);
}

#[test]
fn shapes_and_counts_are_as_told() {
    let loader = ViewLoader::new(images(23), pair(16), LoaderConfig::training(5, 0, 0, 2)).unwrap();
    assert_eq!((loader.batches(), loader.len()), (4, 4));
    let batches: Vec<_> = loader.map(Result::unwrap).collect();
    assert_eq!(batches.len(), 4);
    assert!(batches.iter().all(|batch| batch.views.iter().all(|view| view.size() == [5, 3, 16, 16])));
    let evaluation =
        ViewLoader::new(images(23), vec![Policy::plain(16)], LoaderConfig::evaluation(5, 1)).unwrap();
    let sizes: Vec<usize> = evaluation.map(|batch| batch.unwrap().indices.len()).collect();
    assert_eq!(sizes, [5, 5, 5, 5, 3]);
    let small =
        ViewLoader::new(images(3), vec![Policy::plain(16)], LoaderConfig::training(5, 0, 0, 1)).unwrap();
    assert_eq!(small.count(), 0);
}

#[test]
fn plain_views_are_the_normalised_images() {
    let set = images(2);
    let policy = Policy { mean: [0.5; 3], std: [0.25; 3], ..Policy::plain(10) };
    let square = ImageSet::new(set.image(0).unwrap()[..300].to_vec(), None, 10, 10).unwrap();
    let batch = ViewLoader::new(square.clone(), vec![policy], LoaderConfig::evaluation(1, 1))
        .unwrap()
        .next()
        .unwrap()
        .unwrap();
    let values = Vec::<f32>::try_from(batch.views[0].flatten(0, -1)).unwrap();
    for (value, &pixel) in values.iter().zip(square.image(0).unwrap().iter()) {
        assert!((value - (f32::from(pixel) / 255.0 - 0.5) / 0.25).abs() < 1e-5);
    }
    assert!(batch.labels.is_none());
}

#[test]
fn dropping_a_loader_ends_its_threads() {
    let mut loader = ViewLoader::new(images(23), pair(16), LoaderConfig::training(2, 0, 0, 2)).unwrap();
    let _ = loader.next().unwrap().unwrap();
    drop(loader); // hangs, if it does not
}

#[test]
fn bad_numbers_are_refused() {
    let config = LoaderConfig::training(4, 0, 0, 1);
    let refused = |policy, config| ViewLoader::new(images(4), vec![policy], config).unwrap_err().to_string();
    assert!(refused(Policy::published(16), LoaderConfig { batch: 0, ..config }).contains("batch"));
    assert!(refused(Policy::published(16), LoaderConfig { threads: 0, ..config }).contains("threads"));
    assert!(refused(Policy { size: 0, ..Policy::published(16) }, config).contains("size"));
    let no_view = ViewLoader::new(images(4), vec![], config).unwrap_err().to_string();
    assert!(no_view.contains("views: expected at least 1, got 0"), "{no_view}");
}

#[test]
fn views_come_in_the_layout_and_type_that_are_asked_for() {
    use bcl_data::{Layout, ViewKind};
    let batch = |layout, kind, made_by| {
        let config = LoaderConfig { layout, kind, made_by, ..LoaderConfig::training(4, 1, 0, 2) };
        ViewLoader::new(images(9), pair(8), config).unwrap().next().unwrap().unwrap()
    };
    let planes = batch(Layout::Planes, ViewKind::F32, MadeBy::Threads);
    let layouts = [Layout::Planes, Layout::ChannelsLast];
    let kinds = [ViewKind::F32, ViewKind::Bf16];
    let makers = [MadeBy::Threads, MadeBy::Device];
    for (layout, kind, made_by) in layouts
        .into_iter()
        .flat_map(|layout| kinds.map(|kind| makers.map(|made_by| (layout, kind, made_by))))
        .flatten()
    {
        let other = batch(layout, kind, made_by);
        assert_eq!(other.indices, planes.indices);
        for (view, expected) in other.views.iter().zip(&planes.views) {
            let wanted = if kind == ViewKind::Bf16 { Kind::BFloat16 } else { Kind::Float };
            assert_eq!((view.kind(), view.size()), (wanted, expected.size()));
            assert_eq!(view.stride()[1] == 1, layout == Layout::ChannelsLast);
            let rounded = expected.to_kind(wanted);
            assert!(view.to_kind(Kind::Float).allclose(&rounded.to_kind(Kind::Float), 0.0, 0.0, false));
        }
    }
}
