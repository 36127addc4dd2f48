//! Vectors of f32: the few operations that the kernels are written in, for AVX-512, AVX2 and any processor.
//!
//! The kernels are generic, `#[inline(always)]`, and instantiated inside functions that enable the processor's
//! features ([`super::isa`]); so every operation here becomes one instruction.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod portable;

use super::rank::{Placed, look_up_placed};

#[cfg(target_arch = "x86_64")]
pub(super) use avx2::Avx2;
#[cfg(target_arch = "x86_64")]
pub(super) use avx512::Avx512;
pub(super) use portable::Portable;

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
