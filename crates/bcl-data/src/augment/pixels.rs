//! An image on its way to a view: three square u8 planes, each with room behind it for a vector to reach over.

/// Bytes behind a plane that may be read and written.
pub(super) const ROOM: usize = 32;

/// Three planes of `size` x `size` bytes.
#[derive(Debug, Default)]
pub(super) struct Pixels {
    bytes: Vec<u8>,
    size: usize,
}

impl Pixels {
    /// Makes the planes `size` x `size`, of arbitrary content.
    pub(super) fn reshape(&mut self, size: usize) {
        self.size = size;
        self.bytes.resize(3 * self.stride(), 0);
    }

    /// Side of a plane.
    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// Bytes of a plane with its room, in whole vectors.
    fn stride(&self) -> usize {
        (self.size * self.size).next_multiple_of(ROOM) + ROOM
    }

    /// The planes, each with its room.
    pub(super) fn planes(&self) -> [&[u8]; 3] {
        let (red, rest) = self.bytes.split_at(self.stride());
        let (green, blue) = rest.split_at(self.stride());
        [red, green, blue]
    }

    /// The planes, each with its room.
    pub(super) fn planes_mut(&mut self) -> [&mut [u8]; 3] {
        let stride = self.stride();
        let (red, rest) = self.bytes.split_at_mut(stride);
        let (green, blue) = rest.split_at_mut(stride);
        [red, green, blue]
    }
}
