//! The kernels against loops, on every instruction set of this processor.

use super::lanes::{Lanes, Portable};
use super::product::{Left, Out, Right, pack, product};
use super::rank::{RankScratch, look_up, range};
use super::*;
use proptest::prelude::*;

/// Runs a generic kernel call on every instruction set, each inside a function that enables it.
macro_rules! on_every_isa {
    ($lanes:ident, $vectors:ident => $body:expr) => {{
        #[cfg(target_arch = "x86_64")]
        {
            use super::lanes::{Avx2, Avx512};
            if Isa::available().contains(&Isa::Avx512) {
                #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,bmi2,popcnt")]
                unsafe fn call<T>(f: impl FnOnce() -> T) -> T {
                    f()
                }
                type $lanes = Avx512;
                const $vectors: usize = 4;
                // SAFETY: the features were found.
                let run = |work: &mut dyn FnMut()| unsafe { call(|| work()) };
                run(&mut || $body);
            }
            if Isa::available().contains(&Isa::Avx2) {
                #[target_feature(enable = "avx2,fma,bmi2,popcnt")]
                unsafe fn call<T>(f: impl FnOnce() -> T) -> T {
                    f()
                }
                type $lanes = Avx2;
                const $vectors: usize = 2;
                // SAFETY: the features were found.
                let run = |work: &mut dyn FnMut()| unsafe { call(|| work()) };
                run(&mut || $body);
            }
        }
        {
            type $lanes = Portable;
            const $vectors: usize = 2;
            $body;
        }
    }};
}

/// Numbers in [-1, 1) from a small generator.
fn numbers(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    (0..count)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
        })
        .collect()
}

#[test]
fn the_exponential_is_right_to_two_units() {
    on_every_isa!(V, _VECTORS => {
        let mut x = -86.9f32;
        while x < 88.0 {
            // SAFETY: the instruction set is there.
            let ours = unsafe { V::splat(x).exp().to_array()[0] };
            let exact = f64::from(x).exp();
            let off = (f64::from(ours) - exact).abs() / exact;
            assert!(off < 2.0 * f64::from(f32::EPSILON), "exp({x}) = {ours}, expected {exact}");
            x += if cfg!(miri) { 1.37 } else { 0.0137 };
        }
        // SAFETY: as above.
        let ends = unsafe { [V::splat(0.0).exp().to_array()[0], V::splat(f32::NEG_INFINITY).exp().to_array()[0]] };
        assert_eq!(ends[0], 1.0);
        assert!(ends[1] < 2e-38 && ends[1] >= 0.0);
    });
}

fn ranks_of(scores: &[f32]) {
    let n = scores.len();
    let naive: Vec<f32> =
        scores.iter().map(|s| scores.iter().filter(|other| *other <= s).count() as f32).collect();
    let mut padded = scores.to_vec();
    padded.resize(n.next_multiple_of(16) + 16, 1e9);
    let (padded, naive) = (&padded, &naive);
    on_every_isa!(V, _VECTORS => {
        let mut scratch = RankScratch::default();
        scratch.reserve(n);
        let mut ours = vec![0.0; n];
        let table: Vec<f32> = (1..=n).map(|rank| rank as f32).collect();
        // SAFETY: the row is padded, the scratch has room, the instruction set is there.
        unsafe {
            let ends = range::<V>(padded.as_ptr(), n).unwrap();
            look_up::<V>(padded.as_ptr(), n, ends, &mut scratch, &table, &mut ours);
        }
        assert_eq!(&ours, naive, "{n} scores");
    });
}

