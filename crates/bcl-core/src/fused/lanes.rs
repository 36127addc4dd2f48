//! Vectors of f32: the few operations that the kernels are written in, for AVX-512, AVX2 and any processor.
//!
//! The kernels are generic, `#[inline(always)]`, and instantiated inside functions that enable the processor's
//! features ([`super::isa`]); so every operation here becomes one instruction.

use super::rank::{Placed, look_up_placed};

/// A vector of f32.
///
/// # Safety
/// All functions: the processor has the features of the implementation. Pointers: readable, or writable, for
/// `WIDTH` elements unless said otherwise; any alignment.
pub(super) trait Lanes: Copy {
    /// Elements.
    const WIDTH: usize;
    unsafe fn splat(x: f32) -> Self;
    unsafe fn load(from: *const f32) -> Self;
    unsafe fn store(self, to: *mut f32);
    unsafe fn add(self, other: Self) -> Self;
    unsafe fn sub(self, other: Self) -> Self;
    unsafe fn mul(self, other: Self) -> Self;
    /// `self * factor + addend`, rounded once where the processor can.
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self;
    unsafe fn min(self, other: Self) -> Self;
    unsafe fn max(self, other: Self) -> Self;
    /// To the nearest integer.
    unsafe fn round(self) -> Self;
    /// `self * 2^power` for integers -126 <= power <= 127.
    unsafe fn scale(self, power: Self) -> Self;
    /// Stores the elements, which are >= 0 and < 2^31, without their fractions.
    unsafe fn store_whole(self, to: *mut u32);
    /// Where `self > 0`: `other`, else -inf.
    unsafe fn where_positive(self, other: Self) -> Self;
    /// How many of the WIDTH elements at `from` are <= `value`.
    unsafe fn count_at_most(from: *const f32, value: f32) -> u32;
    unsafe fn to_array(self) -> [f32; 16];
    /// [`look_up_placed`] as a function of its own.
    unsafe fn look_up(view: Placed<'_>, table: &[f32], out: &mut [f32]);

    /// The WIDTH x WIDTH elements at `from`, transposed, to the first `rows` rows at `to`; rows `row` apart.
    ///
    /// # Safety
    /// Besides the trait's: the first matrix is readable, the rows of the second writable; they do not overlap.
    #[inline(always)]
    unsafe fn transpose(from: *const f32, to: *mut f32, row: usize, rows: usize) {
        // SAFETY: as this function.
        unsafe {
            for i in 0..rows.min(Self::WIDTH) {
                for j in 0..Self::WIDTH {
                    *to.add(i * row + j) = *from.add(j * row + i);
                }
            }
        }
    }

    /// Adds the transpose of each of two WIDTH x WIDTH matrices to the other, rows `row` apart: A + B' and B + A'. They may
    /// be one: A + A'.
    ///
    /// # Safety
    /// Besides the trait's: both are readable and writable; they are the same or do not overlap.
    #[inline(always)]
    unsafe fn add_transposes(a: *mut f32, b: *mut f32, row: usize) {
        // SAFETY: as this function. Of one matrix only the upper half is gone through.
        unsafe {
            for i in 0..Self::WIDTH {
                for j in if a == b { i } else { 0 }..Self::WIDTH {
                    let sum = *a.add(i * row + j) + *b.add(j * row + i);
                    *a.add(i * row + j) = sum;
                    *b.add(j * row + i) = sum;
                }
            }
        }
    }

    /// Sum, in f64, in a fixed order.
    #[inline(always)]
    unsafe fn sum(self) -> f64 {
        // SAFETY: as the trait.
        let lanes = unsafe { self.to_array() };
        lanes[..Self::WIDTH].iter().map(|&x| f64::from(x)).sum()
    }

    #[inline(always)]
    unsafe fn least(self) -> f32 {
        // SAFETY: as the trait.
        let lanes = unsafe { self.to_array() };
        lanes[..Self::WIDTH].iter().copied().fold(f32::INFINITY, f32::min)
    }

    #[inline(always)]
    unsafe fn greatest(self) -> f32 {
        // SAFETY: as the trait.
        let lanes = unsafe { self.to_array() };
        lanes[..Self::WIDTH].iter().copied().fold(f32::NEG_INFINITY, f32::max)
    }

    /// e to the power of `self <= 88`, within 2 units in the last place; below -87 it stays at e^-87 = 1.6e-38.
    /// Polynomial: Cephes, expf.
    #[inline(always)]
    unsafe fn exp(self) -> Self {
        // SAFETY: as the trait; |power| <= 127 by the clamp.
        unsafe {
            let x = self.max(Self::splat(-87.0));
            let power = x.mul(Self::splat(std::f32::consts::LOG2_E)).round();
            // ln 2 in two parts: the first has few digits, so that its product with the power is exact.
            let rest = power.mul_add(Self::splat(-355.0 / 512.0), x);
            let rest = power.mul_add(Self::splat(2.121_944_4e-4), rest);
            let mut series = Self::splat(1.987_569_1e-4);
            for coefficient in [1.398_2e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5] {
                series = series.mul_add(rest, Self::splat(coefficient));
            }
            let rest_squared = rest.mul(rest);
            series.mul_add(rest_squared, rest.add(Self::splat(1.0))).scale(power)
        }
    }
}

/// Plain arrays, which the compiler vectorises as far as the build's target allows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Portable([f32; 8]);

impl Portable {
    #[inline(always)]
    fn zip(self, other: Self, f: impl Fn(f32, f32) -> f32) -> Self {
        let mut out = self.0;
        for (x, y) in out.iter_mut().zip(other.0) {
            *x = f(*x, y);
        }
        Self(out)
    }
}

impl Lanes for Portable {
    const WIDTH: usize = 8;
    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        Self([x; 8])
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: readable for 8 elements; an array of f32 has the alignment of one.
        Self(unsafe { from.cast::<[f32; 8]>().read_unaligned() })
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: writable for 8 elements.
        unsafe { to.cast::<[f32; 8]>().write_unaligned(self.0) }
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        self.zip(other, |x, y| x + y)
    }
    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        self.zip(other, |x, y| x - y)
    }
    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        self.zip(other, |x, y| x * y)
    }
    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self {
        // Not f32::mul_add: without the instruction that is a call of a function.
        self.zip(factor, |x, y| x * y).zip(addend, |x, y| x + y)
    }
    #[inline(always)]
    unsafe fn min(self, other: Self) -> Self {
        self.zip(other, |x, y| if x < y { x } else { y })
    }
    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        self.zip(other, |x, y| if x > y { x } else { y })
    }
    #[inline(always)]
    unsafe fn round(self) -> Self {
        // Adding 1.5 x 2^23 leaves no fraction: right for |x| < 2^22.
        const SHIFT: f32 = 12_582_912.0;
        self.zip(Self([SHIFT; 8]), |x, shift| (x + shift) - shift)
    }
    #[inline(always)]
    unsafe fn scale(self, power: Self) -> Self {
        self.zip(power, |x, power| x * f32::from_bits(((power as i32 + 127) as u32) << 23))
    }
    #[inline(always)]
    unsafe fn store_whole(self, to: *mut u32) {
        let whole = self.0.map(|x| x as u32);
        // SAFETY: writable for 8 elements.
        unsafe { to.cast::<[u32; 8]>().write_unaligned(whole) }
    }
    #[inline(always)]
    unsafe fn where_positive(self, other: Self) -> Self {
        self.zip(other, |x, y| if x > 0.0 { y } else { f32::NEG_INFINITY })
    }
    #[inline(always)]
    unsafe fn count_at_most(from: *const f32, value: f32) -> u32 {
        // SAFETY: readable for 8 elements.
        let lanes = unsafe { Self::load(from) };
        lanes.0.iter().map(|&x| u32::from(x <= value)).sum()
    }
    #[inline(always)]
    unsafe fn to_array(self) -> [f32; 16] {
        let mut out = [0.0; 16];
        out[..8].copy_from_slice(&self.0);
        out
    }
    #[inline(never)]
    unsafe fn look_up(view: Placed<'_>, table: &[f32], out: &mut [f32]) {
        // SAFETY: as the trait.
        unsafe { look_up_placed::<Self>(view, table, out) }
    }
}

#[cfg(target_arch = "x86_64")]
pub(super) use x86::{Avx2, Avx512};

#[cfg(target_arch = "x86_64")]
mod x86 {
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
                    let sums = (
                        _mm512_add_ps(_mm512_loadu_ps(a), of_b[i]),
                        _mm512_add_ps(_mm512_loadu_ps(b), of_a[i]),
                    );
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
                    let sums = (
                        _mm256_add_ps(_mm256_loadu_ps(a), of_b[i]),
                        _mm256_add_ps(_mm256_loadu_ps(b), of_a[i]),
                    );
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
}
