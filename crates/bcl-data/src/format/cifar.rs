//! The binary format of CIFAR: records of label bytes and 3 x 32 x 32 pixel bytes, planes after one another.

use crate::error::Malformed;

/// Side of an image.
pub const SIDE: usize = 32;

/// Bytes of an image.
pub const IMAGE_BYTES: usize = 3 * SIDE * SIDE;

/// Which of the two layouts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// One label byte, 0..10.
    Cifar10,
    /// A coarse label byte, 0..20, then a fine one, 0..100; the fine one is kept.
    Cifar100,
}

impl Layout {
    /// Number of classes.
    #[must_use]
    pub fn classes(self) -> usize {
        match self {
            Self::Cifar10 => 10,
            Self::Cifar100 => 100,
        }
    }

    fn label_bytes(self) -> usize {
        match self {
            Self::Cifar10 => 1,
            Self::Cifar100 => 2,
        }
    }

    /// Bytes of a record.
    #[must_use]
    pub fn record_bytes(self) -> usize {
        self.label_bytes() + IMAGE_BYTES
    }
}

/// Appends the images and labels of a file to `pixels` and `labels`.
///
/// # Errors
/// When the file is empty or no whole number of records, or a label is out of range; nothing is appended then.
pub fn parse(
    bytes: &[u8],
    layout: Layout,
    pixels: &mut Vec<u8>,
    labels: &mut Vec<u16>,
) -> Result<(), Malformed> {
    let record = layout.record_bytes();
    if bytes.is_empty() || !bytes.len().is_multiple_of(record) {
        return Err(Malformed::new(
            format!("a whole number of records of {record} bytes"),
            format!(
                "{} bytes ({} records and {} bytes)",
                bytes.len(),
                bytes.len() / record,
                bytes.len() % record
            ),
        ));
    }
    let label = |record: &[u8]| record[layout.label_bytes() - 1];
    let records = || bytes.chunks_exact(record);
    if let Some((at, bad)) =
        records().map(label).enumerate().find(|(_, label)| usize::from(*label) >= layout.classes())
    {
        return Err(Malformed::new(
            format!("labels below {}", layout.classes()),
            format!("{bad} in record {at}"),
        ));
    }
    pixels.reserve(bytes.len());
    for record in records() {
        labels.push(u16::from(label(record)));
        pixels.extend_from_slice(&record[layout.label_bytes()..]);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parsed(bytes: &[u8], layout: Layout) -> Result<(Vec<u8>, Vec<u16>), Malformed> {
        let (mut pixels, mut labels) = (Vec::new(), Vec::new());
        parse(bytes, layout, &mut pixels, &mut labels).map(|()| (pixels, labels))
    }

    #[test]
    fn both_layouts_are_read() {
        let mut ten = vec![7];
        ten.extend([1; IMAGE_BYTES]);
        ten.push(0);
        ten.extend([2; IMAGE_BYTES]);
        let (pixels, labels) = parsed(&ten, Layout::Cifar10).unwrap();
        assert_eq!(
            (labels, pixels.len(), pixels[0], pixels[IMAGE_BYTES]),
            (vec![7, 0], 2 * IMAGE_BYTES, 1, 2)
        );
        let mut hundred = vec![19, 99];
        hundred.extend([3; IMAGE_BYTES]);
        assert_eq!(parsed(&hundred, Layout::Cifar100).unwrap().1, [99]);
    }

    #[test]
    fn damage_is_told() {
        let bad = parsed(&[10; 1 + IMAGE_BYTES], Layout::Cifar10).unwrap_err();
        assert_eq!((bad.expected.as_str(), bad.got.as_str()), ("labels below 10", "10 in record 0"));
        assert!(parsed(&[0; IMAGE_BYTES], Layout::Cifar10).unwrap_err().got.contains("3072 bytes"));
        assert!(parsed(&[], Layout::Cifar10).is_err());
        assert!(parsed(&[0; 2 + IMAGE_BYTES], Layout::Cifar10).is_err(), "the other layout");
    }

    proptest! {
        #[test]
        fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..4000)) {
            let _ = parsed(&bytes, Layout::Cifar10);
            let _ = parsed(&bytes, Layout::Cifar100);
        }
    }
}
