//! Solarization: Pillow's `ImageOps.solarize`.

use super::color::Eight;
use super::lanes::Lanes;

/// Inverts the values of a block from `threshold` upwards.
#[inline(always)]
pub(super) fn solarize<L: Lanes>(lanes: L, block: &mut [Eight], threshold: u8) {
    let (threshold, most) = (lanes.splat(f32::from(threshold)), lanes.splat(255.0));
    for values in block.iter_mut().flatten() {
        let value = lanes.load(values);
        let below = lanes.sub(value, threshold); // negative there, and never -0
        lanes.store(lanes.by_sign(below, value, lanes.sub(most, value)), values);
    }
}

#[cfg(test)]
mod tests {
    use super::super::color::{Change, change};
    use super::super::isa::Isa;
    use super::super::naive;

    #[test]
    fn values_from_the_threshold_upwards_are_inverted() {
        let planes = [(0..=255).collect(), (0..=255).rev().collect(), vec![7; 256]];
        for threshold in [0, 1, 127, 128, 200, 255] {
            let wanted = planes.clone().map(|plane: Vec<u8>| {
                plane.iter().map(|&v| if v < threshold { v } else { 255 - v }).collect::<Vec<u8>>()
            });
            for isa in Isa::available() {
                let mut pixels = naive::pixels(&planes, 16);
                change(isa, &mut pixels, &[Change::Solarize(threshold)]);
                assert_eq!(naive::planes(&pixels), wanted, "{isa:?}, {threshold}");
            }
        }
    }
}
