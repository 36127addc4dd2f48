//! What is known of each data set.

use super::class_names;
use crate::error::{Error, Result};
use crate::image_set::CHANNELS;

/// One data set.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// As on the command line.
    pub name: &'static str,
    /// Number of classes; 1 / classes is the natural class prior tau+.
    pub classes: usize,
    /// Names of the classes by label; empty where a file of the data set has them.
    pub class_names: &'static [&'static str],
    /// Folder of the files below the data folder; empty for the embedded set.
    pub folder: &'static str,
    /// The files.
    pub files: &'static [FileSpec],
    /// Channel means of pixels in [0, 1], for normalisation.
    pub mean: [f32; CHANNELS],
    /// Channel standard deviations.
    pub std: [f32; CHANNELS],
    /// Where it comes from.
    pub home: &'static str,
}

/// One file of a data set, or a folder of its images.
#[derive(Debug, Clone, Copy)]
pub struct FileSpec {
    /// Name in the folder; for idx files the name without `.gz`, with which it is found too.
    pub name: &'static str,
    /// Size of the unpacked file, bytes; `None` where it is not fixed.
    pub bytes: Option<u64>,
}

const fn file(name: &'static str, bytes: u64) -> FileSpec {
    FileSpec { name, bytes: Some(bytes) }
}

/// Channel statistics that the authors use for every data set: those of CIFAR-10.
pub(super) const CIFAR_MEAN: [f32; 3] = [0.4914, 0.4822, 0.4465];
pub(super) const CIFAR_STD: [f32; 3] = [0.2023, 0.1994, 0.2010];

/// Names of the four idx files, as distributed.
pub(super) const IDX_FILES: [&str; 4] = [
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
];

const ENTRIES: &[Entry] = &[
    Entry {
        name: "fashion-mini",
        classes: 10,
        class_names: class_names::FASHION,
        folder: "",
        files: &[],
        mean: [0.2864; 3],
        std: [0.3537; 3],
        home: "embedded: 8,000 training and 2,000 test images of Fashion-MNIST (MIT licence)",
    },
    Entry {
        name: "fashion-mnist",
        classes: 10,
        class_names: class_names::FASHION,
        folder: "fashion-mnist",
        files: &[
            file(IDX_FILES[0], 47_040_016),
            file(IDX_FILES[1], 60_008),
            file(IDX_FILES[2], 7_840_016),
            file(IDX_FILES[3], 10_008),
        ],
        mean: [0.2860; 3],
        std: [0.3530; 3],
        home: "https://github.com/zalandoresearch/fashion-mnist",
    },
    Entry {
        name: "cifar10",
        classes: 10,
        class_names: class_names::CIFAR10,
        folder: "cifar-10-batches-bin",
        files: &[
            file("data_batch_1.bin", 30_730_000),
            file("data_batch_2.bin", 30_730_000),
            file("data_batch_3.bin", 30_730_000),
            file("data_batch_4.bin", 30_730_000),
            file("data_batch_5.bin", 30_730_000),
            file("test_batch.bin", 30_730_000),
        ],
        mean: CIFAR_MEAN,
        std: CIFAR_STD,
        home: "https://www.cs.toronto.edu/~kriz/cifar.html (binary version)",
    },
    Entry {
        name: "cifar100",
        classes: 100,
        class_names: class_names::CIFAR100,
        folder: "cifar-100-binary",
        files: &[file("train.bin", 153_700_000), file("test.bin", 30_740_000)],
        mean: CIFAR_MEAN,
        std: CIFAR_STD,
        home: "https://www.cs.toronto.edu/~kriz/cifar.html (binary version)",
    },
    Entry {
        name: "stl10",
        classes: 10,
        class_names: class_names::STL10,
        folder: "stl10_binary",
        files: &[
            file("train_X.bin", 138_240_000),
            file("train_y.bin", 5_000),
            file("test_X.bin", 221_184_000),
            file("test_y.bin", 8_000),
            file("unlabeled_X.bin", 2_764_800_000),
        ],
        mean: CIFAR_MEAN,
        std: CIFAR_STD,
        home: "https://cs.stanford.edu/~acoates/stl10/",
    },
    Entry {
        name: "tinyimagenet",
        classes: 200,
        class_names: &[],
        folder: "tiny-imagenet-200",
        files: &[
            FileSpec { name: "wnids.txt", bytes: Some(2_000) },
            FileSpec { name: "val/val_annotations.txt", bytes: None },
            FileSpec { name: "train", bytes: None },
            FileSpec { name: "val/images", bytes: None },
        ],
        mean: CIFAR_MEAN,
        std: CIFAR_STD,
        home: "http://cs231n.stanford.edu/tiny-imagenet-200.zip",
    },
];

/// All data sets that have a name of their own.
#[must_use]
pub fn entries() -> &'static [Entry] {
    ENTRIES
}

/// The data set of a name.
///
/// # Errors
/// When there is none; the message lists those there are.
pub fn find(name: &str) -> Result<&'static Entry> {
    ENTRIES.iter().find(|entry| entry.name == name).ok_or_else(|| Error::Unknown {
        name: name.to_owned(),
        known: ENTRIES.iter().map(|entry| entry.name).collect::<Vec<_>>().join(", ") + ", folder:NAME",
    })
}
