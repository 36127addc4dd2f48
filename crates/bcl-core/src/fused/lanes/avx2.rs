//! Vectors of f32 by AVX2 and FMA.

use super::{Lanes, Placed, look_up_placed};
use std::arch::x86_64::*;

/// The transpose of 8 x 8 elements, rows `row` apart.
///
/// # Safety
/// The processor has AVX2; the matrix is readable.
#[inline(always)]
#[allow(clippy::undocumented_unsafe_blocks, reason = "one contract for the whole function")]
unsafe fn transposed_8(from: *const f32, row: usize) -> [__m256; 8] {
    unsafe {
        let zero = _mm256_setzero_ps();
        let (mut pairs, mut fours, mut out) = ([zero; 8], [zero; 8], [zero; 8]);
        for i in 0..4 {
            let upper = _mm256_loadu_ps(from.add(2 * i * row));
            let lower = _mm256_loadu_ps(from.add((2 * i + 1) * row));
            pairs[2 * i] = _mm256_unpacklo_ps(upper, lower);
            pairs[2 * i + 1] = _mm256_unpackhi_ps(upper, lower);
        }
        for i in 0..2 {
            for half in 0..2 {
                let (upper, lower) = (pairs[4 * i + half], pairs[4 * i + half + 2]);
                fours[4 * i + 2 * half] = _mm256_shuffle_ps::<0x44>(upper, lower);
                fours[4 * i + 2 * half + 1] = _mm256_shuffle_ps::<0xee>(upper, lower);
            }
        }
        for c in 0..4 {
            out[c] = _mm256_permute2f128_ps::<0x20>(fours[c], fours[4 + c]);
            out[4 + c] = _mm256_permute2f128_ps::<0x31>(fours[c], fours[4 + c]);
        }
        out
    }
}

/// 8 elements; AVX2 and FMA.
#[derive(Clone, Copy)]
pub(in super::super) struct Avx2(__m256);

// SAFETY, for every block below: the trait's contract gives the features and the pointers' reach.
#[allow(clippy::undocumented_unsafe_blocks, reason = "one contract, stated above, for all of them")]
impl Lanes for Avx2 {
    const WIDTH: usize = 8;
    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        Self(unsafe { _mm256_set1_ps(x) })
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        Self(unsafe { _mm256_loadu_ps(from) })
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        unsafe { _mm256_storeu_ps(to, self.0) }
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        Self(unsafe { _mm256_add_ps(self.0, other.0) })
    }
    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        Self(unsafe { _mm256_sub_ps(self.0, other.0) })
    }
    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        Self(unsafe { _mm256_mul_ps(self.0, other.0) })
    }
    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self {
        Self(unsafe { _mm256_fmadd_ps(self.0, factor.0, addend.0) })
    }
    #[inline(always)]
    unsafe fn min(self, other: Self) -> Self {
        Self(unsafe { _mm256_min_ps(self.0, other.0) })
    }
    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        Self(unsafe { _mm256_max_ps(self.0, other.0) })
    }
    #[inline(always)]
    unsafe fn round(self) -> Self {
        Self(unsafe { _mm256_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(self.0) })
    }
    #[inline(always)]
    unsafe fn scale(self, power: Self) -> Self {
        unsafe {
            let exponent = _mm256_add_epi32(_mm256_cvtps_epi32(power.0), _mm256_set1_epi32(127));
            let factor = _mm256_castsi256_ps(_mm256_slli_epi32::<23>(exponent));
            Self(_mm256_mul_ps(self.0, factor))
        }
    }
    #[inline(always)]
    unsafe fn store_whole(self, to: *mut u32) {
        unsafe { _mm256_storeu_si256(to.cast(), _mm256_cvttps_epi32(self.0)) }
    }
    #[inline(always)]
    unsafe fn where_positive(self, other: Self) -> Self {
        unsafe {
            let positive = _mm256_cmp_ps::<_CMP_GT_OQ>(self.0, _mm256_setzero_ps());
            Self(_mm256_blendv_ps(_mm256_set1_ps(f32::NEG_INFINITY), other.0, positive))
        }
    }
    #[inline(always)]
    unsafe fn count_at_most(from: *const f32, value: f32) -> u32 {
        unsafe {
            let lanes = _mm256_loadu_ps(from);
            let most = _mm256_cmp_ps::<_CMP_LE_OQ>(lanes, _mm256_set1_ps(value));
            (_mm256_movemask_ps(most) as u32).count_ones()
        }
    }
    #[inline(always)]
    unsafe fn to_array(self) -> [f32; 16] {
        let mut out = [0.0; 16];
        unsafe { _mm256_storeu_ps(out.as_mut_ptr(), self.0) };
        out
    }
    #[inline(always)]
    unsafe fn transpose(from: *const f32, to: *mut f32, row: usize, rows: usize) {
        unsafe {
            for (i, &lanes) in transposed_8(from, row).iter().enumerate().take(rows) {
                _mm256_storeu_ps(to.add(i * row), lanes);
            }
        }
    }
    #[inline(always)]
    unsafe fn add_transposes(a: *mut f32, b: *mut f32, row: usize) {
        unsafe {
            let (of_a, of_b) = (transposed_8(a, row), transposed_8(b, row));
            for i in 0..8 {
                let (a, b) = (a.add(i * row), b.add(i * row));
                let sums =
                    (_mm256_add_ps(_mm256_loadu_ps(a), of_b[i]), _mm256_add_ps(_mm256_loadu_ps(b), of_a[i]));
                _mm256_storeu_ps(a, sums.0);
                _mm256_storeu_ps(b, sums.1);
            }
        }
    }
    #[inline(never)]
    #[target_feature(enable = "avx2,fma,bmi2,popcnt")]
    unsafe fn look_up(view: Placed<'_>, table: &[f32], out: &mut [f32]) {
        unsafe { look_up_placed::<Self>(view, table, out) }
    }
}
