//! A resize by AVX2: sixteen columns at a time. Two pixels and two weights meet in one `madd`; weights have 22 bits and go in
//! two parts of 11, so that everything is exact in 32 bits.

#![allow(unsafe_code, reason = "AVX2 instructions; vectors that reach over the ends of lines")]

use super::super::lanes::Avx2;
use super::super::pixels::ROOM;
use super::taps::{Group, LOW_BITS, MOST_PAIRS, Pair, Taps};
use super::{HALF, PRECISION, Scratch, Source};
use std::arch::x86_64::*;

/// Columns that a vector of the last lines has.
const COLUMNS: usize = 32;

/// Resizes to the lines of `plane`, which has its room behind it. The columns' taps have groups.
pub(super) fn resize(
    _proof: Avx2,
    source: Source<'_>,
    (across, down): (&Taps, &Taps),
    scratch: &mut Scratch,
    plane: &mut [u8],
) {
    let Source { image, first, width, crop } = source;
    let size = across.first.len();
    let stride = size.next_multiple_of(COLUMNS);
    // One line more than there are: a last, odd tap has a partner of weight 0.
    scratch.wide.resize((crop.height + 1) * stride, 0);

    // How far the vectors of a line reach; the lines that they do not leave the image from.
    let starts = across.groups.iter().flat_map(|group| group.first);
    let reach = starts.max().unwrap_or(0) + 2 * (across.count.div_ceil(2) - 1) + 16;
    let room = (image.len() - first).checked_sub(reach);
    let inside = room.map_or(0, |room| room / width + 1).min(crop.height);
    // The others are copied to where there is room.
    let padded = crop.width + reach;
    scratch.ends.clear();
    scratch.ends.resize((crop.height - inside) * padded, 0);
    for (line, end) in source.lines().skip(inside).zip(scratch.ends.chunks_exact_mut(padded)) {
        end[..crop.width].copy_from_slice(line);
    }

    let (lines, last) = scratch.wide.split_at_mut(inside * stride);
    assert!(plane.len() >= size * size + ROOM && down.first.len() == size);
    // SAFETY: the proof says that the processor has AVX2. The lines given have `reach` bytes each; `lines` and `last` have
    // `stride` elements for each of them, whole vectors for every group of the `size` columns. Afterwards `wide` has a line more
    // than the taps of the lines reach, and the plane has room for one vector behind its last line.
    unsafe {
        columns(&image[first..], width, inside, across, lines, stride);
        columns(&scratch.ends, padded, crop.height - inside, across, last, stride);
        rows(&scratch.wide, stride, down, plane);
    }
}

/// `count` lines, `step` bytes apart, through the taps, to lines of `stride`.
///
/// # Safety
/// As [`columns_of`].
#[target_feature(enable = "avx2")]
unsafe fn columns(bytes: &[u8], step: usize, count: usize, taps: &Taps, wide: &mut [i16], stride: usize) {
    // SAFETY: as this function.
    unsafe {
        match taps.count.div_ceil(2) {
            1 => columns_of::<1>(bytes, step, count, taps, wide, stride),
            2 => columns_of::<2>(bytes, step, count, taps, wide, stride),
            3 => columns_of::<3>(bytes, step, count, taps, wide, stride),
            4 => columns_of::<4>(bytes, step, count, taps, wide, stride),
            5 => columns_of::<5>(bytes, step, count, taps, wide, stride),
            _ => columns_of::<MOST_PAIRS>(bytes, step, count, taps, wide, stride),
        }
    }
}

/// [`columns`] of N pairs of taps, sixteen columns of all lines before the next sixteen.
///
/// # Safety
/// From every line's beginning the bytes are readable as far as the groups reach: first + 2 (N - 1) + 16. `wide` has `count`
/// lines of `stride`, which is a multiple of 32 and at least 16 for two groups.
#[target_feature(enable = "avx2")]
unsafe fn columns_of<const N: usize>(
    bytes: &[u8],
    step: usize,
    count: usize,
    taps: &Taps,
    wide: &mut [i16],
    stride: usize,
) {
    for (block, [a, b]) in taps.groups.as_chunks::<2>().0.iter().enumerate() {
        let (a, b) = (Packed::<N>::new(a), Packed::<N>::new(b));
        for y in 0..count {
            // SAFETY: as this function.
            unsafe {
                let line = bytes.as_ptr().add(y * step);
                let both = _mm256_packs_epi32(a.sums(line), b.sums(line));
                _mm256_storeu_si256(wide.as_mut_ptr().add(y * stride + 16 * block).cast(), both);
            }
        }
    }
}

/// A group of N pairs of taps, in registers where they suffice.
struct Packed<const N: usize> {
    first: [usize; 2],
    pick: __m256i,
    high: [__m256i; N],
    low: [__m256i; N],
}

