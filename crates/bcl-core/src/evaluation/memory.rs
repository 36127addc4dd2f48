//! What an evaluation takes in memory, told beforehand.

use crate::fused;

/// Bytes that a fused evaluation takes besides the embeddings, forward and backward.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// Kept between evaluations for the next: scores of a block, packed embeddings, ranks.
    pub workspace: usize,
    /// The two views in one tensor, its gradient, and the gradients of the views, which libtorch copies from it when the
    /// views are leaves of the graph.
    pub tensors: usize,
}

impl Memory {
    /// For `pairs` pairs of two views, `dim` wide, on `threads` threads, in f32.
    #[must_use]
    pub fn two_views(pairs: usize, dim: usize, threads: usize) -> Self {
        let rows = 2 * pairs;
        Self {
            workspace: fused::workspace_bytes(rows, rows, dim, threads, true),
            tensors: 3 * rows * dim * std::mem::size_of::<f32>(),
        }
    }

    /// All of it.
    #[must_use]
    pub fn total(&self) -> usize {
        self.workspace + self.tensors
    }
}

/// Frees the memory that fused evaluations have kept for the next.
pub fn release_memory() {
    fused::release();
}
