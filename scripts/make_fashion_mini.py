#!/usr/bin/env python3
"""Makes the embedded data set from Fashion-MNIST: the first 800 training and 200 test images of each class.

    scripts/make_fashion_mini.py [FOLDER]

FOLDER holds the four original idx .gz files; the default is where Debian's package dataset-fashion-mnist puts them. The images keep
their order. The output in crates/bcl-data/assets/fashion-mini/ is the same, byte by byte, on every run.
"""

import gzip
import hashlib
import pathlib
import struct
import sys

SOURCE = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "/usr/share/datasets/fashion-mnist")
TARGET = pathlib.Path(__file__).parent.parent / "crates/bcl-data/assets/fashion-mini"
PIXELS = 28 * 28


def read(prefix):
    images = gzip.open(SOURCE / f"{prefix}-images-idx3-ubyte.gz").read()
    labels = gzip.open(SOURCE / f"{prefix}-labels-idx1-ubyte.gz").read()
    magic, count, height, width = struct.unpack(">IIII", images[:16])
    assert (magic, height, width) == (0x803, 28, 28) and len(images) == 16 + count * PIXELS
    assert struct.unpack(">II", labels[:8]) == (0x801, count) and len(labels) == 8 + count
    return images[16:], labels[8:]


def write(name, data):
    # No name and no time in the header, so that the bytes do not depend on either.
    packed = gzip.compress(data, compresslevel=9, mtime=0)
    (TARGET / name).write_bytes(packed)
    print(f"{hashlib.sha256(packed).hexdigest()}  {name}  {len(packed)} bytes")


TARGET.mkdir(parents=True, exist_ok=True)
for prefix, per_class in (("train", 800), ("t10k", 200)):
    images, labels = read(prefix)
    taken = [0] * 10
    chosen = []
    for index, label in enumerate(labels):
        if taken[label] < per_class:
            taken[label] += 1
            chosen.append(index)
    assert taken == [per_class] * 10
    pixels = b"".join(images[i * PIXELS : (i + 1) * PIXELS] for i in chosen)
    write(f"{prefix}-images-idx3-ubyte.gz", struct.pack(">IIII", 0x803, len(chosen), 28, 28) + pixels)
    write(f"{prefix}-labels-idx1-ubyte.gz", struct.pack(">II", 0x801, len(chosen)) + bytes(labels[i] for i in chosen))