#[test]
fn ranks_are_the_naive_count() {
    let all = [1, 2, 3, 15, 16, 17, 31, 33, 100, 510, 1022];
    let lengths = if cfg!(miri) { &all[..6] } else { &all[..] };
    for &n in lengths {
        let random = numbers(n, n as u64);
        ranks_of(&random);
        ranks_of(&random.iter().map(|x| (x * 4.0).round() / 4.0).collect::<Vec<_>>()); // tied
        ranks_of(&random.iter().map(|x| x.powi(9)).collect::<Vec<_>>()); // clustered
        ranks_of(&random.iter().map(|x| 0.9 + x * 1e-6).collect::<Vec<_>>()); // nearly collapsed
        ranks_of(&random.iter().map(|x| x * 1e-42).collect::<Vec<_>>()); // subnormal
        ranks_of(&random.iter().map(|x| x * f32::MAX).collect::<Vec<_>>()); // wider than f32
        ranks_of(&vec![0.3; n]);
        ranks_of(&(0..n).map(|i| if i % 2 == 0 { 0.0 } else { -0.0 }).collect::<Vec<_>>());
        let mut outlier = vec![0.3; n];
        outlier[n / 2] = 1e30;
        ranks_of(&outlier);
        let mut half = random.clone();
        half[..n / 2].fill(0.25); // a crowded bucket among others
        ranks_of(&half);
        let mut sorted = random;
        sorted.sort_by(f32::total_cmp);
        ranks_of(&sorted);
        sorted.reverse();
        ranks_of(&sorted);
    }
}

proptest! {
    #[test]
    fn ranks_of_anything_finite(scores in prop::collection::vec(
        prop_oneof![-1.0f32..1.0, Just(0.5), Just(-0.0), -3e38f32..3e38, -1e-38f32..1e-38], 1..400)) {
        ranks_of(&scores);
    }

    #[test]
    fn products_are_the_naive_sums(m in 1usize..20, n in 1usize..9, k in 1usize..if cfg!(miri) { 20 } else { 600 }, seed in 0u64..1000, add in any::<bool>()) {
        let n = n * 16;
        let (a, b) = (numbers(m * k, seed), numbers(k * n, seed + 1));
        let before = numbers(m * n, seed + 2);
        let naive: Vec<f64> = (0..m * n)
            .map(|at| {
                let (i, j) = (at / n, at % n);
                let sum: f64 = (0..k).map(|p| f64::from(a[i * k + p]) * f64::from(b[p * n + j])).sum();
                sum + if add { f64::from(before[at]) } else { 0.0 }
            })
            .collect();
        let transposed: Vec<f32> = (0..k * m).map(|at| a[at % m * k + at / m]).collect();
        let (a, b, before, naive, transposed) = (&a, &b, &before, &naive, &transposed);
        on_every_isa!(V, VECTORS => {
            for (start, row, column) in [(a.as_ptr(), k, 1), (transposed.as_ptr(), 1, m)] {
                let mut out = before.clone();
                let tile = V::WIDTH * VECTORS;
                // SAFETY: the matrices have these shapes; the instruction set is there.
                unsafe {
                    product::<V, VECTORS>(
                        (m, n, k),
                        Left { start, row, column },
                        Right { start: b.as_ptr(), row: n, tile },
                        Out { start: out.as_mut_ptr(), row: n },
                        add,
                    );
                }
                for (ours, exact) in out.iter().zip(naive) {
                    assert!((f64::from(*ours) - exact).abs() < 1e-6 * k as f64, "{ours}, expected {exact}");
                }
            }
        });
    }

    #[test]
    fn packing_transposes_into_tiles(rows in 1usize..70, columns in 1usize..20) {
        let from = numbers(rows * columns, 3);
        let (width, tiles) = (16, rows.div_ceil(16));
        let mut to = vec![f32::NAN; tiles * width * columns];
        // SAFETY: `to` has room for the tiles.
        unsafe { pack((rows, columns), (from.as_ptr(), columns), to.as_mut_ptr(), width, 0..tiles) };
        for tile in 0..tiles {
            for column in 0..columns {
                for lane in 0..width {
                    let source = tile * width + lane;
                    let expected = if source < rows { from[source * columns + column] } else { 0.0 };
                    prop_assert_eq!(to[(tile * columns + column) * width + lane], expected);
                }
            }
        }
    }
}

/// A problem once more, by loops in f64.
struct Naive<'a> {
    /// Rows of the embeddings: anchors, positives, negatives; of two views all are the same.
    parts: [Vec<f64>; 3],
    two_views: bool,
    dim: usize,
    term: Term<'a>,
    labels: Option<(&'a [i64], &'a [i64])>,
}

const TEMPERATURE: f64 = 0.4;

