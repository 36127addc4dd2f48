//! Vectors of f32 by AVX-512 F.

use super::{Lanes, Placed, look_up_placed};
use std::arch::x86_64::*;

/// The transpose of 16 x 16 elements, rows `row` apart.
///
/// # Safety
/// The processor has AVX-512 F; the matrix is readable.
#[inline(always)]
#[allow(clippy::undocumented_unsafe_blocks, reason = "one contract for the whole function")]
unsafe fn transposed_16(from: *const f32, row: usize) -> [__m512; 16] {
    unsafe {
        let zero = _mm512_setzero_ps();
        let (mut pairs, mut fours, mut out) = ([zero; 16], [zero; 16], [zero; 16]);
        for i in 0..8 {
            let upper = _mm512_loadu_ps(from.add(2 * i * row));
            let lower = _mm512_loadu_ps(from.add((2 * i + 1) * row));
            pairs[2 * i] = _mm512_unpacklo_ps(upper, lower);
            pairs[2 * i + 1] = _mm512_unpackhi_ps(upper, lower);
        }
        // fours[4 i + c]: in its quarter q column 4 q + c of rows 4 i to 4 i + 3.
        for i in 0..4 {
            for half in 0..2 {
                let upper = _mm512_castps_pd(pairs[4 * i + half]);
                let lower = _mm512_castps_pd(pairs[4 * i + half + 2]);
                fours[4 * i + 2 * half] = _mm512_castpd_ps(_mm512_unpacklo_pd(upper, lower));
                fours[4 * i + 2 * half + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(upper, lower));
            }
        }
        for c in 0..4 {
            let even_upper = _mm512_shuffle_f32x4::<0x88>(fours[c], fours[4 + c]);
            let even_lower = _mm512_shuffle_f32x4::<0x88>(fours[8 + c], fours[12 + c]);
            let odd_upper = _mm512_shuffle_f32x4::<0xdd>(fours[c], fours[4 + c]);
            let odd_lower = _mm512_shuffle_f32x4::<0xdd>(fours[8 + c], fours[12 + c]);
            out[c] = _mm512_shuffle_f32x4::<0x88>(even_upper, even_lower);
            out[4 + c] = _mm512_shuffle_f32x4::<0x88>(odd_upper, odd_lower);
            out[8 + c] = _mm512_shuffle_f32x4::<0xdd>(even_upper, even_lower);
            out[12 + c] = _mm512_shuffle_f32x4::<0xdd>(odd_upper, odd_lower);
        }
        out
    }
}

/// 16 elements; AVX-512 F.
#[derive(Clone, Copy)]
pub(in super::super) struct Avx512(__m512);

// SAFETY, for every block below: the trait's contract gives the features and the pointers' reach.
#[allow(clippy::undocumented_unsafe_blocks, reason = "one contract, stated above, for all of them")]
impl Lanes for Avx512 {
    const WIDTH: usize = 16;
    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        Self(unsafe { _mm512_set1_ps(x) })
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        Self(unsafe { _mm512_loadu_ps(from) })
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        unsafe { _mm512_storeu_ps(to, self.0) }
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        Self(unsafe { _mm512_add_ps(self.0, other.0) })
    }
    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        Self(unsafe { _mm512_sub_ps(self.0, other.0) })
    }
    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        Self(unsafe { _mm512_mul_ps(self.0, other.0) })
    }
    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self {
        Self(unsafe { _mm512_fmadd_ps(self.0, factor.0, addend.0) })
    }
    #[inline(always)]
    unsafe fn min(self, other: Self) -> Self {
        Self(unsafe { _mm512_min_ps(self.0, other.0) })
    }
    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        Self(unsafe { _mm512_max_ps(self.0, other.0) })
    }
    #[inline(always)]
    unsafe fn round(self) -> Self {
        Self(unsafe { _mm512_roundscale_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(self.0) })
    }
    #[inline(always)]
    unsafe fn scale(self, power: Self) -> Self {
        Self(unsafe { _mm512_scalef_ps(self.0, power.0) })
    }
    #[inline(always)]
    unsafe fn store_whole(self, to: *mut u32) {
        unsafe { _mm512_storeu_si512(to.cast(), _mm512_cvttps_epi32(self.0)) }
    }
    #[inline(always)]
    unsafe fn where_positive(self, other: Self) -> Self {
        unsafe {
            let positive = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(self.0, _mm512_setzero_ps());
            Self(_mm512_mask_mov_ps(_mm512_set1_ps(f32::NEG_INFINITY), positive, other.0))
        }
    }
    #[inline(always)]
    unsafe fn count_at_most(from: *const f32, value: f32) -> u32 {
        unsafe {
            let lanes = _mm512_loadu_ps(from);
            _mm512_cmp_ps_mask::<_CMP_LE_OQ>(lanes, _mm512_set1_ps(value)).count_ones()
        }
    }
    #[inline(always)]
    unsafe fn to_array(self) -> [f32; 16] {
        let mut out = [0.0; 16];
        unsafe { _mm512_storeu_ps(out.as_mut_ptr(), self.0) };
        out
    }
    #[inline(always)]
    unsafe fn transpose(from: *const f32, to: *mut f32, row: usize, rows: usize) {
        unsafe {
            for (i, &lanes) in transposed_16(from, row).iter().enumerate().take(rows) {
                _mm512_storeu_ps(to.add(i * row), lanes);
            }
        }
    }
    #[inline(always)]
    unsafe fn add_transposes(a: *mut f32, b: *mut f32, row: usize) {
        unsafe {
            let (of_a, of_b) = (transposed_16(a, row), transposed_16(b, row));
            for i in 0..16 {
                let (a, b) = (a.add(i * row), b.add(i * row));
                let sums =
                    (_mm512_add_ps(_mm512_loadu_ps(a), of_b[i]), _mm512_add_ps(_mm512_loadu_ps(b), of_a[i]));
                _mm512_storeu_ps(a, sums.0);
                _mm512_storeu_ps(b, sums.1);
            }
        }
    }
    #[inline(never)]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,bmi2,popcnt")]
    unsafe fn look_up(view: Placed<'_>, table: &[f32], out: &mut [f32]) {
        unsafe { look_up_placed::<Self>(view, table, out) }
    }
}
