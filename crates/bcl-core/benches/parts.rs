//! The parts of the fused evaluation beside their alternatives, on one thread: `cargo bench -p bcl-core --features parts`.
#![allow(missing_docs, unsafe_code, reason = "a benchmark; other crates' products take pointers")]

use bcl_core::kernel_parts::{Row, Set, gradient_product, scores_product};
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use std::time::Duration;

/// Roughly normal numbers, as scores of random directions are.
fn numbers(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut uniform = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1u64 << 24) as f32 - 0.5
    };
    (0..count).map(|_| (uniform() + uniform() + uniform() + uniform()) * 0.15).collect()
}

/// Ranks of a row: ours, and what a sort and a binary search take.
fn rank(c: &mut Criterion) {
    let mut group = c.benchmark_group("rank");
    for length in [126, 510, 2046, 16_382] {
        group.throughput(Throughput::Elements(length as u64));
        let scores = numbers(length, 1);
        let mut row = Row::new(&scores);
        for set in Set::available() {
            let id = BenchmarkId::new(format!("buckets, {}", set.name()), length);
            group.bench_function(id, |b| b.iter(|| black_box(row.rank(set))));
        }
        group.bench_function(BenchmarkId::new("sort and binary search", length), |b| {
            b.iter_batched(
                || scores.clone(),
                |mut sorted| {
                    sorted.sort_unstable_by(f32::total_cmp);
                    scores.iter().map(|s| sorted.partition_point(|other| other <= s)).sum::<usize>()
                },
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

/// A row from scores to loss and derivatives, BCL.
fn fused_row(c: &mut Criterion) {
    let mut group = c.benchmark_group("fused row");
    for length in [126, 510, 2046, 16_382] {
        group.throughput(Throughput::Elements(length as u64));
        let scores = numbers(length, 1);
        let mut row = Row::new(&scores);
        for set in Set::available() {
            let id = BenchmarkId::new(set.name(), length);
            group.bench_function(id, |b| b.iter(|| black_box(row.whole(set, &scores))));
        }
    }
    group.finish();
}

/// The two shapes of product of an evaluation at 512 pairs, a block of 96 anchors, 128 wide; elements are multiply-adds.
fn products(c: &mut Criterion) {
    const BLOCK: usize = 96;
    const ROWS: usize = 1024;
    const DIM: usize = 128;
    let (a, z, g) = (numbers(BLOCK * DIM, 1), numbers(ROWS * DIM, 2), numbers(BLOCK * ROWS, 3));
    let mut panels = vec![0.0; ROWS * DIM];
    let shapes = [("scores, A C'", (BLOCK, ROWS, DIM)), ("gradient, G C", (BLOCK, DIM, ROWS))];
    for (name, (m, n, k)) in shapes {
        let mut group = c.benchmark_group(format!("product: {name}"));
        group.throughput(Throughput::Elements((m * n * k) as u64));
        let mut out = vec![0.0; m * n];
        let scores = n == ROWS;
        let left = if scores { &a } else { &g };
        // The right factor, k x n, is C' in one case and C in the other.
        let (right_row, right_column) = if scores { (1, k) } else { (n, 1) };
        for set in Set::available() {
            group.bench_function(format!("ours, {}", set.name()), |b| {
                b.iter(|| {
                    if scores {
                        scores_product(set, (m, n, k), left, &z, &mut panels, &mut out);
                    } else {
                        gradient_product(set, (m, n, k), left, &z, &mut out);
                    }
                    black_box(out[0])
                });
            });
        }
        group.bench_function("gemm", |b| {
            b.iter(|| {
                // SAFETY: the matrices have these shapes and strides.
                unsafe {
                    gemm::gemm(
                        m,
                        n,
                        k,
                        out.as_mut_ptr(),
                        1,
                        n as isize,
                        false,
                        left.as_ptr(),
                        1,
                        k as isize,
                        z.as_ptr(),
                        right_column as isize,
                        right_row as isize,
                        0.0f32,
                        1.0f32,
                        false,
                        false,
                        false,
                        gemm::Parallelism::None,
                    );
                }
                black_box(out[0])
            });
        });
        group.bench_function("matrixmultiply", |b| {
            b.iter(|| {
                // SAFETY: the matrices have these shapes and strides.
                unsafe {
                    matrixmultiply::sgemm(
                        m,
                        k,
                        n,
                        1.0,
                        left.as_ptr(),
                        k as isize,
                        1,
                        z.as_ptr(),
                        right_row as isize,
                        right_column as isize,
                        0.0,
                        out.as_mut_ptr(),
                        n as isize,
                        1,
                    );
                }
                black_box(out[0])
            });
        });
        let torch = |values: &[f32], rows: usize, columns: usize| {
            tch::Tensor::from_slice(values).view([rows as i64, columns as i64])
        };
        let left = torch(left, m, k);
        let right = if scores { torch(&z, n, k).tr() } else { torch(&z, k, n) };
        let to = tch::Tensor::zeros([m as i64, n as i64], (tch::Kind::Float, tch::Device::Cpu));
        group.bench_function("libtorch", |b| b.iter(|| left.matmul_out(&to, &right)));
        group.finish();
    }
}

fn settings() -> Criterion {
    tch::set_num_threads(1);
    Criterion::default().warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1))
}

criterion_group! { name = benches; config = settings(); targets = rank, fused_row, products }
criterion_main!(benches);
