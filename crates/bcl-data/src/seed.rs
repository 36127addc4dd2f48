//! Random streams by name: what is drawn for an image depends on (seed, epoch, image, view) and on nothing else.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// A stream of random numbers.
#[derive(Debug, Clone)]
pub struct Stream(ChaCha8Rng);

/// Names the stream of shuffles apart from those of images.
const SHUFFLE: u64 = u64::MAX;

impl Stream {
    /// The stream of one view of one image in one epoch.
    #[must_use]
    pub fn new(seed: u64, epoch: u64, index: u64, view: u64) -> Self {
        let mut key = [0; 32];
        for (bytes, part) in key.chunks_exact_mut(8).zip([seed, epoch, index, view]) {
            bytes.copy_from_slice(&part.to_le_bytes());
        }
        Self(ChaCha8Rng::from_seed(key))
    }

    /// Uniform in [0, 1), 53 bits.
    pub fn unit(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Uniform in [low, high).
    pub fn uniform(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// True with probability `p`.
    pub fn chance(&mut self, p: f64) -> bool {
        self.unit() < p
    }

    /// Uniform in 0..bound, without bias; 0 for a bound of 0 or 1.
    pub fn below(&mut self, bound: usize) -> usize {
        if bound <= 1 {
            return 0;
        }
        let bound = bound as u64;
        loop {
            // Lemire: the high half of a product, low halves below 2^64 mod bound rejected.
            let product = u128::from(self.0.next_u64()) * u128::from(bound);
            if product as u64 >= bound.wrapping_neg() % bound {
                return (product >> 64) as usize;
            }
        }
    }

    /// Shuffles in place (Fisher-Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

/// The order in which an epoch visits `count` images.
#[must_use]
pub fn epoch_order(seed: u64, epoch: u64, count: usize) -> Vec<u32> {
    let mut order: Vec<u32> = (0..count as u32).collect();
    Stream::new(seed, epoch, SHUFFLE, SHUFFLE).shuffle(&mut order);
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_told_apart_by_every_part_of_their_name() {
        let first = |seed, epoch, index, view| Stream::new(seed, epoch, index, view).unit();
        let base = first(1, 2, 3, 0);
        assert_eq!(base, first(1, 2, 3, 0));
        for other in [first(2, 2, 3, 0), first(1, 3, 3, 0), first(1, 2, 4, 0), first(1, 2, 3, 1)] {
            assert_ne!(base, other);
        }
    }

    #[test]
    fn an_order_is_a_permutation_and_differs_between_epochs() {
        let order = epoch_order(1, 0, 1000);
        assert_ne!(order, epoch_order(1, 1, 1000));
        assert_eq!(order, epoch_order(1, 0, 1000));
        let mut sorted = order;
        sorted.sort_unstable();
        assert!(sorted.iter().enumerate().all(|(i, &index)| i == index as usize));
    }

    #[test]
    fn draws_are_uniform() {
        let mut stream = Stream::new(7, 0, 0, 0);
        let mut counts = [0; 6];
        (0..60_000).for_each(|_| counts[stream.below(6)] += 1);
        assert!(counts.iter().all(|&n| (9_600..10_400).contains(&n)), "{counts:?}");
        let mean = (0..100_000).map(|_| stream.uniform(2.0, 4.0)).sum::<f64>() / 1e5;
        assert!((mean - 3.0).abs() < 0.01);
        assert_eq!((stream.below(0), stream.below(1)), (0, 0));
    }
}
