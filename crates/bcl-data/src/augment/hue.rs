//! A turn of the hue as Pillow does it (`Convert.c`): to HSV in bytes, add, back.
//!
//! On which byte a hue falls hangs on the last bit where it is a whole number of steps. Pillow computes in double where it is
//! easy in C; f32 in the order below gives the same byte for every colour, which the tests go through.

use super::color::Eight;
use super::lanes::Lanes;

/// By hue in sixths of the wheel (6 is 0 again), negative where the value, or else the third number, is the channel's;
/// otherwise the channel has the lowest of the three.
const VALUE: [[f32; 8]; 3] = [
    [-1.0, 1.0, 1.0, 1.0, 1.0, -1.0, -1.0, 1.0],
    [1.0, -1.0, -1.0, 1.0, 1.0, 1.0, 1.0, 1.0],
    [1.0, 1.0, 1.0, -1.0, -1.0, 1.0, 1.0, 1.0],
];
const BETWEEN: [[f32; 8]; 3] = [
    [1.0, -1.0, 1.0, 1.0, -1.0, 1.0, 1.0, 1.0],
    [-1.0, 1.0, 1.0, -1.0, 1.0, 1.0, -1.0, 1.0],
    [1.0, 1.0, -1.0, 1.0, 1.0, -1.0, 1.0, 1.0],
];

/// Negative in the sixths in which the third number falls.
const FALLING: [f32; 8] = [1.0, -1.0, 1.0, -1.0, 1.0, -1.0, 1.0, 1.0];

/// Turns a block by `turn` of 256 steps, a stage at a time: the numbers between the stages take the places of the channels.
#[inline(always)]
pub(super) fn turn_hue<L: Lanes>(lanes: L, block: &mut [Eight], turn: u8) {
    for pixels in &mut *block {
        to_sixths(lanes, pixels);
    }
    for pixels in &mut *block {
        to_bytes(lanes, pixels, f32::from(turn));
    }
    for pixels in block {
        to_rgb(lanes, pixels);
    }
}

/// To the hue in sixths of the wheel, from -1 to 5; range / value; the value.
#[inline(always)]
fn to_sixths<L: Lanes>(lanes: L, pixels: &mut Eight) {
    let [red, green, blue] = [lanes.load(&pixels[0]), lanes.load(&pixels[1]), lanes.load(&pixels[2])];
    let one = lanes.splat(1.0);
    let high = lanes.max(lanes.max(red, green), blue);
    let range = lanes.sub(high, lanes.min(lanes.min(red, green), blue));
    // The difference of the two channels that are not the highest, and where on the wheel the highest is.
    let difference = lanes.where_equal(green, high, lanes.sub(blue, red), lanes.sub(red, green));
    let difference = lanes.where_equal(red, high, lanes.sub(green, blue), difference);
    let middle = lanes.where_equal(green, high, lanes.splat(2.0), lanes.splat(4.0));
    let middle = lanes.where_equal(red, high, lanes.splat(0.0), middle);
    // Of grey the saturation is 0 and the hue without effect; the divisors keep the quotients finite.
    let part = lanes.div(lanes.sub(range, lanes.abs(difference)), lanes.max(range, one));
    let side = lanes.with_sign(one, difference);
    lanes.store(lanes.sub(lanes.add(middle, side), lanes.mul(side, part)), &mut pixels[0]);
    lanes.store(lanes.div(range, lanes.max(high, one)), &mut pixels[1]);
    lanes.store(high, &mut pixels[2]);
}

/// From there to bytes: the hue, turned, and the saturation, which becomes a share of 1 again.
#[inline(always)]
fn to_bytes<L: Lanes>(lanes: L, [hue, saturation, _]: &mut Eight, turn: f32) {
    let turns = lanes.divide_by(lanes.load(hue), 6.0);
    let turns = lanes.by_sign(turns, lanes.add(turns, lanes.splat(1.0)), turns);
    let turned = lanes.add(times_255(lanes, turns), lanes.splat(turn));
    let wrapped = lanes.sub(turned, lanes.splat(256.0));
    lanes.store(lanes.by_sign(wrapped, turned, wrapped), hue);
    let byte = times_255(lanes, lanes.load(saturation));
    lanes.store(lanes.divide_by(byte, 255.0), saturation);
}

