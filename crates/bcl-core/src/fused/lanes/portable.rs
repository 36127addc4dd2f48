//! Vectors of f32 for any processor.

use super::{Lanes, Placed, look_up_placed};

/// Plain arrays, which the compiler vectorises as far as the build's target allows.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Portable([f32; 8]);

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
