//! Exact ranks of a row, "how many are at most as large", by one pass through buckets.
//!
//! The row's range is divided into equal buckets. Counting and summing up the counts gives the number of elements in
//! all lower buckets; a vector comparison inside the element's own bucket gives the rest. Bucket numbers grow with
//! the score whatever the rounding, so ranks are exact, ties included. A bucket with many elements (clustered or
//! tied scores) is sorted instead: the worst case is that of a sort.

use super::lanes::Lanes;

/// A bucket with more elements is sorted.
const CROWDED: u32 = 96;

/// Elements for each bucket, on average.
const LOAD: usize = 2;

/// The memory that ranking a row of at most so many elements takes.
#[derive(Debug, Default)]
pub(super) struct RankScratch {
    /// Bucket of each element.
    bucket: Vec<u32>,
    /// Entry b: where bucket b begins; after placing, entry b + 1 is where it ends.
    bounds: Vec<u32>,
    /// The scores by bucket; a vector more, which comparisons may read.
    placed: Vec<f32>,
}

impl RankScratch {
    /// Room for rows of `length`.
    pub(super) fn reserve(&mut self, length: usize) {
        let padded = length.next_multiple_of(16) + 16;
        grow(&mut self.bucket, padded, 0);
        grow(&mut self.bounds, length / LOAD + 3, 0);
        grow(&mut self.placed, padded, 0.0);
    }

    pub(super) fn bytes(length: usize) -> usize {
        4 * (2 * (length.next_multiple_of(16) + 16) + length / LOAD + 3)
    }
}

pub(super) fn grow<T: Clone>(buffer: &mut Vec<T>, length: usize, fill: T) {
    if buffer.len() < length {
        buffer.resize(length, fill);
    }
}

/// Calls `visit(position, rank)` for every element of the row, in order; ranks are 1..=N, tied scores share the
/// highest rank of their group.
///
/// # Safety
/// The processor has the features of `V`. `row` is readable for `length` elements rounded up to 16; elements
/// beyond `length` are numbers, no matter which; none is NaN. `scratch` has room for `length`, which is >= 1.
#[inline(always)]
pub(super) unsafe fn ranks<V: Lanes>(
    row: *const f32,
    length: usize,
    scratch: &mut RankScratch,
    mut visit: impl FnMut(usize, u32),
) {
    // SAFETY: `row` is readable for `length` elements.
    let scores = unsafe { std::slice::from_raw_parts(row, length) };
    // SAFETY: as this function.
    let (low, high) = unsafe { range::<V>(scores) };
    let buckets = (length / LOAD).max(1);
    let spread = high - low;
    let scale = buckets as f32 / spread;
    if spread == 0.0 {
        (0..length).for_each(|position| visit(position, length as u32));
        return;
    }
    if !(scale.is_finite() && spread.is_finite() && scale > 0.0) {
        by_sorting(scores, &mut scratch.placed, visit);
        return;
    }
    let bounds = &mut scratch.bounds[..buckets + 2];
    bounds.fill(0);
    let last = (buckets - 1) as f32;
    // SAFETY: the buffers have room for `length` rounded up to a vector (RankScratch::reserve); the row is readable as
    // far. Buckets of the elements beyond `length` are not used.
    unsafe {
        let (low, scale, last) = (V::splat(low), V::splat(scale), V::splat(last));
        for start in (0..length).step_by(V::WIDTH) {
            let number = V::load(row.add(start)).sub(low).mul(scale).min(last).max(V::splat(0.0));
            number.store_whole(scratch.bucket.as_mut_ptr().add(start));
        }
    }
    let numbers = &scratch.bucket[..length];
    let mut crowded = false;
    // SAFETY: bucket numbers are in 0..buckets, `bounds` has buckets + 2 entries, and the counts sum to `length`, so
    // that places are in 0..length.
    unsafe {
        for &number in numbers {
            *bounds.get_unchecked_mut(number as usize + 2) += 1;
        }
        let mut sum = 0;
        for count in &mut bounds[2..] {
            crowded |= *count > CROWDED;
            sum += *count;
            *count = sum;
        }
        // Entry b + 1 is where bucket b begins; placing moves it to where the bucket ends, the beginning of the next.
        for (&score, &number) in scores.iter().zip(numbers) {
            let place = bounds.get_unchecked_mut(number as usize + 1);
            *scratch.placed.get_unchecked_mut(*place as usize) = score;
            *place += 1;
        }
    }
    if crowded {
        let mut start = 0;
        for &end in &bounds[1..=buckets] {
            if end - start > CROWDED {
                scratch.placed[start as usize..end as usize].sort_unstable_by(f32::total_cmp);
            }
            start = end;
        }
    }
    let placed = scratch.placed.as_ptr();
    for (position, (&score, &number)) in scores.iter().zip(numbers).enumerate() {
        // SAFETY: `number` is in 0..buckets; a vector at any place below `length` is readable.
        let rank = unsafe {
            let (start, end) =
                (*bounds.get_unchecked(number as usize), *bounds.get_unchecked(number as usize + 1));
            if crowded && end - start > CROWDED {
                let bucket = &scratch.placed[start as usize..end as usize];
                start + bucket.partition_point(|&other| other <= score) as u32
            } else {
                let mut rank = start;
                let mut at = start as usize;
                loop {
                    let count = (end as usize - at).min(V::WIDTH);
                    rank += V::count_at_most(placed.add(at), count, score);
                    at += V::WIDTH;
                    if at >= end as usize {
                        break rank;
                    }
                }
            }
        };
        visit(position, rank);
    }
}

/// The smallest and the largest element.
///
/// # Safety
/// The processor has the features of `V`.
#[inline(always)]
unsafe fn range<V: Lanes>(scores: &[f32]) -> (f32, f32) {
    let whole = scores.len() / V::WIDTH * V::WIDTH;
    let rest = &scores[whole..];
    let low = rest.iter().copied().fold(f32::INFINITY, f32::min);
    let high = rest.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    // SAFETY: as this function; `whole` elements are readable.
    unsafe {
        let (mut lows, mut highs) = (V::splat(low), V::splat(high));
        for start in (0..whole).step_by(V::WIDTH) {
            let lanes = V::load(scores.as_ptr().add(start));
            (lows, highs) = (lows.min(lanes), highs.max(lanes));
        }
        (lows.least(), highs.greatest())
    }
}

/// For ranges that a scale does not fit: as wide as f32, or narrower than its smallest normal number.
#[cold]
fn by_sorting(scores: &[f32], sorted: &mut [f32], mut visit: impl FnMut(usize, u32)) {
    let sorted = &mut sorted[..scores.len()];
    sorted.copy_from_slice(scores);
    // -0 and +0 tie: total_cmp tells them apart, `<=` below does not mind.
    sorted.sort_unstable_by(f32::total_cmp);
    for (position, &score) in scores.iter().enumerate() {
        visit(position, sorted.partition_point(|&other| other <= score) as u32);
    }
}
