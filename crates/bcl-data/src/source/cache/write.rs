//! Making a cache.

use super::Failure;
use crate::error::{Error, Malformed, Result};
use crate::format::cache::{HEADER_BYTES, encode};
use crate::format::picture::Picture;
use crate::source::encoded::EncodedFile;
use rayon::prelude::*;
use std::fs::File;
use std::io::{BufWriter, Seek, Write};
use std::path::Path;

/// Images decoded at a time, a thread: pixels wait in memory until they are written.
const IMAGES: usize = 8;

/// Decodes the files and writes the cache; `done` hears how many images are.
pub(super) fn write(
    path: &Path,
    key: &[u8; 32],
    files: &[EncodedFile],
    done: &mut dyn FnMut(usize),
) -> std::result::Result<(), Failure> {
    let partial = path.with_extension("images.partial");
    let written = write_partial(&partial, key, files, done).and_then(|()| {
        std::fs::rename(&partial, path).map_err(|error| Failure::Disk(path.to_owned(), error))
    });
    if written.is_err() {
        let _ = std::fs::remove_file(&partial); // best effort: the error matters more
    }
    written
}

fn write_partial(
    path: &Path,
    key: &[u8; 32],
    files: &[EncodedFile],
    done: &mut dyn FnMut(usize),
) -> std::result::Result<(), Failure> {
    let disk = |error| Failure::Disk(path.to_owned(), error);
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path).map_err(disk)?);
    file.write_all(&[0; HEADER_BYTES]).map_err(disk)?;
    let mut images = Vec::with_capacity(files.len());
    for some in files.chunks(IMAGES * rayon::current_num_threads()) {
        let pictures: Vec<Result<Picture>> = some.par_iter().map(EncodedFile::decode).collect();
        for (picture, source) in pictures.into_iter().zip(some) {
            let picture = picture.and_then(|picture| unchanged(source, picture)).map_err(Failure::Image)?;
            file.write_all(&picture.pixels).map_err(disk)?;
            let (height, width) = (picture.height as u32, picture.width as u32); // limits are far below
            images.push((height, width, crc32fast::hash(&picture.pixels)));
        }
        done(images.len());
    }
    let (header, index) = encode(key, &images);
    file.write_all(&index).map_err(disk)?;
    file.rewind().map_err(disk)?;
    file.write_all(&header).map_err(disk)?;
    file.flush().and_then(|()| file.get_ref().sync_all()).map_err(disk)
}

/// Refuses an image whose file has changed since it was listed: the key would tell of the old one.
fn unchanged(source: &EncodedFile, picture: Picture) -> Result<Picture> {
    if EncodedFile::new(source.path.clone())? == *source {
        return Ok(picture);
    }
    let error: Error =
        Malformed::new("a file that stays as it was listed", "another length or time of change")
            .at(&source.path);
    Err(error)
}
