//! Where each data set is published, and what its archives are.

use crate::catalog;
use crate::error::{Error, Result};

/// How an archive is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    /// A gzipped tar file.
    TarGz,
    /// A zip file.
    Zip,
    /// A file that is read as it is.
    Plain,
}

/// A file to download.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archive {
    /// Its name.
    pub file: String,
    /// Where it is published: the address up to its name.
    pub base: String,
    /// MD5 of the published file, hexadecimal.
    pub md5: String,
    /// How it is packed.
    pub packing: Packing,
}

/// What makes up a data set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The data set.
    pub set: String,
    /// The folder that the archives hold, below the data folder.
    pub folder: String,
    /// Its archives.
    pub archives: Vec<Archive>,
    /// About what they hold together, for people, bytes.
    pub download: u64,
    /// More than the unpacked set has, bytes: what goes beyond is refused.
    pub largest: u64,
}

/// (set, base, largest unpacked, download, [(file, md5, packing)])
type Row = (&'static str, &'static str, u64, u64, &'static [(&'static str, &'static str, Packing)]);

const MB: u64 = 1_000_000;

/// Addresses and checksums as the publishers give them.
const PUBLISHED: &[Row] = &[
    (
        "cifar10",
        "https://www.cs.toronto.edu/~kriz/",
        400 * MB,
        170 * MB,
        &[("cifar-10-binary.tar.gz", "c32a1d4ab5d03f1284b67883e8d87530", Packing::TarGz)],
    ),
    (
        "cifar100",
        "https://www.cs.toronto.edu/~kriz/",
        400 * MB,
        169 * MB,
        &[("cifar-100-binary.tar.gz", "03b5dce01913d631647c71ecec9e9cb8", Packing::TarGz)],
    ),
    (
        "stl10",
        "http://ai.stanford.edu/~acoates/stl10/",
        4_000 * MB,
        2_641 * MB,
        &[("stl10_binary.tar.gz", "91f7769df0f17e558f3565bffb0c7dfb", Packing::TarGz)],
    ),
    (
        "tinyimagenet",
        "http://cs231n.stanford.edu/",
        1_000 * MB,
        248 * MB,
        &[("tiny-imagenet-200.zip", "90528d7ca1a48142e341f4ef8d21d0de", Packing::Zip)],
    ),
    (
        "fashion-mnist",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        100 * MB,
        31 * MB,
        &[
            ("train-images-idx3-ubyte.gz", "8d4fb7e6c68d591d4c3dfef9ec88bf0d", Packing::Plain),
            ("train-labels-idx1-ubyte.gz", "25c81989df183df01b3e8a0aad5dffbe", Packing::Plain),
            ("t10k-images-idx3-ubyte.gz", "bef4ecab320f06d8554ea6380940ec79", Packing::Plain),
            ("t10k-labels-idx1-ubyte.gz", "bb300cfdad3c16e7a12a480ee83cd310", Packing::Plain),
        ],
    ),
];

/// Where a data set can be fetched from.
///
/// # Errors
/// When the name is unknown, or nobody publishes the set as archives.
pub fn source(name: &str) -> Result<Source> {
    let entry = catalog::find(name)?;
    let known = || PUBLISHED.iter().map(|row| row.0).collect::<Vec<_>>().join(", ");
    let Some((set, base, largest, download, files)) = PUBLISHED.iter().find(|row| row.0 == entry.name) else {
        return Err(Error::Parameter {
            name: "data set to fetch",
            expected: format!("one of {}", known()),
            got: name.to_owned(),
        });
    };
    let archives = files.iter().map(|(file, md5, packing)| Archive {
        file: (*file).to_owned(),
        base: (*base).to_owned(),
        md5: (*md5).to_owned(),
        packing: *packing,
    });
    Ok(Source {
        set: (*set).to_owned(),
        folder: entry.folder.to_owned(),
        archives: archives.collect(),
        download: *download,
        largest: *largest,
    })
}