impl<const N: usize> Packed<N> {
    #[inline]
    #[target_feature(enable = "avx2")]
    fn new(group: &Group) -> Self {
        let zero = _mm256_setzero_si256();
        let (mut high, mut low) = ([zero; N], [zero; N]);
        for ((high, low), pair) in high.iter_mut().zip(&mut low).zip(&group.pairs) {
            let Pair { high: of_high, low: of_low } = pair;
            // SAFETY: sixteen 16-bit numbers each.
            unsafe {
                *high = _mm256_loadu_si256(of_high.as_ptr().cast());
                *low = _mm256_loadu_si256(of_low.as_ptr().cast());
            }
        }
        // SAFETY: 32 bytes.
        let pick = unsafe { _mm256_loadu_si256(group.pick.as_ptr().cast()) };
        Self { first: group.first, pick, high, low }
    }

    /// The group's eight columns of a line, rounded.
    ///
    /// # Safety
    /// As [`columns_of`].
    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn sums(&self, line: *const u8) -> __m256i {
        let (mut high, mut low) = (_mm256_setzero_si256(), _mm256_set1_epi32(HALF));
        for pair in 0..N {
            // SAFETY: as this function.
            let bytes = unsafe {
                let near = _mm_loadu_si128(line.add(self.first[0] + 2 * pair).cast());
                let far = _mm_loadu_si128(line.add(self.first[1] + 2 * pair).cast());
                _mm256_inserti128_si256::<1>(_mm256_castsi128_si256(near), far)
            };
            let pixels = _mm256_shuffle_epi8(bytes, self.pick);
            high = _mm256_add_epi32(high, _mm256_madd_epi16(pixels, self.high[pair]));
            low = _mm256_add_epi32(low, _mm256_madd_epi16(pixels, self.low[pair]));
        }
        rounded(high, low)
    }
}

/// The sum of both parts, without its fraction; a half is in `low` already.
#[inline]
#[target_feature(enable = "avx2")]
fn rounded(high: __m256i, low: __m256i) -> __m256i {
    let sum = _mm256_add_epi32(_mm256_slli_epi32::<LOW_BITS>(high), low);
    _mm256_srai_epi32::<{ PRECISION as i32 }>(sum)
}

/// Lines of `stride` through the taps to the lines of `plane`. A vector reaches over the end of its line into the next, which is
/// written after it.
///
/// # Safety
/// `wide` has one line more than the taps reach; `plane` has room for a vector behind its last line.
#[target_feature(enable = "avx2")]
unsafe fn rows(wide: &[i16], stride: usize, taps: &Taps, plane: &mut [u8]) {
    let size = taps.first.len();
    let weights = taps.pairs.chunks_exact(taps.count.div_ceil(2));
    for ((y, &first), weights) in taps.first.iter().enumerate().zip(weights) {
        for x in (0..size).step_by(COLUMNS) {
            let (mut high, mut low) = ([_mm256_setzero_si256(); 4], [_mm256_set1_epi32(HALF); 4]);
            for (pair, &[of_high, of_low]) in weights.iter().enumerate() {
                let (of_high, of_low) = (_mm256_set1_epi32(of_high), _mm256_set1_epi32(of_low));
                // SAFETY: as this function.
                let (a0, a1, b0, b1) = unsafe {
                    let a: *const __m256i = wide.as_ptr().add((first + 2 * pair) * stride + x).cast();
                    let b: *const __m256i = wide.as_ptr().add((first + 2 * pair + 1) * stride + x).cast();
                    (
                        _mm256_loadu_si256(a),
                        _mm256_loadu_si256(a.add(1)),
                        _mm256_loadu_si256(b),
                        _mm256_loadu_si256(b.add(1)),
                    )
                };
                let pixels = [
                    _mm256_unpacklo_epi16(a0, b0),
                    _mm256_unpackhi_epi16(a0, b0),
                    _mm256_unpacklo_epi16(a1, b1),
                    _mm256_unpackhi_epi16(a1, b1),
                ];
                for i in 0..4 {
                    high[i] = _mm256_add_epi32(high[i], _mm256_madd_epi16(pixels[i], of_high));
                    low[i] = _mm256_add_epi32(low[i], _mm256_madd_epi16(pixels[i], of_low));
                }
            }
            let near = _mm256_packs_epi32(rounded(high[0], low[0]), rounded(high[1], low[1]));
            let far = _mm256_packs_epi32(rounded(high[2], low[2]), rounded(high[3], low[3]));
            let bytes = _mm256_packus_epi16(near, far);
            let bytes = _mm256_permute4x64_epi64::<0b1101_1000>(bytes);
            // SAFETY: as this function.
            unsafe { _mm256_storeu_si256(plane.as_mut_ptr().add(y * size + x).cast(), bytes) };
        }
    }
}
