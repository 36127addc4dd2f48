//! The idx format of MNIST and its kin: big-endian header, then bytes; gzipped or not.
//!
//! Images: magic 0x0803, count, rows, columns, then count x rows x columns bytes. Labels: magic 0x0801, count, then
//! count bytes.

use crate::error::Malformed;
use std::borrow::Cow;
use std::io::Read;

/// Grey images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Images {
    /// count x height x width bytes.
    pub pixels: Vec<u8>,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

/// Largest content of an idx file, bytes: ten times the largest known one.
const LARGEST: u64 = 500_000_000;

/// Parses images.
///
/// # Errors
/// When the header is wrong or the bytes are not as many as it says.
pub fn parse_images(bytes: &[u8]) -> Result<Images, Malformed> {
    let bytes = unpack(bytes)?;
    let [magic, count, height, width] = header(&bytes)?;
    check_magic(magic, 0x0803, "idx images")?;
    if !(1..=4096).contains(&height) || !(1..=4096).contains(&width) {
        return Err(Malformed::new("images of 1 to 4096 pixels a side", format!("{height} x {width}")));
    }
    let expected = 16 + u64::from(count) * u64::from(height) * u64::from(width);
    check_length(&bytes, expected, &format!("{count} images of {height} x {width}"))?;
    Ok(Images { pixels: bytes[16..].to_vec(), height: height as usize, width: width as usize })
}

/// Parses labels, each below `classes`.
///
/// # Errors
/// When the header is wrong, the bytes are not as many as it says, or a label is out of range.
pub fn parse_labels(bytes: &[u8], classes: usize) -> Result<Vec<u16>, Malformed> {
    let bytes = unpack(bytes)?;
    let [magic, count] = header(&bytes)?;
    check_magic(magic, 0x0801, "idx labels")?;
    check_length(&bytes, 8 + u64::from(count), &format!("{count} labels"))?;
    let labels = &bytes[8..];
    match labels.iter().position(|&label| usize::from(label) >= classes) {
        Some(at) => {
            Err(Malformed::new(format!("labels below {classes}"), format!("{} at position {at}", labels[at])))
        }
        None => Ok(labels.iter().map(|&label| u16::from(label)).collect()),
    }
}

/// Undoes gzip, recognised by its first bytes.
fn unpack(bytes: &[u8]) -> Result<Cow<'_, [u8]>, Malformed> {
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return Ok(Cow::Borrowed(bytes));
    }
    let mut unpacked = Vec::new();
    // One byte beyond the limit tells too long from just right; memory grows with what is really there.
    flate2::read::GzDecoder::new(bytes)
        .take(LARGEST + 1)
        .read_to_end(&mut unpacked)
        .map_err(|error| Malformed::new("a whole gzip file", error.to_string()))?;
    if unpacked.len() as u64 > LARGEST {
        return Err(Malformed::new(format!("at most {LARGEST} bytes unpacked"), "more"));
    }
    Ok(Cow::Owned(unpacked))
}

/// The first N big-endian 32-bit numbers.
fn header<const N: usize>(bytes: &[u8]) -> Result<[u32; N], Malformed> {
    let mut numbers = [0; N];
    if bytes.len() < 4 * N {
        return Err(Malformed::new(
            format!("an idx header of {} bytes", 4 * N),
            format!("{} bytes", bytes.len()),
        ));
    }
    for (number, field) in numbers.iter_mut().zip(bytes.chunks_exact(4)) {
        *number = field.iter().fold(0, |value, &byte| value << 8 | u32::from(byte));
    }
    Ok(numbers)
}

fn check_magic(found: u32, expected: u32, what: &str) -> Result<(), Malformed> {
    if found == expected {
        return Ok(());
    }
    Err(Malformed::new(format!("{what} (magic {expected:#06x})"), format!("magic {found:#06x}")))
}

fn check_length(bytes: &[u8], expected: u64, what: &str) -> Result<(), Malformed> {
    if bytes.len() as u64 == expected {
        return Ok(());
    }
    Err(Malformed::new(format!("{expected} bytes ({what})"), format!("{} bytes", bytes.len())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Write;

    fn images() -> Vec<u8> {
        let mut bytes = vec![0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 3];
        bytes.extend(0..12);
        bytes
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn images_and_labels_are_read_gzipped_or_not() {
        let expected = Images { pixels: (0..12).collect(), height: 2, width: 3 };
        assert_eq!(parse_images(&images()).unwrap(), expected);
        assert_eq!(parse_images(&gzip(&images())).unwrap(), expected);
        let labels = [0, 0, 8, 1, 0, 0, 0, 3, 9, 0, 4];
        assert_eq!(parse_labels(&labels, 10).unwrap(), [9, 0, 4]);
        assert_eq!(parse_labels(&gzip(&labels), 10).unwrap(), [9, 0, 4]);
    }

    #[test]
    fn damage_is_told() {
        let message = |error: Malformed| format!("expected {}, got {}", error.expected, error.got);
        let mut truncated = images();
        truncated.pop();
        assert_eq!(
            message(parse_images(&truncated).unwrap_err()),
            "expected 28 bytes (2 images of 2 x 3), got 27 bytes"
        );
        let mut long = images();
        long.push(0);
        assert!(message(parse_images(&long).unwrap_err()).contains("got 29 bytes"));
        assert!(
            message(parse_images(&[0, 0, 8, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]).unwrap_err())
                .contains("magic 0x0801")
        );
        assert!(message(parse_images(b"").unwrap_err()).contains("0 bytes"));
        assert!(
            message(parse_labels(&[0, 0, 8, 1, 0, 0, 0, 1, 10], 10).unwrap_err())
                .contains("10 at position 0")
        );
        let packed = gzip(&images());
        assert!(
            message(parse_images(&packed[..packed.len() - 9]).unwrap_err()).contains("a whole gzip file")
        );
        // A header that promises the moon allocates nothing.
        let mut huge = images();
        huge[4..8].copy_from_slice(&[0xff; 4]);
        huge[8..12].copy_from_slice(&[0, 0, 16, 0]);
        huge[12..16].copy_from_slice(&[0, 0, 16, 0]);
        assert!(parse_images(&huge).is_err());
    }

    proptest! {
        #[test]
        fn garbage_never_panics(mut bytes in prop::collection::vec(any::<u8>(), 0..200), kind in 0u8..4) {
            if kind > 0 && bytes.len() > 4 {
                bytes[..4].copy_from_slice(&[0, 0, 8, kind]);
            }
            let _ = parse_images(&bytes);
            let _ = parse_labels(&bytes, 10);
            bytes.splice(0..0, [0x1f, 0x8b, 8]);
            let _ = parse_images(&bytes);
        }
    }
}
