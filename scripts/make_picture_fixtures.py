#!/usr/bin/env python3
"""Small images of every kind, and what Pillow's convert("RGB") makes of them.

    python scripts/make_picture_fixtures.py crates/bcl-data/tests/fixtures/pictures     (Pillow 11.3)

Writes the images and `rgb.json`: for each file its size and its RGB bytes, planes after one another, as hexadecimal digits.
"""

import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image

HEIGHT, WIDTH = 19, 26


def colours():
    """Smooth, so that lossy formats stay near."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    planes = [128 + 100 * np.sin(x / 7), 128 + 90 * np.cos(y / 5), 255 * (x + y) / (HEIGHT + WIDTH)]
    return Image.fromarray(np.stack(planes, -1).round().astype(np.uint8))


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    rgb = colours()
    grey = rgb.convert("L")
    alpha = rgb.copy()
    alpha.putalpha(grey)
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees: ignored
    sixteen = Image.fromarray((np.asarray(grey).astype(np.uint16) << 8) + 77)
    images = {
        "rgb.jpg": (rgb, {"quality": 90, "exif": exif}),
        "rgb444.jpg": (rgb, {"quality": 95, "subsampling": 0}),
        "progressive.jpg": (rgb, {"quality": 90, "progressive": True}),
        "grey.jpg": (grey, {"quality": 90}),
        "cmyk.jpg": (rgb.convert("CMYK"), {"quality": 95}),
        "rgb.png": (rgb, {}),
        "grey.png": (grey, {}),
        "bits.png": (grey.convert("1"), {}),
        "grey_alpha.png": (alpha.convert("LA"), {}),
        "alpha.png": (alpha, {}),
        "palette.png": (rgb.quantize(30), {}),
        "palette_alpha.png": (rgb.quantize(30), {"transparency": 3}),
        "sixteen.png": (sixteen, {}),
        "lossless.webp": (rgb, {"lossless": True}),
        "lossy.webp": (rgb, {"quality": 90}),
        "alpha.webp": (alpha, {"lossless": True, "exact": True}),
        "animation.webp": (rgb, {"save_all": True, "append_images": [grey.convert("RGB")], "lossless": True}),
    }
    expected = {}
    for name, (image, options) in images.items():
        image.save(folder / name, **options)
        with Image.open(folder / name) as saved:
            pixels = np.asarray(saved.convert("RGB"))
        if name == "sixteen.png":
            pixels = np.asarray(grey.convert("RGB"))  # Pillow clips 16-bit greys to white
        expected[name] = {"size": pixels.shape[:2], "rgb": pixels.transpose(2, 0, 1).tobytes().hex()}
    (folder / "rgb.json").write_text(json.dumps(expected) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
