//! A queue of past embeddings as negatives: He et al., *Momentum Contrast*, arXiv 1911.05722.

use crate::error::{Error, Result};
use crate::views::{check_embeddings, check_like};
use tch::{Device, Kind, Tensor};

/// The last K embeddings, first in, first out. They carry no gradient: [`crate::Batch::general`] spares theirs.
///
/// ```
/// use bcl_core::queue::Queue;
/// use tch::{Device, Kind, Tensor};
/// # fn main() -> bcl_core::Result<()> {
/// let mut queue = Queue::new(3, 2, (Kind::Float, Device::Cpu))?;
/// queue.push(&Tensor::from_slice2(&[[1f32, 0.], [0., 1.]]))?;
/// assert_eq!(queue.len(), 2);
/// assert_eq!(queue.negatives()?.size(), [2, 2]);
/// # Ok(())
/// # }
/// ```
///
/// A step of training: embed the keys, evaluate the loss on `Batch::general(anchors, positives, queue.negatives())`, go
/// back, then [`Queue::push`] the keys. Pushing writes over what [`Queue::negatives`] gave: after the backward pass it
/// does no harm, before it the loss refuses to differentiate ([`Error::Modified`]) where it would have mattered.
#[derive(Debug)]
pub struct Queue {
    /// K x D
    rows: Tensor,
    /// Where the next embedding goes.
    next: i64,
    /// Embeddings there are, up to K.
    filled: i64,
}

/// What makes a queue what it is, to be saved and loaded: the same tensors, the same queue.
#[derive(Debug)]
pub struct QueueState {
    /// K x D; rows that were never pushed are 0.
    pub rows: Tensor,
    /// Two integers, i64: where the next embedding goes, and how many there are.
    pub position: Tensor,
}

impl Queue {
    /// An empty queue for `capacity` embeddings of width `dim`.
    ///
    /// # Errors
    /// When a number is not positive, the type is not of floating point, or memory does not suffice.
    pub fn new(capacity: i64, dim: i64, (kind, device): (Kind, Device)) -> Result<Self> {
        let shape = [capacity, dim];
        if capacity < 1 || dim < 1 {
            let expected = "a capacity and a width of at least 1".into();
            return Err(Error::Shape { operation: OPERATION, expected, got: shape.to_vec() });
        }
        let rows = Tensor::f_zeros(shape, (kind, device))?;
        check_embeddings(OPERATION, &rows)?;
        Ok(Self { rows, next: 0, filled: 0 })
    }

    /// Most embeddings that it holds.
    #[must_use]
    pub fn capacity(&self) -> i64 {
        self.rows.size()[0]
    }

    /// Embeddings that it holds.
    #[must_use]
    pub fn len(&self) -> i64 {
        self.filled
    }

    /// Whether nothing was pushed yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.filled == 0
    }

    /// Adds embeddings, n x D, apart from their graph, in place of the oldest. Of more than the capacity the last stay.
    ///
    /// # Errors
    /// When shape, type or device are not the queue's.
    pub fn push(&mut self, z: &Tensor) -> Result<()> {
        check_embeddings(OPERATION, z)?;
        check_like(OPERATION, &self.rows, z)?;
        let (capacity, dim) = (self.capacity(), self.rows.size()[1]);
        if z.size()[1] != dim {
            let expected = format!("embeddings n x {dim}");
            return Err(Error::Shape { operation: OPERATION, expected, got: z.size() });
        }
        let _guard = tch::no_grad_guard();
        let count = z.size()[0];
        let kept = count.min(capacity);
        let z = z.f_narrow(0, count - kept, kept)?;
        let first = kept.min(capacity - self.next);
        self.rows.f_narrow(0, self.next, first)?.f_copy_(&z.f_narrow(0, 0, first)?)?;
        self.rows.f_narrow(0, 0, kept - first)?.f_copy_(&z.f_narrow(0, first, kept - first)?)?;
        self.next = (self.next + kept) % capacity;
        self.filled = (self.filled + kept).min(capacity);
        Ok(())
    }

    /// The embeddings, N x D with N = [`Queue::len`], in no particular order; the queue's own memory.
    ///
    /// # Errors
    /// When libtorch refuses.
    pub fn negatives(&self) -> Result<Tensor> {
        Ok(self.rows.f_narrow(0, 0, self.filled)?)
    }

    /// A copy of everything, to be saved.
    ///
    /// # Errors
    /// When memory does not suffice.
    pub fn state(&self) -> Result<QueueState> {
        let rows = Tensor::f_empty_like(&self.rows)?;
        rows.shallow_clone().f_copy_(&self.rows)?;
        Ok(QueueState { rows, position: Tensor::f_from_slice(&[self.next, self.filled])? })
    }

    /// The queue that a state was taken of, on a device. It goes on exactly as that one would have.
    ///
    /// # Errors
    /// When the tensors are not those of a queue.
    pub fn from_state(state: &QueueState, device: Device) -> Result<Self> {
        check_embeddings(OPERATION, &state.rows)?;
        let (capacity, position) = (state.rows.size()[0], &state.position);
        let refuse = |got: String| Error::State { what: OPERATION, expected: STATE, got };
        if position.size() != [2] || position.kind() != Kind::Int64 {
            return Err(refuse(format!("{:?} {:?}", position.kind(), position.size())));
        }
        let (next, filled) = (position.f_int64_value(&[0])?, position.f_int64_value(&[1])?);
        let fits = (0..capacity.max(1)).contains(&next) && (0..=capacity).contains(&filled);
        if !fits || (filled < capacity && next != filled) {
            return Err(refuse(format!("{next} and {filled} of {capacity}")));
        }
        let rows = Tensor::f_empty(state.rows.size(), (state.rows.kind(), device))?;
        rows.shallow_clone().f_copy_(&state.rows)?;
        Ok(Self { rows, next, filled })
    }
}

const OPERATION: &str = "queue";
const STATE: &str = "two i64, the next place and the number of embeddings of a queue";
