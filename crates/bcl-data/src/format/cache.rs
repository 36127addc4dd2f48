//! A cache of decoded images: a header, the pixels of all images after one another, an index.
//!
//! Numbers are little-endian. Header: magic (8 bytes, the last is the version), key (32), number of images (8), bytes of
//! pixels (8), SHA-256 of the 56 bytes before and of the index (32). Index: height, width, CRC-32 of the pixels, 4 bytes
//! each, an image.

use crate::error::Malformed;
use sha2::{Digest, Sha256};

/// Bytes of the header.
pub const HEADER_BYTES: usize = 88;

/// Bytes of an entry of the index.
pub const ENTRY_BYTES: usize = 12;

const MAGIC: [u8; 8] = *b"BCL-img\x01";

/// Length of what the checksum covers before the index.
const COVERED: usize = 56;

/// What a cache holds, before its index is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Tells from which files it was made.
    pub key: [u8; 32],
    /// Number of images.
    pub images: u64,
    /// Bytes of all pixels.
    pub pixel_bytes: u64,
    checksum: [u8; 32],
}

/// One image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Where its pixels begin in the file.
    pub offset: u64,
    /// Rows.
    pub height: u32,
    /// Columns.
    pub width: u32,
    /// CRC-32 of its pixels.
    pub crc: u32,
}

/// Parses the header of a file of `length` bytes.
///
/// # Errors
/// When it is too short, of another kind or version, or the lengths that it tells are not the file's.
pub fn parse_header(bytes: &[u8], length: u64) -> Result<Header, Malformed> {
    let Some(header) = bytes.first_chunk::<HEADER_BYTES>() else {
        return Err(Malformed::new(
            format!("a header of {HEADER_BYTES} bytes"),
            format!("{} bytes", bytes.len()),
        ));
    };
    if header[..8] != MAGIC {
        return Err(Malformed::new(
            "a cache of images of version 1",
            "another kind of file, or another version",
        ));
    }
    let number = |at: usize| u64::from_le_bytes(std::array::from_fn(|byte| header[at + byte]));
    let (images, pixel_bytes) = (number(40), number(48));
    let expected = images
        .checked_mul(ENTRY_BYTES as u64)
        .and_then(|index| index.checked_add(pixel_bytes)?.checked_add(HEADER_BYTES as u64));
    if expected != Some(length) {
        let wanted = format!("a length of {images} images and {pixel_bytes} bytes of pixels");
        return Err(Malformed::new(wanted, format!("{length} bytes")));
    }
    let field = |at: usize| std::array::from_fn(|byte| header[at + byte]);
    Ok(Header { key: field(8), images, pixel_bytes, checksum: field(COVERED) })
}

/// Parses the index that follows the pixels.
///
/// # Errors
/// When it is not what the checksum was taken of, or the images are not as long together as the header says.
pub fn parse_index(bytes: &[u8], header: &Header) -> Result<Vec<Entry>, Malformed> {
    if checksum(&header.key, header.images, header.pixel_bytes, bytes) != header.checksum {
        return Err(Malformed::new("the index that was written", "one with another checksum"));
    }
    let (entries, rest) = bytes.as_chunks::<ENTRY_BYTES>();
    if entries.len() as u64 != header.images || !rest.is_empty() {
        return Err(Malformed::new(format!("{} images", header.images), format!("{} bytes", bytes.len())));
    }
    let mut end = HEADER_BYTES as u64;
    let mut index = Vec::with_capacity(entries.len());
    for entry in entries {
        let [height, width, crc] =
            [0, 4, 8].map(|at| u32::from_le_bytes(std::array::from_fn(|byte| entry[at + byte])));
        let pixels = (u64::from(height) * u64::from(width)).checked_mul(3).filter(|&pixels| pixels > 0);
        index.push(Entry { offset: end, height, width, crc });
        end = pixels
            .and_then(|pixels| end.checked_add(pixels))
            .ok_or_else(|| Malformed::new("sizes of images", format!("{height} x {width}")))?;
    }
    if end - HEADER_BYTES as u64 != header.pixel_bytes {
        let got = format!("{} bytes", end - HEADER_BYTES as u64);
        return Err(Malformed::new(format!("images of {} bytes in all", header.pixel_bytes), got));
    }
    Ok(index)
}

