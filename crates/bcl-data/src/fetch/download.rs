//! One archive to a file: what is there is used, what is half there goes on, what is wrong is refused.

use super::manifest::hex;
use super::{Archive, Event, Options, lock};
use crate::error::{Error, Malformed, Result};
use md5::{Digest, Md5};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Patience with the network.
#[derive(Debug, Clone)]
pub struct Network {
    /// Tries without a byte gained before giving up.
    pub tries: u32,
    /// Pause before the second try; doubles with each.
    pub pause: Duration,
    /// Longest wait for a connection.
    pub connect: Duration,
    /// Longest wait for the next bytes.
    pub stall: Duration,
}

impl Default for Network {
    fn default() -> Self {
        let (connect, stall) = (Duration::from_secs(20), Duration::from_secs(60));
        Self { tries: 6, pause: Duration::from_secs(1), connect, stall }
    }
}

/// Why a try failed.
enum Failure {
    /// Another try may help.
    Passing(String),
    /// It will not.
    Final(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Final(error)
    }
}

/// The checked archive: one that lies in `dir` or at a local mirror, else a new download.
pub(super) fn archive(
    archive: &Archive,
    largest: u64,
    dir: &Path,
    options: &Options,
    tell: &mut dyn FnMut(Event<'_>),
) -> Result<PathBuf> {
    let path = dir.join(&archive.file);
    if path.exists() {
        return checked(archive, path, "; remove the file to download it anew", tell);
    }
    let from = address(archive, options.mirror.as_deref());
    if let Some(local) = local_path(&from) {
        if !local.is_file() {
            return Err(Malformed::new("an archive", "no such file").at(local));
        }
        return checked(archive, local, "", tell);
    }
    tell(Event::Archive { file: &archive.file, from: &from });
    let network = &options.network;
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_connect(Some(network.connect))
        .timeout_recv_response(Some(network.stall))
        .timeout_per_read(Some(network.stall))
        .user_agent(concat!("bcl-exp/", env!("CARGO_PKG_VERSION")))
        .build()
        .into();
    let partial = Partial::new(&path);
    let (mut failures, mut pause) = (0, network.pause);
    loop {
        let before = partial.length();
        let reason = match attempt(&agent, &from, &partial, largest, tell) {
            Ok(()) => break,
            Err(Failure::Final(error)) => return Err(error),
            Err(Failure::Passing(reason)) => reason,
        };
        if partial.length() > before {
            (failures, pause) = (0, network.pause); // a line that drops often is slow, not dead
        }
        failures += 1;
        if failures >= network.tries {
            let reason = format!("{failures} tries without progress; the last: {reason}");
            return Err(Error::Download { address: from, reason });
        }
        tell(Event::Retry { reason: &reason, attempt: failures + 1 });
        std::thread::sleep(pause);
        pause *= 2;
    }
    let found = md5_of(&partial.path)?;
    if found != archive.md5 {
        let length = partial.length();
        partial.remove();
        let expected = format!("MD5 {} from {from}", archive.md5);
        return Err(Malformed::new(expected, format!("{found} ({length} bytes, removed)")).at(path));
    }
    std::fs::rename(&partial.path, &path).map_err(|error| Error::write(&path, error))?;
    partial.remove();
    lock::sync_folder(dir)?;
    Ok(path)
}

/// An archive that somebody has put there; `advice` follows the message about one that is another.
fn checked(
    archive: &Archive,
    path: PathBuf,
    advice: &str,
    tell: &mut dyn FnMut(Event<'_>),
) -> Result<PathBuf> {
    tell(Event::Archive { file: &archive.file, from: &path.display().to_string() });
    let found = md5_of(&path)?;
    if found != archive.md5 {
        let expected = format!("MD5 {}", archive.md5);
        return Err(Malformed::new(expected, format!("{found}{advice}")).at(path));
    }
    Ok(path)
}

/// Where the archive is: below the publisher's address, or a mirror that is a folder or the archive itself.
fn address(archive: &Archive, mirror: Option<&str>) -> String {
    match mirror {
        None => format!("{}{}", archive.base, archive.file),
        Some(mirror) if mirror.ends_with(&archive.file) => mirror.to_owned(),
        Some(mirror) => format!("{}/{}", mirror.trim_end_matches('/'), archive.file),
    }
}

/// The path of an address without a network.
fn local_path(address: &str) -> Option<PathBuf> {
    match address.split_once("://") {
        None => Some(address.into()),
        Some(("file", path)) => Some(path.into()),
        Some(_) => None,
    }
}

/// The beginning of a download, and what its server said by which it can be told that the file is still the same.
struct Partial {
    path: PathBuf,
    validator: PathBuf,
}

impl Partial {
    fn new(path: &Path) -> Self {
        let beside = |ending: &str| PathBuf::from(format!("{}.{ending}", path.display()));
        Self { path: beside("partial"), validator: beside("partial.version") }
    }

    fn length(&self) -> u64 {
        std::fs::metadata(&self.path).map_or(0, |metadata| metadata.len())
    }

    /// What the server called this version, where it can be gone on with.
    fn version(&self) -> Option<String> {
        std::fs::read_to_string(&self.validator).ok().filter(|text| !text.is_empty() && self.length() > 0)
    }

    fn remove(&self) {
        // What is left over is overwritten by the next download.
        let _ = std::fs::remove_file(&self.path);
        let _ = std::fs::remove_file(&self.validator);
    }
}

/// One request: from the beginning, or from where the last one ended.
fn attempt(
    agent: &ureq::Agent,
    from: &str,
    partial: &Partial,
    largest: u64,
    tell: &mut dyn FnMut(Event<'_>),
) -> Result<(), Failure> {
    let (begun, version) = (partial.length(), partial.version());
    let mut request = agent.get(from).header("Accept-Encoding", "identity");
    if let Some(version) = &version {
        request = request.header("Range", format!("bytes={begun}-")).header("If-Range", version);
    }
    let response = request.call().map_err(|error| classify(from, &error))?;
    let status = response.status().as_u16();
    let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
    let offset = match status {
        200 => 0,
        206 if header("content-range").is_some_and(|range| range.starts_with(&format!("bytes {begun}-"))) => {
            begun
        }
        // The beginning is of no use: it is as long as the file or longer, or the server answers another range.
        206 | 416 => {
            if status == 416 && header("content-range") == Some(&format!("bytes */{begun}")) {
                return Ok(());
            }
            partial.remove();
            return Err(Failure::Passing(format!("the server cannot go on at byte {begun}")));
        }
        408 | 425 | 429 | 500..=599 => return Err(Failure::Passing(format!("status {status}"))),
        _ => return Err(refusal(from, &format!("status {status}"))),
    };
    let length = header("content-length").and_then(|text| text.parse::<u64>().ok());
    let total = length.map(|length| offset.saturating_add(length));
    if total.is_some_and(|total| total > largest) {
        return Err(refusal(
            from,
            &format!("expected at most {largest} bytes, got {} bytes", total.unwrap_or_default()),
        ));
    }
    // A weak tag does not promise equal bytes.
    let strong = header("etag").filter(|tag| !tag.starts_with("W/")).or_else(|| header("last-modified"));
    let strong = strong.map(str::to_owned);
    let write = |error| Failure::Final(Error::write(&partial.path, error));
    let mut file =
        File::options().create(true).truncate(false).write(true).open(&partial.path).map_err(write)?;
    file.set_len(offset).and_then(|()| file.seek(SeekFrom::Start(offset))).map_err(write)?;
    std::fs::write(&partial.validator, strong.unwrap_or_default()).map_err(write)?;
    let mut reader = response.into_body().into_reader();
    let (mut done, mut buffer) = (offset, vec![0; 1 << 16]);
    tell(Event::Bytes { done, total });
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => {
                done += count as u64;
                if done > largest {
                    return Err(refusal(from, &format!("more than {largest} bytes")));
                }
                file.write_all(&buffer[..count]).map_err(write)?;
                tell(Event::Bytes { done, total });
            }
            Err(error) => return Err(Failure::Passing(format!("after {done} bytes: {error}"))),
        }
    }
    if let Some(total) = total.filter(|&total| done < total) {
        return Err(Failure::Passing(format!("the connection ended after {done} of {total} bytes")));
    }
    file.sync_all().map_err(write)
}

/// Whether an error before the body may pass.
fn classify(from: &str, error: &ureq::Error) -> Failure {
    match error {
        ureq::Error::BadUri(_)
        | ureq::Error::Http(_)
        | ureq::Error::TooManyRedirects
        | ureq::Error::RequireHttpsOnly(_) => refusal(from, &error.to_string()),
        _ => Failure::Passing(error.to_string()),
    }
}

fn refusal(from: &str, reason: &str) -> Failure {
    Failure::Final(Error::Download { address: from.to_owned(), reason: reason.to_owned() })
}

/// MD5 of a file.
fn md5_of(path: &Path) -> Result<String> {
    let read = |source| Error::Read { path: path.to_owned(), source };
    let mut file = File::open(path).map_err(read)?;
    let (mut hash, mut buffer) = (Md5::new(), vec![0; 1 << 16]);
    loop {
        match file.read(&mut buffer).map_err(read)? {
            0 => return Ok(hex(&hash.finalize())),
            count => hash.update(&buffer[..count]),
        }
    }
}
