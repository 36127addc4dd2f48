//! Matrix products for tall and narrow f32 matrices: a register tile, and the loop over tiles.
//!
//! An element of the result is summed in the order of k, in chunks, whatever tile it falls into and whichever thread
//! computes it: results do not depend on the division of work.

use super::lanes::Lanes;

/// Rows of a register tile.
pub(super) const STRIP: usize = 6;

/// Steps of k between two visits of a tile: what the tile reads of B meanwhile stays in the second-level cache.
const CHUNK: usize = 256;

/// A matrix in memory: element (i, j) at `start + i * row + j * column`.
#[derive(Clone, Copy)]
pub(super) struct Left {
    pub(super) start: *const f32,
    pub(super) row: usize,
    pub(super) column: usize,
}

/// The right factor, k x n: tiles of columns `tile` apart, in each of them rows `row` apart.
#[derive(Clone, Copy)]
pub(super) struct Right {
    pub(super) start: *const f32,
    pub(super) row: usize,
    pub(super) tile: usize,
}

/// The result, m x n, rows `row` apart.
#[derive(Clone, Copy)]
pub(super) struct Out {
    pub(super) start: *mut f32,
    pub(super) row: usize,
}

/// `out = left * right`, or `out += left * right`, for shape (m, n, k); n is a multiple of the vector's width.
///
/// # Safety
/// The processor has the features of `V`; the three matrices are readable, and `out` writable, over the shape; `out`
/// overlaps neither of the others.
#[inline(always)]
pub(super) unsafe fn product<V: Lanes, const VECTORS: usize>(
    (m, n, k): (usize, usize, usize),
    left: Left,
    right: Right,
    out: Out,
    accumulate: bool,
) {
    let width = V::WIDTH * VECTORS;
    let mut from = 0;
    loop {
        let depth = CHUNK.min(k - from);
        let add = accumulate || from > 0;
        for (number, column) in (0..n).step_by(width).enumerate() {
            let mut row = 0;
            while row < m {
                let rows = if m - row >= STRIP { STRIP } else { 1 };
                // SAFETY: row + rows <= m, column < n and from + depth <= k lie inside the shape.
                unsafe {
                    let a = left.start.add(row * left.row + from * left.column);
                    let b = right.start.add(number * right.tile + from * right.row);
                    let c = out.start.add(row * out.row + column);
                    let (a, b, c) = ((a, left.row, left.column), (b, right.row), (c, out.row));
                    let vectors = (n - column).min(width) / V::WIDTH;
                    match (rows == STRIP, vectors == VECTORS) {
                        (true, true) => tile::<V, STRIP, VECTORS>(depth, a, b, c, add),
                        (false, true) => tile::<V, 1, VECTORS>(depth, a, b, c, add),
                        (full, false) => {
                            for vector in 0..vectors {
                                let (b, c) =
                                    ((b.0.add(vector * V::WIDTH), b.1), (c.0.add(vector * V::WIDTH), c.1));
                                if full {
                                    tile::<V, STRIP, 1>(depth, a, b, c, add);
                                } else {
                                    tile::<V, 1, 1>(depth, a, b, c, add);
                                }
                            }
                        }
                    }
                }
                row += rows;
            }
        }
        from += depth;
        if from >= k {
            break;
        }
    }
}

/// A tile of ROWS x (VECTORS * WIDTH) elements, kept in registers over the steps of k.
///
/// # Safety
/// As for [`product`].
#[inline(always)]
unsafe fn tile<V: Lanes, const ROWS: usize, const VECTORS: usize>(
    depth: usize,
    (mut a, a_row, a_column): (*const f32, usize, usize),
    (mut b, b_row): (*const f32, usize),
    (c, c_row): (*mut f32, usize),
    add: bool,
) {
    // SAFETY: the caller gives matrices that reach over ROWS rows, VECTORS vectors and `depth` steps. The pointers
    // are moved with wrapping arithmetic, so that the step beyond the last is no access.
    unsafe {
        let mut sums = [[V::splat(0.0); VECTORS]; ROWS];
        for _ in 0..depth {
            let mut right = [V::splat(0.0); VECTORS];
            for (vector, right) in right.iter_mut().enumerate() {
                *right = V::load(b.add(vector * V::WIDTH));
            }
            for (row, sums) in sums.iter_mut().enumerate() {
                let left = V::splat(*a.add(row * a_row));
                for (sum, &right) in sums.iter_mut().zip(&right) {
                    *sum = left.mul_add(right, *sum);
                }
            }
            a = a.wrapping_add(a_column);
            b = b.wrapping_add(b_row);
        }
        for (row, sums) in sums.iter().enumerate() {
            for (vector, &sum) in sums.iter().enumerate() {
                let to = c.add(row * c_row + vector * V::WIDTH);
                // Sums of a chunk are added up, not carried on: the rounding error grows with the chunks' number.
                if add { sum.add(V::load(to)).store(to) } else { sum.store(to) }
            }
        }
    }
}

/// Copies `rows` x `columns` elements, `row` apart, transposed into tiles of `width` rows: element (i, j) goes to
/// `to[(i / width) * columns * width + j * width + i % width]`; the last tile is filled up with 0. Tiles
/// `tiles` only.
///
/// # Safety
/// `from` is readable over the shape; `to` is writable for all its tiles.
pub(super) unsafe fn pack(
    (rows, columns): (usize, usize),
    (from, row): (*const f32, usize),
    to: *mut f32,
    width: usize,
    tiles: std::ops::Range<usize>,
) {
    for tile in tiles {
        // SAFETY: the tile lies inside `to`; rows beyond the last are not read.
        unsafe {
            let to = to.add(tile * columns * width);
            for lane in 0..width {
                let source = tile * width + lane;
                for column in 0..columns {
                    *to.add(column * width + lane) =
                        if source < rows { *from.add(source * row + column) } else { 0.0 };
                }
            }
        }
    }
}
