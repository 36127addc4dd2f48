//! The parts of the fused evaluation one by one, for `benches/parts.rs`.

#![allow(missing_docs, clippy::missing_panics_doc, reason = "for this crate's benches only")]

use super::Isa;
use super::lanes::{Lanes, Portable};
use super::product::{Left, Out, Right, pack, product};
use super::rank::{RankScratch, look_up, range};
use super::row::{RowScratch, Term, row};

/// An instruction set by its name.
#[derive(Debug, Clone, Copy)]
pub struct Set(Isa);

impl Set {
    #[must_use]
    pub fn available() -> Vec<Self> {
        Isa::available().into_iter().map(Self).collect()
    }

    #[must_use]
    pub fn name(self) -> &'static str {
        self.0.name()
    }
}

/// A kernel as a function of the instruction set, inside functions that enable it.
macro_rules! by_set {
    ($name:ident = $kernel:ident($($argument:ident: $kind:ty),*) -> $result:ty) => {
        /// # Safety
        /// As for the kernel of the same name, but for the features.
        unsafe fn $name(set: Set, $($argument: $kind),*) -> $result {
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,bmi2,popcnt")]
            unsafe fn avx512($($argument: $kind),*) -> $result {
                // SAFETY: as this function.
                unsafe { $kernel::<super::lanes::Avx512, 4>($($argument),*) }
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma,bmi2,popcnt")]
            unsafe fn avx2($($argument: $kind),*) -> $result {
                // SAFETY: as this function.
                unsafe { $kernel::<super::lanes::Avx2, 2>($($argument),*) }
            }
            // SAFETY: the set is one of those found.
            unsafe {
                match set.0 {
                    #[cfg(target_arch = "x86_64")]
                    Isa::Avx512 => avx512($($argument),*),
                    #[cfg(target_arch = "x86_64")]
                    Isa::Avx2 => avx2($($argument),*),
                    Isa::Portable => $kernel::<Portable, 2>($($argument),*),
                }
            }
        }
    };
}

by_set!(rank_by_set = rank_of(scores: *const f32, length: usize, ranks: &mut RankScratch, table: &[f32], out: &mut [f32]) -> ());
by_set!(row_by_set = whole_row(scores: *mut f32, length: usize, term: Term<'_>, scratch: &mut RowScratch) -> f64);
by_set!(product_by_set = product(shape: (usize, usize, usize), left: Left, right: Right, out: Out, add: bool) -> ());

/// Rows of scores with room to read beyond.
#[derive(Debug)]
pub struct Row {
    scores: Vec<f32>,
    length: usize,
    scratch: RowScratch,
    ranks: RankScratch,
    table: Vec<f32>,
    out: Vec<f32>,
}

impl Row {
    #[must_use]
    pub fn new(scores: &[f32]) -> Self {
        let length = scores.len();
        assert!(length > 0, "a row has at least one score");
        let mut padded = scores.to_vec();
        padded.resize(length.next_multiple_of(16) + 16, 0.0);
        let (mut scratch, mut ranks) = (RowScratch::default(), RankScratch::default());
        scratch.reserve(length);
        ranks.reserve(length);
        let table = (1..=length).map(|rank| rank as f32).collect();
        Self { scores: padded, length, scratch, ranks, table, out: vec![0.0; length] }
    }

    /// Looks every score up by its rank.
    pub fn rank(&mut self, set: Set) -> f32 {
        let (scores, length) = (self.scores.as_ptr(), self.length);
        let (ranks, table, out) = (&mut self.ranks, &self.table[..], &mut self.out[..]);
        // SAFETY: `new` has made the room.
        unsafe { rank_by_set(set, scores, length, ranks, table, out) };
        self.out[0]
    }

    /// Loss of an anchor, its scores becoming derivatives; they are put back first.
    pub fn whole(&mut self, set: Set, scores: &[f32]) -> f64 {
        self.scores[..self.length].copy_from_slice(scores);
        let (at, length, scratch) = (self.scores.as_mut_ptr(), self.length, &mut self.scratch);
        let term = Term::ByRank { omega: &self.table };
        // SAFETY: `new` has made the room.
        unsafe { row_by_set(set, at, length, term, scratch) }
    }
}

#[inline(always)]
unsafe fn rank_of<V: Lanes, const VECTORS: usize>(
    scores: *const f32,
    length: usize,
    ranks: &mut RankScratch,
    table: &[f32],
    out: &mut [f32],
) {
    // SAFETY: `Row` has made the room.
    unsafe {
        if let Some(ends) = range::<V>(scores, length) {
            look_up::<V>(scores, length, ends, ranks, table, out);
        }
    }
}

#[inline(always)]
unsafe fn whole_row<V: Lanes, const VECTORS: usize>(
    scores: *mut f32,
    length: usize,
    term: Term<'_>,
    scratch: &mut RowScratch,
) -> f64 {
    // SAFETY: `Row` has made the room.
    unsafe { row::<V>(scores, length, 0.5, 0.5, term, Some(1.0), scratch).loss }
}

/// S = A C' with packing, as the first product of an evaluation: `a` m x k, `c` n x k, `out` m x n, n a multiple of 64.
pub fn scores_product(
    set: Set,
    (m, n, k): (usize, usize, usize),
    a: &[f32],
    c: &[f32],
    panels: &mut [f32],
    out: &mut [f32],
) {
    assert!(
        n % 64 == 0 && a.len() >= m * k && c.len() >= n * k && panels.len() >= n * k && out.len() >= m * n
    );
    let tile = set.0.tile();
    // SAFETY: the slices have the sizes just checked.
    unsafe { pack((n, k), (c.as_ptr(), k), panels.as_mut_ptr(), tile, 0..n / tile) };
    let left = Left { start: a.as_ptr(), row: k, column: 1 };
    let right = Right { start: panels.as_ptr(), row: tile, tile: k * tile };
    let out = Out { start: out.as_mut_ptr(), row: n };
    // SAFETY: the slices have the sizes just checked.
    unsafe { product_by_set(set, (m, n, k), left, right, out, false) };
}

/// G C, as the second product: `g` m x k, `c` k x n, `out` m x n, n a multiple of 16.
pub fn gradient_product(set: Set, (m, n, k): (usize, usize, usize), g: &[f32], c: &[f32], out: &mut [f32]) {
    assert!(n % 16 == 0 && g.len() >= m * k && c.len() >= n * k && out.len() >= m * n);
    let left = Left { start: g.as_ptr(), row: k, column: 1 };
    let right = Right { start: c.as_ptr(), row: n, tile: set.0.tile() };
    let out = Out { start: out.as_mut_ptr(), row: n };
    // SAFETY: the slices have the sizes just checked.
    unsafe { product_by_set(set, (m, n, k), left, right, out, false) };
}
