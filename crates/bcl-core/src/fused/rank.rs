//! Exact ranks of a row, "how many are at most as large", by one pass through buckets.
//!
//! The row's range is divided into equal buckets. Counting and summing up the counts gives the number of elements in
//! all lower buckets; a vector comparison inside the element's own bucket gives the rest. Bucket numbers grow with
//! the score whatever the rounding, so ranks are exact, ties included. A bucket with many elements (clustered or
//! tied scores) is sorted instead: the worst case is that of a sort.

use super::lanes::Lanes;
use super::workspace::{APART, Aligned};

/// A bucket with more elements is sorted.
const CROWDED: u32 = 96;

/// Elements for each bucket, on average.
const LOAD: usize = 2;

/// The memory that ranking a row of at most so many elements takes.
#[derive(Debug, Default)]
pub(super) struct RankScratch {
    /// Bucket of each element.
    bucket: Aligned<u32>,
    /// Entry b: where bucket b begins; after placing, entry b + 1 is where it ends.
    bounds: Aligned<u32>,
    /// The scores by bucket; a vector more, which comparisons may read.
    placed: Aligned,
}

impl RankScratch {
    /// Room for rows of `length`.
    pub(super) fn reserve(&mut self, length: usize) {
        let [bucket, bounds, placed] = Self::lengths(length);
        self.bucket.reserve(bucket);
        self.bounds.reserve(bounds);
        self.placed.reserve(placed);
    }

    fn lengths(length: usize) -> [usize; 3] {
        let padded = length.next_multiple_of(16) + 16;
        [padded, length / LOAD + 3, padded].map(|length| length + APART)
    }

    pub(super) fn bytes(length: usize) -> usize {
        4 * Self::lengths(length).iter().sum::<usize>()
    }
}

/// Looks up every element of the row by its rank: `out[position] = table[rank - 1]`. Ranks are 1..=N, tied scores share
/// the highest rank of their group. `low` and `high` are the smallest and the largest element.
///
/// # Safety
/// The processor has the features of `V`. `row` is readable for `length` elements rounded up to 16; elements
/// beyond `length` are numbers, no matter which; none is NaN. `scratch` has room for `length`, which is >= 1; `table` and
/// `out` are at least as long.
#[inline(always)]
pub(super) unsafe fn look_up<V: Lanes>(
    row: *const f32,
    length: usize,
    (low, high): (f32, f32),
    scratch: &mut RankScratch,
    table: &[f32],
    out: &mut [f32],
) {
    let (table, out) = (&table[..length], &mut out[..length]);
    let RankScratch { bucket, bounds, placed } = scratch;
    let (bucket, bounds, placed) = (bucket.slice(), bounds.slice(), placed.slice());
    // SAFETY: `row` is readable for `length` elements.
    let scores = unsafe { std::slice::from_raw_parts(row, length) };
    let buckets = (length / LOAD).max(1);
    let spread = high - low;
    let scale = buckets as f32 / spread;
    if spread == 0.0 {
        out.fill(table[length - 1]);
        return;
    }
    if !(scale.is_finite() && spread.is_finite() && scale > 0.0) {
        by_sorting(scores, placed, table, out);
        return;
    }
    let bounds = &mut bounds[..buckets + 2];
    bounds.fill(0);
    let last = (buckets - 1) as f32;
    // SAFETY: the buffers have room for `length` rounded up to a vector (RankScratch::reserve); the row is readable as
    // far. Buckets of the elements beyond `length` are not used.
    unsafe {
        let (low, scale, last) = (V::splat(low), V::splat(scale), V::splat(last));
        for start in (0..length).step_by(V::WIDTH) {
            let number = V::load(row.add(start)).sub(low).mul(scale).min(last).max(V::splat(0.0));
            number.store_whole(bucket.as_mut_ptr().add(start));
        }
    }
    let numbers = &bucket[..length];
    let mut most = 0;
    // SAFETY: bucket numbers are in 0..buckets, `bounds` has buckets + 2 entries, and the counts sum to `length`, so
    // that places are in 0..length.
    unsafe {
        for &number in numbers {
            *bounds.get_unchecked_mut(number as usize + 2) += 1;
        }
        let mut sum = 0;
        for count in &mut bounds[2..] {
            most = most.max(*count);
            sum += *count;
            *count = sum;
        }
        // Entry b + 1 is where bucket b begins; placing moves it to where the bucket ends, the beginning of the next.
        for (&score, &number) in scores.iter().zip(numbers) {
            let place = bounds.get_unchecked_mut(number as usize + 1);
            *placed.get_unchecked_mut(*place as usize) = score;
            *place += 1;
        }
    }
    if most > CROWDED {
        let mut start = 0;
        for &end in &bounds[1..=buckets] {
            if end - start > CROWDED {
                placed[start as usize..end as usize].sort_unstable_by(f32::total_cmp);
            }
            start = end;
        }
    }
    // Elements of later buckets are larger than all of this one, and so is what follows the last: a comparison may run on.
    placed[length..length + V::WIDTH].fill(f32::INFINITY);
    let view = Placed { scores, numbers, bounds, placed };
    // SAFETY: bucket numbers are in 0..buckets; a vector at any place up to `length` is readable.
    unsafe { V::look_up(view, table, out) };
    if most > V::WIDTH as u32 {
        for (position, &score) in scores.iter().enumerate() {
            let number = numbers[position] as usize;
            let (start, end) = (bounds[number] as usize, bounds[number + 1] as usize);
            if end - start > V::WIDTH {
                let others = &placed[start..end];
                let among = if others.len() > CROWDED as usize {
                    others.partition_point(|&other| other <= score)
                } else {
                    others.iter().filter(|&&other| other <= score).count()
                };
                out[position] = table[(start + among).max(1) - 1];
            }
        }
    }
}