/// Header and index of images of these heights, widths and CRC-32s.
#[must_use]
pub fn encode(key: &[u8; 32], images: &[(u32, u32, u32)]) -> ([u8; HEADER_BYTES], Vec<u8>) {
    let index: Vec<u8> = images
        .iter()
        .flat_map(|&(height, width, crc)| [height, width, crc])
        .flat_map(u32::to_le_bytes)
        .collect();
    let pixels = images.iter().map(|&(height, width, _)| 3 * u64::from(height) * u64::from(width)).sum();
    let mut header = [0; HEADER_BYTES];
    header[..COVERED].copy_from_slice(&covered(key, images.len() as u64, pixels));
    header[COVERED..].copy_from_slice(&checksum(key, images.len() as u64, pixels, &index));
    (header, index)
}

fn covered(key: &[u8; 32], images: u64, pixel_bytes: u64) -> [u8; COVERED] {
    let mut bytes = [0; COVERED];
    bytes[..8].copy_from_slice(&MAGIC);
    bytes[8..40].copy_from_slice(key);
    bytes[40..48].copy_from_slice(&images.to_le_bytes());
    bytes[48..].copy_from_slice(&pixel_bytes.to_le_bytes());
    bytes
}

fn checksum(key: &[u8; 32], images: u64, pixel_bytes: u64, index: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update(covered(key, images, pixel_bytes)).chain_update(index).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KEY: [u8; 32] = [7; 32];

    #[test]
    fn what_is_written_is_read() {
        let (bytes, index) = encode(&KEY, &[(2, 3, 11), (1, 1, 12)]);
        let header = parse_header(&bytes, (HEADER_BYTES + 21 + 2 * ENTRY_BYTES) as u64).unwrap();
        assert_eq!((header.key, header.images, header.pixel_bytes), (KEY, 2, 21));
        let entries = parse_index(&index, &header).unwrap();
        assert_eq!(entries[1], Entry { offset: 88 + 18, height: 1, width: 1, crc: 12 });
    }

    #[test]
    fn damage_is_told() {
        let (bytes, index) = encode(&KEY, &[(2, 3, 11)]);
        let length = (HEADER_BYTES + 18 + ENTRY_BYTES) as u64;
        assert!(parse_header(&bytes[..87], length).unwrap_err().got.contains("87 bytes"));
        assert!(parse_header(&bytes, length - 1).unwrap_err().expected.contains("1 images and 18 bytes"));
        let header = parse_header(&bytes, length).unwrap();
        for at in 0..index.len() {
            let mut other = index.clone();
            other[at] ^= 1;
            assert!(parse_index(&other, &header).is_err(), "byte {at}");
        }
        for at in 0..HEADER_BYTES {
            let mut other = bytes;
            other[at] ^= 1;
            let read = parse_header(&other, length).and_then(|header| parse_index(&index, &header));
            assert!(read.is_err(), "byte {at} of the header");
        }
        let mut huge = bytes;
        huge[40..56].copy_from_slice(&[0xff; 16]);
        assert!(parse_header(&huge, length).is_err(), "sums that overflow");
        let (zero, index) = encode(&KEY, &[(0, 3, 11)]);
        let header = parse_header(&zero, (HEADER_BYTES + ENTRY_BYTES) as u64).unwrap();
        assert!(parse_index(&index, &header).unwrap_err().got.contains("0 x 3"));
    }

    proptest! {
        #[test]
        fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200), length in any::<u64>()) {
            let _ = parse_header(&bytes, length);
        }
    }
}
