//! TFRecord framing: each record is its length, a checksum of the length, the data, a checksum of the data.

use crc::{CRC_32_ISCSI, Crc};

/// CRC-32C (Castagnoli).
const CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_ISCSI);

/// Bytes of the length and its checksum.
const HEAD: usize = 12;

/// A checksum as records hold it: turned and shifted, so that data with checksums inside has one that tells.
fn masked(bytes: &[u8]) -> u32 {
    CRC.checksum(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// A record of `data`.
pub(super) fn framed(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    let checksums = [&length, data].map(|bytes| masked(bytes).to_le_bytes());
    [&length[..], &checksums[0], data, &checksums[1]].concat()
}

/// The data of the first record, and what follows it; `None` where there is none, or it is cut short or damaged.
pub(super) fn first(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (head, rest) = bytes.split_at_checked(HEAD)?;
    let (length, checksum) = head.split_first_chunk::<8>()?;
    if checksum != masked(length).to_le_bytes() {
        return None;
    }
    let (data, rest) = rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
    let (checksum, rest) = rest.split_first_chunk::<4>()?;
    (*checksum == masked(data).to_le_bytes()).then_some((data, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The checksum bit by bit.
    fn naive(bytes: &[u8]) -> u32 {
        let mut crc = !0u32;
        for byte in bytes {
            crc ^= u32::from(*byte);
            for _ in 0..8 {
                crc = (crc >> 1) ^ if crc & 1 == 1 { 0x82f6_3b78 } else { 0 };
            }
        }
        !crc
    }

    #[test]
    fn checksums_are_crc32c_masked() {
        assert_eq!(CRC.checksum(b"123456789"), 0xe306_9283); // RFC 3720's check value
        for length in [0, 1, 7, 64, 1000] {
            let bytes: Vec<u8> = (0..length).map(|i| (i * 37 % 251) as u8).collect();
            let (low, high) = (naive(&bytes) & 0x7fff, naive(&bytes) >> 15);
            assert_eq!(masked(&bytes), (low << 17 | high).wrapping_add(0xa282_ead8));
        }
    }

    #[test]
    fn records_come_back_and_damage_is_seen() {
        let bytes = [framed(b"one"), framed(b""), framed(&[7; 300])].concat();
        let (one, rest) = first(&bytes).unwrap();
        let (none, rest) = first(rest).unwrap();
        let (many, rest) = first(rest).unwrap();
        assert_eq!((one, none, many, rest), (&b"one"[..], &b""[..], &[7; 300][..], &b""[..]));
        assert_eq!(first(rest), None);
        let whole = framed(b"one");
        for length in 0..whole.len() {
            assert_eq!(first(&whole[..length]), None, "cut to {length} bytes");
        }
        for bit in 0..8 * whole.len() {
            let mut damaged = whole.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(first(&damaged), None, "bit {bit} turned");
        }
        // A length that no file has, with the right checksum.
        let length = u64::MAX.to_le_bytes();
        assert_eq!(first(&[&length[..], &masked(&length).to_le_bytes(), &[0; 64]].concat()), None);
    }
}