impl Naive<'_> {
    fn rows(&self) -> usize {
        self.parts[0].len() / self.dim
    }

    fn score(&self, anchor: usize, part: usize, other: usize) -> f64 {
        let row = |part: usize, index: usize| &self.parts[part][index * self.dim..][..self.dim];
        row(0, anchor).iter().zip(row(part, other)).map(|(x, y)| x * y).sum()
    }

    fn negatives(&self, anchor: usize) -> Vec<usize> {
        let (rows, all) = (self.rows(), self.parts[2].len() / self.dim);
        let partner = (anchor + rows / 2) % rows;
        (0..all).filter(|&other| !self.two_views || (other != anchor && other != partner)).collect()
    }

    /// Weights of the anchor's negatives where they are constants.
    fn weights(&self, anchor: usize) -> Vec<f64> {
        let others = self.negatives(anchor);
        let scores: Vec<f64> = others.iter().map(|&other| self.score(anchor, 2, other)).collect();
        let by_rank = |table: &[f32]| -> Vec<f64> {
            let rank = |s: &f64| scores.iter().filter(|other| *other <= s).count();
            scores.iter().map(|s| f64::from(table[rank(s) - 1])).collect()
        };
        match self.term {
            Term::Sum | Term::Debiased { .. } => vec![1.0; others.len()],
            Term::ByRank { omega } => by_rank(omega),
            Term::Tilted { posterior, tilt } => {
                let tilted: Vec<f64> = by_rank(posterior)
                    .iter()
                    .zip(&scores)
                    .map(|(p, s)| p * (tilt * s / TEMPERATURE).exp())
                    .collect();
                let mean = tilted.iter().sum::<f64>() / tilted.len() as f64;
                tilted.iter().map(|w| w / mean).collect()
            }
            Term::TrueNegatives => {
                let (of_anchors, of_columns) = self.labels.unwrap();
                let differs: Vec<f64> = others
                    .iter()
                    .map(|&other| f64::from(u8::from(of_columns[other] != of_anchors[anchor])))
                    .collect();
                let count = differs.iter().sum::<f64>().max(1.0);
                differs.iter().map(|x| x * others.len() as f64 / count).collect()
            }
        }
    }

    fn loss(&self, anchor: usize, weights: &[f64]) -> f64 {
        let x = |s: f64| (s / TEMPERATURE).exp();
        let rows = self.rows();
        let positive = if self.two_views { (anchor + rows / 2) % rows } else { anchor };
        let positive = x(self.score(anchor, 1, positive));
        let others = self.negatives(anchor);
        let n = others.len() as f64;
        let sum = |power: f64| -> f64 {
            let term = |(&other, &w): (&usize, &f64)| w * x(power * self.score(anchor, 2, other));
            others.iter().zip(weights).map(term).sum()
        };
        let negative = match self.term {
            Term::Debiased { tau_plus, hardness } => {
                let all = hardness.map_or_else(|| sum(1.0), |h| sum(1.0 + h) / (sum(h) / n));
                ((all - tau_plus * n * positive) / (1.0 - tau_plus)).max(n * (-1.0 / TEMPERATURE).exp())
            }
            _ => sum(1.0),
        };
        (negative / positive).ln_1p()
    }

    /// Losses, and the derivative of their weighted sum by the elements of a part.
    fn evaluate(&mut self, factors: &[f64]) -> (Vec<f64>, [Vec<f64>; 3]) {
        let weights: Vec<Vec<f64>> = (0..self.rows()).map(|anchor| self.weights(anchor)).collect();
        let losses = |naive: &Self| -> Vec<f64> {
            weights.iter().enumerate().map(|(anchor, weights)| naive.loss(anchor, weights)).collect()
        };
        let weighted = |naive: &Self| -> f64 { losses(naive).iter().zip(factors).map(|(l, f)| l * f).sum() };
        let value = losses(self);
        let mut gradients = [vec![], vec![], vec![]];
        let of_each = if self.two_views { 1 } else { 3 };
        for (part, gradient) in gradients.iter_mut().enumerate().take(of_each) {
            for element in 0..self.parts[part].len() {
                let mut at = |offset: f64| {
                    let moved = if self.two_views { 0..3 } else { part..part + 1 };
                    for part in moved.clone() {
                        self.parts[part][element] += offset;
                    }
                    let value = weighted(self);
                    for part in moved {
                        self.parts[part][element] -= offset;
                    }
                    value
                };
                const STEP: f64 = 1e-5;
                gradient.push((at(STEP) - at(-STEP)) / (2.0 * STEP));
            }
        }
        (value, gradients)
    }
}

