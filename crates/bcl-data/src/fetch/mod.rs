//! Data sets from the network: download, check, unpack, in steps of which each is whole or not there.
//!
//! What lies in the data folder at any moment, even after a kill, is a whole data set, a checked archive, or something whose
//! name says that it is neither: `*.partial` (the beginning of a download, which the next try goes on with) and
//! `.unpacking-*` (thrown away by the next try).

mod archive;
mod download;
mod lock;
pub mod manifest;
pub mod unpack;

pub use archive::{Archive, Packing, Source, source};
pub use download::Network;

use crate::error::{Error, Result};
use lock::FetchLock;
use std::path::{Path, PathBuf};

/// What to tell the user about: called from the thread that fetches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event<'a> {
    /// An archive is being looked for, downloaded or checked.
    Archive {
        /// Its name.
        file: &'a str,
        /// Where it comes from.
        from: &'a str,
    },
    /// So many bytes of the archive are there, of so many if that is known.
    Bytes {
        /// There.
        done: u64,
        /// In all.
        total: Option<u64>,
    },
    /// A try failed; the next begins after a pause.
    Retry {
        /// Why.
        reason: &'a str,
        /// Which try the next one is.
        attempt: u32,
    },
    /// Files are being unpacked: so many bytes so far.
    Unpacked {
        /// Written.
        bytes: u64,
    },
}

/// How to fetch.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Another place than the public one: an address or a folder that holds the archives, or an archive itself.
    pub mirror: Option<String>,
    /// Keep the archive beside the unpacked set.
    pub keep_archive: bool,
    /// Tries and pauses.
    pub network: Network,
}

/// Puts a data set below `dir` and returns its folder.
///
/// An archive that lies in `dir` already is used instead of a download, once its MD5 has been checked.
///
/// # Errors
/// When the set's folder exists already, another process fetches the same set, the network gives up, an archive is not the
/// expected one or would write outside its folder, or a file cannot be written. What was downloaded stays for the next try.
pub fn fetch(
    source: &Source,
    dir: &Path,
    options: &Options,
    tell: &mut dyn FnMut(Event<'_>),
) -> Result<PathBuf> {
    std::fs::create_dir_all(dir).map_err(|error| Error::write(dir, error))?;
    let _lock = FetchLock::take(dir, &source.set)?;
    let staging = dir.join(format!(".unpacking-{}", source.set));
    remove_folder(&staging)?;
    let folder = dir.join(&source.folder);
    if folder.exists() {
        return Err(Error::Content {
            path: folder,
            expected: "no such folder before a download".into(),
            got: "one; move it away to fetch the data set again".into(),
        });
    }
    let mut archives = Vec::new();
    for archive in &source.archives {
        archives.push((archive, download::archive(archive, source.largest, dir, options, tell)?));
    }
    std::fs::create_dir(&staging).map_err(|error| Error::write(&staging, error))?;
    let unpacked = unpack_all(&archives, source, &staging, &folder, tell);
    // Nothing to be kept of a try that failed; a successful one has moved its content away.
    let _ = remove_folder(&staging);
    unpacked?;
    for (_, path) in &archives {
        // The user's own archives, given by --mirror, are not ours to remove.
        if !options.keep_archive && path.parent() == Some(dir) {
            std::fs::remove_file(path).map_err(|error| Error::write(path, error))?;
        }
    }
    Ok(folder)
}

/// Unpacks into `staging`, writes the checksums, then moves the whole to its place.
fn unpack_all(
    archives: &[(&Archive, PathBuf)],
    source: &Source,
    staging: &Path,
    folder: &Path,
    tell: &mut dyn FnMut(Event<'_>),
) -> Result<()> {
    let mut target = unpack::Target::new(staging, &source.folder, source.largest);
    for (archive, path) in archives {
        let file =
            std::fs::File::open(path).map_err(|error| Error::Read { path: path.clone(), source: error })?;
        let reader = std::io::BufReader::new(file);
        let mut written = |bytes| tell(Event::Unpacked { bytes });
        match archive.packing {
            Packing::TarGz => target.tar_gz(reader, &mut written),
            Packing::Zip => target.zip(reader, &mut written),
            Packing::Plain => target.plain(&archive.file, reader, &mut written),
        }
        .map_err(|bad| bad.at(path))?;
    }
    let whole = staging.join(&source.folder);
    target.write_manifest()?;
    std::fs::rename(&whole, folder).map_err(|error| Error::write(folder, error))?;
    lock::sync_folder(folder.parent().unwrap_or(folder))
}

fn remove_folder(path: &Path) -> Result<()> {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::write(path, error)),
        _ => Ok(()),
    }
}
