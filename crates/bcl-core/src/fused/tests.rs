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
            x += 0.0137;
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
    let lengths = [1, 2, 3, 15, 16, 17, 31, 33, 100, 510, 1022];
    for n in lengths {
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
    fn products_are_the_naive_sums(m in 1usize..20, n in 1usize..9, k in 1usize..600, seed in 0u64..1000, add in any::<bool>()) {
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
