//! Which input positions make an output position, and with what weights.

use super::PRECISION;

/// For each output position the first input position and the weights of those that follow; as many for each.
#[derive(Debug, Default)]
pub(in super::super) struct Taps {
    pub(in super::super) first: Vec<usize>,
    pub(in super::super) weights: Vec<i32>,
    pub(in super::super) count: usize,
    /// The same in the order of vectors; none where that is not possible.
    pub(super) groups: Vec<Group>,
    /// For each output position, for each pair of its taps: both weights' upper parts and both lower ones.
    pub(super) pairs: Vec<[i32; 2]>,
}

/// Eight output positions, in two halves of four: 0 to 3 and 8 to 11 of sixteen, or 4 to 7 and 12 to 15, the order in which
/// packing two vectors restores their sequence.
#[derive(Debug, Clone)]
pub(super) struct Group {
    /// First input position of each half.
    pub(super) first: [usize; 2],
    /// For each output position the bytes of its first two taps, as 16-bit numbers: places from the half's first position.
    pub(super) pick: [u8; 32],
    /// For each pair of taps.
    pub(super) pairs: Vec<Pair>,
}

/// Two weights of each of eight output positions, apart: weight = `high` x 2^11 + `low`, so that products with bytes and
/// their sums are exact in 32 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pair {
    pub(super) high: [i16; 16],
    pub(super) low: [i16; 16],
}

/// Pairs that a group may have: the bytes of four positions lie within sixteen up to a scale of 14 / 3, which makes 11 taps.
/// Fewer positions could have more, and do without groups.
pub(super) const MOST_PAIRS: usize = 6;

/// Bits of a weight's lower part.
pub(in super::super) const LOW_BITS: i32 = 11;

/// Both parts of a weight, which is at most 2^22.
pub(in super::super) fn parts(weight: i32) -> [i16; 2] {
    [(weight >> LOW_BITS) as i16, (weight & ((1 << LOW_BITS) - 1)) as i16]
}

impl Taps {
    /// Taps from `input` positions to `output`, the last output first if `mirrored`.
    pub(super) fn new(input: usize, output: usize, mirrored: bool) -> Self {
        let scale = input as f64 / output as f64;
        let filter_scale = scale.max(1.0);
        let mut rows = Vec::with_capacity(output);
        for position in 0..output {
            let centre = (position as f64 + 0.5) * scale;
            // Truncation after adding a half, as Pillow's C code does.
            let low = (centre - filter_scale + 0.5).max(0.0) as usize;
            let high = ((centre + filter_scale + 0.5) as usize).min(input);
            let raw: Vec<f64> = (low..high)
                .map(|tap| (1.0 - ((tap as f64 - centre + 0.5) * (1.0 / filter_scale)).abs()).max(0.0))
                .collect();
            let sum: f64 = raw.iter().sum();
            let fixed = |weight: &f64| (weight / sum * f64::from(1 << PRECISION) + 0.5) as i32;
            rows.push((low, raw.iter().map(fixed).collect::<Vec<_>>()));
        }
        if mirrored {
            rows.reverse();
        }
        let count = rows.iter().map(|(_, weights)| weights.len()).max().unwrap_or(1);
        let (mut first, mut weights) = (Vec::with_capacity(output), vec![0; output * count]);
        for (place, (low, weights)) in weights.chunks_exact_mut(count).zip(rows) {
            // Where fewer weights count, zeros before or behind them keep the reach inside the input.
            let start = low.min(input - count);
            place[low - start..][..weights.len()].copy_from_slice(&weights);
            first.push(start);
        }
        let pairs = weights.chunks_exact(count).flat_map(|weights| {
            weights.chunks(2).map(|pair| {
                let (a, b) = (parts(pair[0]), parts(pair.get(1).copied().unwrap_or(0)));
                [0, 1].map(|part| i32::from(a[part]) | i32::from(b[part]) << 16)
            })
        });
        let pairs = pairs.collect();
        let groups: Option<Vec<Group>> = (0..output.div_ceil(16))
            .flat_map(|block| [0, 4].map(|half| 16 * block + half))
            .map(|from| Group::new(from, &first, &weights, count))
            .collect();
        Self { first, weights, count, groups: groups.unwrap_or_default(), pairs }
    }
}

impl Group {
    /// The group of `from` to `from` + 3 and `from` + 8 to `from` + 11; `None` where a half's bytes do not lie
    /// within sixteen, or the pairs are too many.
    fn new(from: usize, first: &[usize], weights: &[i32], count: usize) -> Option<Self> {
        if count.div_ceil(2) > MOST_PAIRS {
            return None;
        }
        let places =
            |half: usize| (0..4).map(move |i| from + 8 * half + i).filter(|&place| place < first.len());
        let start = [0, 1].map(|half| places(half).map(|place| first[place]).min().unwrap_or(0));
        let mut pick = [0x80; 32]; // a byte that becomes 0
        let mut pairs = vec![Pair { high: [0; 16], low: [0; 16] }; count.div_ceil(2)];
        for (half, &start) in start.iter().enumerate() {
            for (i, place) in places(half).enumerate() {
                let lane = 4 * half + i;
                let offset = first[place] - start;
                if offset > 14 {
                    return None;
                }
                (pick[4 * lane], pick[4 * lane + 2]) = (offset as u8, offset as u8 + 1);
                for (tap, &weight) in weights[place * count..][..count].iter().enumerate() {
                    let [high, low] = parts(weight);
                    let pair = &mut pairs[tap / 2];
                    (pair.high[2 * lane + tap % 2], pair.low[2 * lane + tap % 2]) = (high, low);
                }
            }
        }
        Some(Self { first: start, pick, pairs })
    }
}

/// Taps that have been used, by what they are from and to.
#[derive(Debug, Default)]
pub(in super::super) struct Cache {
    /// For each size of output, by length of the input, plain and mirrored; without positions where not yet made.
    sizes: Vec<(usize, Vec<[Taps; 2]>)>,
    made: usize,
}

/// Taps that are kept: a thread that meets more is one that meets images of many sizes, and begins anew.
const KEPT: usize = 2048;

impl Cache {
    /// Taps from two lengths to `size`, each plain or mirrored.
    pub(in super::super) fn taps(&mut self, size: usize, wanted: [(usize, bool); 2]) -> [&Taps; 2] {
        if self.made > KEPT {
            *self = Self::default();
        }
        let at = self.sizes.iter().position(|(of, _)| *of == size).unwrap_or_else(|| {
            self.sizes.push((size, Vec::new()));
            self.sizes.len() - 1
        });
        let lengths = &mut self.sizes[at].1;
        for (length, mirrored) in wanted {
            if lengths.len() <= length {
                lengths.resize_with(length + 1, Default::default);
            }
            let taps = &mut lengths[length][usize::from(mirrored)];
            if taps.first.is_empty() {
                *taps = Taps::new(length, size, mirrored);
                self.made += 1;
            }
        }
        wanted.map(|(length, mirrored)| &lengths[length][usize::from(mirrored)])
    }
}
