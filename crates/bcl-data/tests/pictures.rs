//! Decoded images against Pillow's, and every way in which a file can be broken.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

use bcl_data::format::picture::{Limits, decode, size};
use std::path::PathBuf;

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/pictures").join(name))
        .unwrap()
}

/// Name, height, width and Pillow's RGB planes of each.
fn fixtures() -> Vec<(String, (usize, usize), Vec<u8>)> {
    let json: serde_json::Value = serde_json::from_slice(&fixture("rgb.json")).unwrap();
    let one = |(name, image): (&String, &serde_json::Value)| {
        let side = |at: usize| image["size"][at].as_u64().unwrap() as usize;
        let digits = image["rgb"].as_str().unwrap();
        let bytes =
            (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap());
        (name.clone(), (side(0), side(1)), bytes.collect())
    };
    json.as_object().unwrap().iter().map(one).collect()
}

#[test]
fn every_kind_of_image_is_as_pillow_converts_it() {
    let fixtures = fixtures();
    assert_eq!(fixtures.len(), 17);
    for (name, shape, expected) in fixtures {
        let bytes = fixture(&name);
        let picture = decode(&bytes, Limits::default()).unwrap_or_else(|bad| panic!("{name}: {bad:?}"));
        assert_eq!((picture.height, picture.width), shape, "{name}");
        assert_eq!(size(&bytes, Limits::default()).unwrap(), shape, "{name}");
        let apart = picture.pixels.iter().zip(&expected).map(|(a, b)| a.abs_diff(*b));
        assert_eq!(picture.pixels.len(), expected.len());
        let (worst, sum) = apart.fold((0, 0u32), |(worst, sum), d| (worst.max(d), sum + u32::from(d)));
        let mean = f64::from(sum) / expected.len() as f64;
        println!("{name}: {worst} at most, {mean:.3} on average");
        // Inverse transforms and colour conversions of lossy formats round in ways of their own.
        let lossy = name.ends_with(".jpg") || name == "lossy.webp";
        let allowed = if lossy { (4, 0.6) } else { (0, 0.0) };
        assert!(worst <= allowed.0 && mean <= allowed.1, "{name}: {worst}, {mean}");
    }
}

#[test]
fn truncated_and_damaged_images_are_refused() {
    for (name, ..) in fixtures() {
        let bytes = fixture(&name);
        for keep in [0, 1, 4, 12, 30, bytes.len() / 2, bytes.len() - 30] {
            let bad = decode(&bytes[..keep], Limits::default());
            // Of an animation the first frame is enough.
            assert!(bad.is_err() || name == "animation.webp", "{name} cut to {keep}");
        }
    }
    let got = |bytes: &[u8]| decode(bytes, Limits::default()).unwrap_err().got;
    assert_eq!(got(b""), "no bytes");
    assert_eq!(got(b"GIF89a"), "bytes 47 49 46 38 39 61 ...");
    let mut png = fixture("rgb.png");
    png[60] ^= 1;
    assert!(decode(&png, Limits::default()).is_err(), "a wrong checksum");
    assert!(decode(&fixture("damaged.jpg"), Limits::default()).is_err(), "the decoder panics");
}

/// A PNG whose chunk of a kind holds other bytes.
fn with_chunk(png: &[u8], kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let start = png.windows(4).position(|four| four == kind).unwrap() - 4;
    let length = u32::from_be_bytes(png[start..start + 4].try_into().unwrap()) as usize;
    let mut crc = flate2::Crc::new();
    crc.update(kind);
    crc.update(content);
    let header = (content.len() as u32).to_be_bytes();
    [&png[..start], &header, kind, content, &crc.sum().to_be_bytes(), &png[start + 12 + length..]].concat()
}

#[test]
fn a_palette_of_no_whole_colours_is_refused() {
    let png = fixture("palette.png");
    for length in [3, 3 * 256] {
        assert!(decode(&with_chunk(&png, b"PLTE", &vec![1; length]), Limits::default()).is_ok(), "{length}");
    }
    for length in [1, 602, 3 * 256 + 1, 3 * 257] {
        assert!(decode(&with_chunk(&png, b"PLTE", &vec![1; length]), Limits::default()).is_err(), "{length}");
    }
}

#[test]
fn sizes_beyond_the_limits_are_refused_before_decoding() {
    for name in ["rgb.jpg", "rgb.png", "lossy.webp"] {
        let bytes = fixture(name);
        for limits in [Limits { side: 25, ..Limits::default() }, Limits { pixels: 493, ..Limits::default() }]
        {
            assert!(decode(&bytes, limits).is_err() && size(&bytes, limits).is_err(), "{name}");
        }
        assert!(decode(&bytes, Limits { side: 26, pixels: 494 }).is_ok(), "{name}");
    }
    // A header that promises the moon.
    let mut png = fixture("rgb.png");
    png[16..24].copy_from_slice(&[0x7f, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff]);
    assert!(decode(&png, Limits::default()).is_err());
}