/// From there to red, green and blue.
#[inline(always)]
fn to_rgb<L: Lanes>(lanes: L, pixels: &mut Eight) {
    let [hue, share, high] = [lanes.load(&pixels[0]), lanes.load(&pixels[1]), lanes.load(&pixels[2])];
    // Six times a hue is a multiple of 255 or at least 3 below the next: the sum is never rounded over a whole number.
    let sector = lanes.whole(lanes.add_product(hue, lanes.splat(6.0 / 255.0), lanes.splat(1.0 / 255.0)));
    let rest = lanes.sub(lanes.mul(hue, lanes.splat(6.0)), lanes.mul(sector, lanes.splat(255.0)));
    let rest = lanes.divide_by(rest, 255.0);
    let lowest = level(lanes, high, share);
    let rest = lanes.by_sign(lanes.look_up(&FALLING, sector), rest, lanes.sub(lanes.splat(1.0), rest));
    let between = level(lanes, high, lanes.mul(share, rest));
    for (channel, values) in pixels.iter_mut().enumerate() {
        let other = lanes.by_sign(lanes.look_up(&BETWEEN[channel], sector), between, lowest);
        lanes.store(lanes.by_sign(lanes.look_up(&VALUE[channel], sector), high, other), values);
    }
}

/// A share of `high` less, rounded.
#[inline(always)]
fn level<L: Lanes>(lanes: L, high: L::V, share: L::V) -> L::V {
    let level = lanes.mul(high, lanes.sub(lanes.splat(1.0), share));
    lanes.whole(lanes.add(level, lanes.splat(0.5)))
}

/// 255 times a share of 1, without the fraction, as if the product were not rounded.
#[inline(always)]
fn times_255<L: Lanes>(lanes: L, share: L::V) -> L::V {
    let near = lanes.whole(lanes.mul(share, lanes.splat(255.0)));
    // Rounding can have reached the next whole number, never missed one; 256 x share - near is exact.
    let over =
        lanes.sub(lanes.add_product(share, lanes.splat(256.0), lanes.sub(lanes.splat(0.0), near)), share);
    lanes.by_sign(over, lanes.sub(near, lanes.splat(1.0)), near)
}

#[cfg(test)]
mod tests {
    use super::super::color::{Change, change};
    use super::super::isa::Isa;
    use super::super::naive;

    #[test]
    fn every_colour_agrees_with_the_definition() {
        // An image of all colours: 4096 x 4096.
        let planes = [16, 8, 0].map(|shift| (0..1u32 << 24).map(|colour| (colour >> shift) as u8).collect());
        for turn in [0, 25, 231] {
            let mut wanted = planes.clone();
            naive::change(&mut wanted, &[Change::Hue(turn)]);
            for isa in Isa::available() {
                let mut pixels = naive::pixels(&planes, 4096);
                change(isa, &mut pixels, &[Change::Hue(turn)]);
                let found = naive::planes(&pixels);
                let wrong = (0..1usize << 24).find(|&i| (0..3).any(|k| found[k][i] != wanted[k][i]));
                assert_eq!(wrong, None, "the first colour that is wrong: {isa:?}, {turn}");
            }
        }
    }

    #[test]
    fn a_third_of_a_turn_rotates_the_primaries() {
        assert_eq!(naive::hue([255, 0, 0], 85), [0, 255, 0]);
        assert_eq!(naive::hue([204, 76, 25], 0), [204, 76, 26], "bytes lose a little");
        assert_eq!(naive::hue([102; 3], 51), [102; 3]);
    }
}
