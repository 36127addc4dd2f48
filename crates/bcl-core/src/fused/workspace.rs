//! Memory that is kept from one evaluation to the next: none is allocated in the steady state.

use super::row::RowScratch;
use std::sync::{Mutex, PoisonError};

/// A buffer of four-byte elements that begins at a cache line.
#[derive(Debug, Default)]
pub(super) struct Aligned<T = f32> {
    memory: Vec<T>,
    offset: usize,
}

/// Elements of a cache line.
const LINE: usize = 16;

impl<T: Copy + Default> Aligned<T> {
    /// Room for `length` elements, whose content is anything.
    pub(super) fn reserve(&mut self, length: usize) -> *mut T {
        if self.memory.len() < length + LINE {
            self.memory = Vec::new(); // not copied
            self.memory = vec![T::default(); length + LINE];
            let offset = self.memory.as_ptr().align_offset(size_of::<T>() * LINE);
            self.offset = if offset < LINE { offset } else { 0 };
        }
        self.slice().as_mut_ptr()
    }

    /// Everything there is room for.
    pub(super) fn slice(&mut self) -> &mut [T] {
        &mut self.memory[self.offset..]
    }
}

/// Elements between the scratch memory of one member and another's: threads that write to neighbouring lines, or to
/// addresses alike in their last bits, slow each other down.
pub(super) const APART: usize = 2048;

/// The buffers of one evaluation.
#[derive(Debug, Default)]
pub(super) struct Workspace {
    pub(super) panels: Aligned,
    pub(super) scores: Aligned,
    /// Embeddings and gradients with rows filled up, where the width is no multiple of a vector's.
    pub(super) padded: [Aligned; 6],
    scratch: Vec<RowScratch>,
}

impl Workspace {
    /// Scratch memory of `members` for rows of `length`.
    pub(super) fn scratch(&mut self, members: usize, length: usize) -> *mut RowScratch {
        if self.scratch.len() < members {
            self.scratch.resize_with(members, RowScratch::default);
        }
        self.scratch.iter_mut().for_each(|scratch| scratch.reserve(length));
        self.scratch.as_mut_ptr()
    }
}

/// Workspaces that nobody uses at the moment.
static IDLE: Mutex<Vec<Workspace>> = Mutex::new(Vec::new());

/// Lends a workspace to `work`; evaluations at the same time have one each.
pub(super) fn with<T>(work: impl FnOnce(&mut Workspace) -> T) -> T {
    let lock = || IDLE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut workspace = lock().pop().unwrap_or_default();
    let result = work(&mut workspace);
    lock().push(workspace);
    result
}

/// Frees the memory that evaluations have kept for the next.
pub(crate) fn release() {
    IDLE.lock().unwrap_or_else(PoisonError::into_inner).clear();
}