/// A row in buckets.
#[derive(Clone, Copy)]
pub(super) struct Placed<'a> {
    scores: &'a [f32],
    /// Bucket of each score.
    numbers: &'a [u32],
    /// Where each bucket begins.
    bounds: &'a [u32],
    /// The scores by bucket, then a vector of infinities.
    placed: &'a [f32],
}

/// The last step of [`look_up`] for buckets of at most a vector; elements of others are left to the caller, what is written
/// for them is any entry of the table. Apart from the rest so that it has the registers to itself ([`Lanes::look_up`]).
///
/// # Safety
/// The processor has the features of `V`. Numbers are below the length of `bounds`; bounds are such that a vector at them is
/// readable; `table` and `out` are as long as the scores.
#[inline(always)]
pub(super) unsafe fn look_up_placed<V: Lanes>(view: Placed<'_>, table: &[f32], out: &mut [f32]) {
    let (scores, numbers) = (view.scores.as_ptr(), view.numbers.as_ptr());
    let (bounds, placed) = (view.bounds.as_ptr(), view.placed.as_ptr());
    let (table, to) = (table.as_ptr(), out.as_mut_ptr());
    for position in 0..view.scores.len() {
        // SAFETY: as this function. Elements beyond the last are infinite and not counted, so that rank <= length; in a
        // bucket of more than a vector nothing may be counted, hence the `max`.
        unsafe {
            let start = *bounds.add(*numbers.add(position) as usize);
            let among = V::count_at_most(placed.add(start as usize), *scores.add(position));
            *to.add(position) = *table.add((start + among).max(1) as usize - 1);
        }
    }
}

/// The smallest and the largest element; `None` if one is not finite.
///
/// # Safety
/// The processor has the features of `V`; `row` is readable for `length` elements rounded up to 16, of which those beyond
/// are finite.
#[inline(always)]
pub(super) unsafe fn range<V: Lanes>(row: *const f32, length: usize) -> Option<(f32, f32)> {
    let whole = length / V::WIDTH * V::WIDTH;
    // SAFETY: as this function.
    unsafe {
        let rest = std::slice::from_raw_parts(row.add(whole), length - whole);
        let low = rest.iter().copied().fold(f32::INFINITY, f32::min);
        let high = rest.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let zero = V::splat(0.0);
        let (mut lows, mut highs, mut sum) = (V::splat(low), V::splat(high), zero);
        for start in (0..whole).step_by(V::WIDTH) {
            let lanes = V::load(row.add(start));
            (lows, highs, sum) = (lows.min(lanes), highs.max(lanes), lanes.mul_add(zero, sum));
        }
        // A number times 0 is 0 only if it is finite.
        let finite = sum.sum() == 0.0 && rest.iter().all(|x| x.is_finite());
        finite.then(|| (lows.least(), highs.greatest()))
    }
}

/// For ranges that a scale does not fit: as wide as f32, or narrower than its smallest normal number.
#[cold]
fn by_sorting(scores: &[f32], sorted: &mut [f32], table: &[f32], out: &mut [f32]) {
    let sorted = &mut sorted[..scores.len()];
    sorted.copy_from_slice(scores);
    // -0 and +0 tie: total_cmp tells them apart, `<=` below does not mind.
    sorted.sort_unstable_by(f32::total_cmp);
    for (out, &score) in out.iter_mut().zip(scores) {
        *out = table[sorted.partition_point(|&other| other <= score).max(1) - 1];
    }
}
