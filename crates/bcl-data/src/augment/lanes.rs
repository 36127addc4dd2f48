//! Eight f32 at a time: the few operations that colour, blur and output are written in, for AVX2 and for any processor.
//!
//! A value of a type with [`Lanes`] is the proof that the processor has its instructions, so everything done with it is safe.
//! Kernels are generic and `#[inline(always)]`; [`super::isa`] compiles them for each instruction set. All implementations
//! give the same bits: operations are rounded as IEEE 754 says, and none is fused but where that changes nothing.

#![allow(unsafe_code, reason = "the instructions of the instruction set that a value proves")]

/// Elements of a vector.
pub(super) const WIDTH: usize = 8;

/// An instruction set's vectors of eight f32.
pub(super) trait Lanes: Copy {
    /// A vector.
    type V: Copy;
    fn splat(self, x: f32) -> Self::V;
    fn load(self, from: &[f32; WIDTH]) -> Self::V;
    fn store(self, x: Self::V, to: &mut [f32; WIDTH]);
    /// Bytes as f32.
    fn widen(self, bytes: &[u8; WIDTH]) -> Self::V;
    /// Whole numbers as bytes; out of range becomes 0 or 255.
    fn narrow(self, x: Self::V, to: &mut [u8; WIDTH]);
    /// Rounded to the nearest bf16, ties to even; for finite numbers.
    fn to_bf16(self, x: Self::V, to: &mut [u16; WIDTH]);
    fn add(self, a: Self::V, b: Self::V) -> Self::V;
    fn sub(self, a: Self::V, b: Self::V) -> Self::V;
    fn mul(self, a: Self::V, b: Self::V) -> Self::V;
    fn div(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a / by` to the bit, for those `a` and `by` for which a test shows it: 6 and 255 with the numbers of a turn of the hue.
    fn divide_by(self, a: Self::V, by: f32) -> Self::V;
    /// `a * b + c`, for products that are exact: rounding them or not is the same.
    fn add_product(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    fn min(self, a: Self::V, b: Self::V) -> Self::V;
    fn max(self, a: Self::V, b: Self::V) -> Self::V;
    fn abs(self, a: Self::V) -> Self::V;
    /// Of numbers below 2^31 in size, without the fraction.
    fn whole(self, a: Self::V) -> Self::V;
    /// Of numbers below 2^22 in size, to the nearest whole number, ties to even.
    fn nearest(self, a: Self::V) -> Self::V;
    /// The size of `a` with the sign of `sign`.
    fn with_sign(self, a: Self::V, sign: Self::V) -> Self::V;
    /// Where `sign` has a minus: `minus`, else `plus`.
    fn by_sign(self, sign: Self::V, minus: Self::V, plus: Self::V) -> Self::V;
    /// Where `a == b`: `same`, else `other`.
    fn where_equal(self, a: Self::V, b: Self::V, same: Self::V, other: Self::V) -> Self::V;
    /// The elements of `table` at whole numbers `index` from 0 to 7.
    fn look_up(self, table: &[f32; WIDTH], index: Self::V) -> Self::V;
    /// r0 g0 b0 r1 g1 ... b7.
    fn interleave(self, red: Self::V, green: Self::V, blue: Self::V) -> [Self::V; 3];
}

/// Loops that compilers turn into what vectors there are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Portable;

type Eight = [f32; WIDTH];

#[inline(always)]
fn each(f: impl Fn(usize) -> f32) -> Eight {
    let mut out = [0.0; WIDTH];
    for (i, out) in out.iter_mut().enumerate() {
        *out = f(i);
    }
    out
}

/// Without its fraction, of a number below 2^31 in size.
#[inline(always)]
fn to_int(x: f32) -> i32 {
    debug_assert!(x.abs() < 2147483648.0);
    // SAFETY: the callers' numbers are in range.
    unsafe { x.to_int_unchecked() }
}

impl Lanes for Portable {
    type V = Eight;
    #[inline(always)]
    fn splat(self, x: f32) -> Eight {
        [x; WIDTH]
    }
    #[inline(always)]
    fn load(self, from: &[f32; WIDTH]) -> Eight {
        *from
    }
    #[inline(always)]
    fn store(self, x: Eight, to: &mut [f32; WIDTH]) {
        *to = x;
    }
    #[inline(always)]
    fn widen(self, bytes: &[u8; WIDTH]) -> Eight {
        each(|i| f32::from(bytes[i]))
    }
    #[inline(always)]
    fn narrow(self, x: Eight, to: &mut [u8; WIDTH]) {
        for (to, x) in to.iter_mut().zip(x) {
            *to = to_int(x).clamp(0, 255) as u8;
        }
    }
    #[inline(always)]
    fn to_bf16(self, x: Eight, to: &mut [u16; WIDTH]) {
        for (to, x) in to.iter_mut().zip(x) {
            let bits = x.to_bits();
            *to = ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16) as u16;
        }
    }
    #[inline(always)]
    fn add(self, a: Eight, b: Eight) -> Eight {
        each(|i| a[i] + b[i])
    }
    #[inline(always)]
    fn sub(self, a: Eight, b: Eight) -> Eight {
        each(|i| a[i] - b[i])
    }
    #[inline(always)]
    fn mul(self, a: Eight, b: Eight) -> Eight {
        each(|i| a[i] * b[i])
    }
    #[inline(always)]
    fn div(self, a: Eight, b: Eight) -> Eight {
        each(|i| a[i] / b[i])
    }
    #[inline(always)]
    fn divide_by(self, a: Eight, by: f32) -> Eight {
        each(|i| a[i] / by)
    }
    #[inline(always)]
    fn add_product(self, a: Eight, b: Eight, c: Eight) -> Eight {
        each(|i| a[i] * b[i] + c[i])
    }
    #[inline(always)]
    fn min(self, a: Eight, b: Eight) -> Eight {
        each(|i| if a[i] < b[i] { a[i] } else { b[i] })
    }
    #[inline(always)]
    fn max(self, a: Eight, b: Eight) -> Eight {
        each(|i| if a[i] > b[i] { a[i] } else { b[i] })
    }
    #[inline(always)]
    fn abs(self, a: Eight) -> Eight {
        each(|i| a[i].abs())
    }
    #[inline(always)]
    fn whole(self, a: Eight) -> Eight {
        each(|i| to_int(a[i]) as f32)
    }
    #[inline(always)]
    fn nearest(self, a: Eight) -> Eight {
        // Beside 1.5 x 2^23 only whole numbers are left.
        const MAGIC: f32 = 12_582_912.0;
        each(|i| (a[i] + MAGIC) - MAGIC)
    }
    #[inline(always)]
    fn with_sign(self, a: Eight, sign: Eight) -> Eight {
        each(|i| a[i].copysign(sign[i]))
    }
    #[inline(always)]
    fn by_sign(self, sign: Eight, minus: Eight, plus: Eight) -> Eight {
        each(|i| if sign[i].to_bits() >> 31 == 1 { minus[i] } else { plus[i] })
    }
    #[inline(always)]
    fn where_equal(self, a: Eight, b: Eight, same: Eight, other: Eight) -> Eight {
        each(|i| if a[i] == b[i] { same[i] } else { other[i] })
    }
    #[inline(always)]
    fn look_up(self, table: &[f32; WIDTH], index: Eight) -> Eight {
        each(|i| table[to_int(index[i]) as usize & 7])
    }
    #[inline(always)]
    fn interleave(self, red: Eight, green: Eight, blue: Eight) -> [Eight; 3] {
        let channels = [red, green, blue];
        [0, 8, 16].map(|first| each(|i| channels[(first + i) % 3][(first + i) / 3]))
    }
}

#[cfg(target_arch = "x86_64")]
pub(super) use x86::Avx2;

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{Lanes, WIDTH};
    use std::arch::x86_64::*;

    /// AVX2 and FMA. A value says that the processor has them.
    #[derive(Debug, Clone, Copy)]
    pub(in super::super) struct Avx2(());

    impl Avx2 {
        /// The proof, where the processor has them.
        pub(in super::super) fn found() -> Option<Self> {
            (is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")).then_some(Self(()))
        }
    }

    // SAFETY, for every block below: `self` proves the features, and references are as long as what is read or written.
    #[allow(clippy::undocumented_unsafe_blocks, reason = "one reason, stated above, for all of them")]
    impl Lanes for Avx2 {
        type V = __m256;
        #[inline(always)]
        fn splat(self, x: f32) -> __m256 {
            unsafe { _mm256_set1_ps(x) }
        }
        #[inline(always)]
        fn load(self, from: &[f32; WIDTH]) -> __m256 {
            unsafe { _mm256_loadu_ps(from.as_ptr()) }
        }
        #[inline(always)]
        fn store(self, x: __m256, to: &mut [f32; WIDTH]) {
            unsafe { _mm256_storeu_ps(to.as_mut_ptr(), x) }
        }
        #[inline(always)]
        fn widen(self, bytes: &[u8; WIDTH]) -> __m256 {
            unsafe { _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64(bytes.as_ptr().cast()))) }
        }
        #[inline(always)]
        fn narrow(self, x: __m256, to: &mut [u8; WIDTH]) {
            unsafe {
                let x = _mm256_cvttps_epi32(x);
                let words = _mm_packs_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256::<1>(x));
                _mm_storel_epi64(to.as_mut_ptr().cast(), _mm_packus_epi16(words, words));
            }
        }
        #[inline(always)]
        fn to_bf16(self, x: __m256, to: &mut [u16; WIDTH]) {
            unsafe {
                let bits = _mm256_castps_si256(x);
                let odd = _mm256_and_si256(_mm256_srli_epi32::<16>(bits), _mm256_set1_epi32(1));
                let carried = _mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7FFF)));
                let high = _mm256_srli_epi32::<16>(carried);
                let words =
                    _mm_packus_epi32(_mm256_castsi256_si128(high), _mm256_extracti128_si256::<1>(high));
                _mm_storeu_si128(to.as_mut_ptr().cast(), words);
            }
        }
        #[inline(always)]
        fn add(self, a: __m256, b: __m256) -> __m256 {
            unsafe { _mm256_add_ps(a, b) }
        }
        #[inline(always)]
        fn sub(self, a: __m256, b: __m256) -> __m256 {
            unsafe { _mm256_sub_ps(a, b) }
        }
        #[inline(always)]
        fn mul(self, a: __m256, b: __m256) -> __m256 {
            unsafe { _mm256_mul_ps(a, b) }
        }
        #[inline(always)]
        fn div(self, a: __m256, b: __m256) -> __m256 {
            unsafe { _mm256_div_ps(a, b) }
        }
        #[inline(always)]
        fn divide_by(self, a: __m256, by: f32) -> __m256 {
            // The quotient by the reciprocal, and what it leaves of `a` once more (Markstein): a third of a division's time.
            unsafe {
                let reciprocal = _mm256_set1_ps(1.0 / by);
                let near = _mm256_mul_ps(a, reciprocal);
                _mm256_fmadd_ps(_mm256_fnmadd_ps(near, _mm256_set1_ps(by), a), reciprocal, near)
            }
        }
        #[inline(always)]
        fn add_product(self, a: __m256, b: __m256, c: __m256) -> __m256 {
            unsafe { _mm256_fmadd_ps(a, b, c) }
        }
        #[inline(always)]
        fn min(self, a: __m256, b: __m256) -> __m256 {
            unsafe { _mm256_min_ps(a, b) }
        }
        #[inline(always)]
        fn max(self, a: __m256, b: __m256) -> __m256 {
            unsafe { _mm256_max_ps(a, b) }
        }
        #[inline(always)]
        fn abs(self, a: __m256) -> __m256 {
            unsafe { _mm256_andnot_ps(_mm256_set1_ps(-0.0), a) }
        }
        #[inline(always)]
        fn whole(self, a: __m256) -> __m256 {
            unsafe { _mm256_round_ps::<{ _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC }>(a) }
        }
        #[inline(always)]
        fn nearest(self, a: __m256) -> __m256 {
            unsafe { _mm256_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(a) }
        }
        #[inline(always)]
        fn with_sign(self, a: __m256, sign: __m256) -> __m256 {
            unsafe {
                let minus = _mm256_set1_ps(-0.0);
                _mm256_or_ps(_mm256_andnot_ps(minus, a), _mm256_and_ps(minus, sign))
            }
        }
        #[inline(always)]
        fn by_sign(self, sign: __m256, minus: __m256, plus: __m256) -> __m256 {
            unsafe { _mm256_blendv_ps(plus, minus, sign) }
        }
        #[inline(always)]
        fn where_equal(self, a: __m256, b: __m256, same: __m256, other: __m256) -> __m256 {
            unsafe { _mm256_blendv_ps(other, same, _mm256_cmp_ps::<_CMP_EQ_OQ>(a, b)) }
        }
        #[inline(always)]
        fn look_up(self, table: &[f32; WIDTH], index: __m256) -> __m256 {
            unsafe { _mm256_permutevar8x32_ps(self.load(table), _mm256_cvttps_epi32(index)) }
        }
        #[inline(always)]
        fn interleave(self, red: __m256, green: __m256, blue: __m256) -> [__m256; 3] {
            unsafe {
                // Every third element of each channel comes to its place; then the places are merged.
                let red = _mm256_permutevar8x32_ps(red, _mm256_setr_epi32(0, 3, 6, 1, 4, 7, 2, 5));
                let green = _mm256_permutevar8x32_ps(green, _mm256_setr_epi32(5, 0, 3, 6, 1, 4, 7, 2));
                let blue = _mm256_permutevar8x32_ps(blue, _mm256_setr_epi32(2, 5, 0, 3, 6, 1, 4, 7));
                [
                    _mm256_blend_ps::<0b0010_0100>(_mm256_blend_ps::<0b1001_0010>(red, green), blue),
                    _mm256_blend_ps::<0b0100_1001>(_mm256_blend_ps::<0b0010_0100>(red, green), blue),
                    _mm256_blend_ps::<0b1001_0010>(_mm256_blend_ps::<0b0100_1001>(red, green), blue),
                ]
            }
        }
    }
}
