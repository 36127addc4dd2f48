//! The binary format of STL-10: images of 3 x 96 x 96 bytes without a header, each plane column by column; labels 1 to 10,
//! a byte each.

use crate::error::Malformed;

/// Side of an image.
pub const SIDE: usize = 96;

/// Bytes of an image.
pub const IMAGE_BYTES: usize = 3 * SIDE * SIDE;

/// Number of classes.
pub const CLASSES: u8 = 10;

/// How many images a file of so many bytes holds.
///
/// # Errors
/// When it is empty or no whole number of images.
pub fn count(bytes: u64) -> Result<usize, Malformed> {
    let image = IMAGE_BYTES as u64;
    if bytes == 0 || !bytes.is_multiple_of(image) {
        return Err(Malformed::new(
            format!("a whole number of images of {image} bytes"),
            format!("{bytes} bytes ({} images and {} bytes)", bytes / image, bytes % image),
        ));
    }
    Ok((bytes / image) as usize)
}

/// Labels from 0.
///
/// # Errors
/// When there are not `images` of them or one is out of range.
pub fn parse_labels(bytes: &[u8], images: usize) -> Result<Vec<u16>, Malformed> {
    if bytes.len() != images {
        return Err(Malformed::new(
            format!("{images} labels, one an image"),
            format!("{} labels", bytes.len()),
        ));
    }
    match bytes.iter().position(|label| !(1..=CLASSES).contains(label)) {
        Some(at) => Err(Malformed::new("labels of 1 to 10", format!("{} at position {at}", bytes[at]))),
        None => Ok(bytes.iter().map(|&label| u16::from(label) - 1).collect()),
    }
}

/// The ten folds of `fold_indices.txt`: indices of training images, a line each.
///
/// # Errors
/// When there are not ten lines of indices below `images`.
pub fn parse_folds(bytes: &[u8], images: usize) -> Result<Vec<Vec<u32>>, Malformed> {
    let text = std::str::from_utf8(bytes).map_err(|_| Malformed::new("lines of numbers", "no text"))?;
    let fold = |(number, line): (usize, &str)| -> Result<Vec<u32>, Malformed> {
        let index = |word: &str| {
            word.parse::<u32>().ok().filter(|&index| (index as usize) < images).ok_or_else(|| {
                let word: String = word.chars().take(20).collect();
                Malformed::new(format!("indices below {images}"), format!("{word:?} in line {}", number + 1))
            })
        };
        line.split_whitespace().map(index).collect()
    };
    let folds: Vec<Vec<u32>> = text.lines().enumerate().map(fold).collect::<Result<_, _>>()?;
    if folds.len() != 10 || folds.iter().any(Vec::is_empty) {
        return Err(Malformed::new("ten lines of indices", format!("{} lines", folds.len())));
    }
    Ok(folds)
}

/// An image row by row from one column by column; as long as `out`.
pub fn to_rows(columns: &[u8], (height, width): (usize, usize), out: &mut [u8]) {
    const TILE: usize = 16; // a tile's lines stay in the cache
    let plane = height * width;
    for (from, to) in columns.chunks_exact(plane).zip(out.chunks_exact_mut(plane)) {
        for top in (0..height).step_by(TILE) {
            for left in (0..width).step_by(TILE) {
                for y in top..height.min(top + TILE) {
                    for x in left..width.min(left + TILE) {
                        to[y * width + x] = from[x * height + y];
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn planes_are_turned() {
        let columns: Vec<u8> = (0..18).collect(); // 3 planes of 2 x 3
        let mut rows = vec![0; 18];
        to_rows(&columns, (2, 3), &mut rows);
        assert_eq!(rows[..6], [0, 2, 4, 1, 3, 5]);
        assert_eq!(rows[12..], [12, 14, 16, 13, 15, 17]);
        let large: Vec<u8> = (0..IMAGE_BYTES).map(|i| (i % 251) as u8).collect();
        let mut turned = vec![0; IMAGE_BYTES];
        to_rows(&large, (SIDE, SIDE), &mut turned);
        assert_eq!(turned[SIDE * SIDE + 5 * SIDE + 70], large[SIDE * SIDE + 70 * SIDE + 5]);
    }

    #[test]
    fn damage_is_told() {
        let message = |bad: Malformed| format!("expected {}, got {}", bad.expected, bad.got);
        assert_eq!(count(2 * IMAGE_BYTES as u64).unwrap(), 2);
        assert!(message(count(30_000).unwrap_err()).contains("1 images and 2352 bytes"));
        assert!(count(0).is_err());
        assert_eq!(parse_labels(&[1, 10, 3], 3).unwrap(), [0, 9, 2]);
        assert!(message(parse_labels(&[1, 0], 2).unwrap_err()).contains("0 at position 1"));
        assert!(message(parse_labels(&[1], 2).unwrap_err()).contains("got 1 labels"));
        let folds = "0 1 2\n".repeat(10);
        assert_eq!(parse_folds(folds.as_bytes(), 3).unwrap()[9], [0, 1, 2]);
        assert!(message(parse_folds(folds.as_bytes(), 2).unwrap_err()).contains("\"2\" in line 1"));
        assert!(message(parse_folds(b"1\n", 2).unwrap_err()).contains("got 1 lines"));
        assert!(parse_folds(&[0xff], 2).is_err());
    }

    proptest! {
        #[test]
        fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..300), images in 0usize..300) {
            let _ = parse_labels(&bytes, images);
            let _ = parse_folds(&bytes, images);
        }
    }
}