fn assert_near(ours: &[f32], exact: &[f64], what: &str) {
    assert_eq!(ours.len(), exact.len());
    let size = exact.iter().fold(1e-3f64, |size, x| size.max(x.abs()));
    for (ours, exact) in ours.iter().zip(exact) {
        assert!((f64::from(*ours) - exact).abs() < 2e-6 * size, "{what}: {ours}, expected {exact}");
    }
}

/// Every term, form and width of tail, on every instruction set and several numbers of threads.
#[test]
fn evaluations_are_the_naive_ones() {
    let shapes: &[(usize, usize, usize)] = if cfg!(miri) {
        &[(4, 5, 3), (6, 17, 1)]
    } else {
        &[(4, 5, 3), (6, 1, 16), (10, 17, 2), (18, 33, 5), (34, 70, 4), (50, 20, 3), (100, 40, 2)]
    };
    for &(rows, others, dim) in shapes {
        let table: Vec<f32> = numbers(rows.max(others), 9).iter().map(|x| x.abs() + 0.1).collect();
        let labels: Vec<i64> = (0..rows.max(others) as i64).map(|i| i * 7 % 3).collect();
        let terms = [
            Term::Sum,
            Term::Debiased { tau_plus: 0.1, hardness: None },
            Term::Debiased { tau_plus: 0.2, hardness: Some(0.7) },
            Term::ByRank { omega: &table },
            Term::Tilted { posterior: &table, tilt: 0.5 },
            Term::TrueNegatives,
        ];
        let factors: Vec<f64> = (0..rows).map(|i| 1.0 + i as f64 / 7.0).collect();
        for two_views in [true, false] {
            let counts = if two_views { [rows; 3] } else { [rows, rows, others] };
            let seeds = if two_views { [1, 1, 1] } else { [1, 2, 3] };
            let parts: [Vec<f32>; 3] = [0, 1, 2].map(|part| {
                let mut values = numbers(counts[part] * dim, seeds[part]);
                values.iter_mut().for_each(|x| *x /= (dim as f32).sqrt());
                values
            });
            for term in terms {
                let wide = |part: &Vec<f32>| part.iter().map(|&x| f64::from(x)).collect::<Vec<_>>();
                let mut naive = Naive {
                    parts: [wide(&parts[0]), wide(&parts[1]), wide(&parts[2])],
                    two_views,
                    dim,
                    term,
                    labels: Some((&labels[..rows], &labels[..counts[2]])),
                };
                let (value, slopes) = naive.evaluate(&factors);
                for isa in Isa::available() {
                    for threads in [1, 3] {
                        let what = format!("{isa:?}, {threads} threads, {rows} x {others} x {dim}, {term:?}");
                        let row = |part: usize| Rows { values: &parts[part], dim };
                        let form = if two_views {
                            Form::TwoViews(row(0))
                        } else {
                            Form::General { anchors: row(0), positives: row(1), negatives: row(2) }
                        };
                        let labels = matches!(term, Term::TrueNegatives)
                            .then_some(Labels { anchors: &labels[..rows], columns: &labels[..counts[2]] });
                        let problem = Problem {
                            form,
                            labels,
                            temperature: TEMPERATURE,
                            term,
                            factor: Factor::Each(&factors),
                        };
                        let mut losses = vec![f64::NAN; rows];
                        let mut got = [0, 1, 2].map(|part| vec![f32::NAN; counts[part] * dim]);
                        let [a, p, n] = &mut got;
                        let mut gradient = if two_views {
                            Gradient::TwoViews(a)
                        } else {
                            Gradient::General { anchors: a, positives: p, negatives: Some(n) }
                        };
                        evaluate(&problem, isa, threads, &mut losses, &mut gradient);
                        let narrow: Vec<f32> = losses.iter().map(|&x| x as f32).collect();
                        assert_near(&narrow, &value, &what);
                        for part in 0..if two_views { 1 } else { 3 } {
                            assert_near(&got[part], &slopes[part], &what);
                        }
                        let only = Problem { factor: Factor::Values, ..problem };
                        let mut again = vec![f64::NAN; rows];
                        evaluate(&only, isa, threads, &mut again, &mut Gradient::None);
                        assert_eq!(again, losses, "{what}");
                    }
                }
            }
        }
    }
}
