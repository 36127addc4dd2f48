#!/usr/bin/env python3
"""Writes crates/bcl-data/tests/fixtures/augment.json: torchvision's augmentation on Pillow images with drawn parameters.

Needs torch 2.11, torchvision 0.26, pillow 11.3 and numpy. Deterministic. The images are made from formulas; each case has the drawn
parameters and the u8 output of each step done alone and of the whole pipeline (before normalisation), in the published order
or in that of another recipe.
"""

import base64
import json
import math
import pathlib
import random

import numpy as np
import torchvision.transforms.functional as F
from PIL import Image

random.seed(20230127)
NAMES = ["brightness", "contrast", "saturation", "hue"]


def picture(kind, height, width):
    y, x = np.mgrid[0:height, 0:width].astype(float)
    if kind == "waves":
        planes = [127 + 100 * np.sin(x / 5 + k) * np.cos(y / (4 + k)) for k in range(3)]
    elif kind == "noise":
        planes = list(np.random.default_rng(7).integers(0, 256, (3, height, width)).astype(float))
    else:  # blobs on a ramp
        planes = [60 + 150 * np.exp(-((x - width * a) ** 2 + (y - height * b) ** 2) / 60) + x for a, b in ((0.3, 0.3), (0.6, 0.5), (0.5, 0.8))]
    return Image.fromarray(np.stack(planes, -1).clip(0, 255).astype(np.uint8))


def draw(height, width, strength=0.5, kernel=3, threshold=128):
    area = height * width * random.uniform(0.08, 1.0)
    ratio = math.exp(random.uniform(math.log(3 / 4), math.log(4 / 3)))
    w = max(1, min(width, round(math.sqrt(area * ratio))))
    h = max(1, min(height, round(math.sqrt(area / ratio))))
    order = NAMES[:]
    random.shuffle(order)
    return {
        "top": random.randint(0, height - h),
        "left": random.randint(0, width - w),
        "height": h,
        "width": w,
        "flip": random.random() < 0.5,
        "order": order,
        "brightness": random.uniform(1 - 0.8 * strength, 1 + 0.8 * strength),
        "contrast": random.uniform(1 - 0.8 * strength, 1 + 0.8 * strength),
        "saturation": random.uniform(1 - 0.8 * strength, 1 + 0.8 * strength),
        "hue": random.uniform(-0.2 * strength, 0.2 * strength),
        "grey": random.random() < 0.2,
        "sigma": random.uniform(0.1, 2.0),
        "kernel": kernel,
        "threshold": threshold,
    }


def step(name, image, d, size):
    if name == "crop":
        return F.resized_crop(image, d["top"], d["left"], d["height"], d["width"], [size, size], antialias=True)
    if name == "flip":
        return F.hflip(image) if d["flip"] else image
    if name in NAMES:
        return getattr(F, f"adjust_{name}")(image, d[name])
    if name == "grey":
        return F.rgb_to_grayscale(image, 3) if d["grey"] else image
    if name == "solarize":
        return F.solarize(image, d["threshold"])
    return F.gaussian_blur(image, [d["kernel"], d["kernel"]], [d["sigma"], d["sigma"]])


def encoded(image):
    return base64.b64encode(np.asarray(image).transpose(2, 0, 1).tobytes()).decode()


def case(kind, height, width, size, order, **options):
    image, d = picture(kind, height, width), draw(height, width, **options)
    cropped = step("crop", image, d, size)
    whole = cropped
    for group in order:
        for name in d["order"] if group == "jitter" else [group]:
            whole = step(name, whole, d, size)
    alone = [name for group in order for name in (NAMES if group == "jitter" else [group])]
    steps = {name: encoded(step(name, cropped, d | {"flip": True, "grey": True}, size)) for name in alone}
    return {"kind": kind, "image_height": height, "image_width": width, "size": size, "image": encoded(image), "drawn": d,
            "sequence": order, "cropped": encoded(cropped), "steps": steps, "whole": encoded(whole)}


PUBLISHED = ["flip", "jitter", "grey", "blur"]
BYOL = ["flip", "jitter", "grey", "blur", "solarize"]
MOCO = ["jitter", "grey", "blur", "flip"]
cases = [
    case(kind, height, width, size, PUBLISHED)
    for kind, height, width, size in (
        ("waves", 32, 32, 32), ("blobs", 32, 32, 32), ("noise", 32, 32, 32), ("blobs", 96, 96, 32), ("waves", 28, 28, 28), ("blobs", 50, 40, 24),
    ) * 3
]
# Strong colours, wide kernels, solarization, other orders.
cases += [
    case("blobs", 40, 48, 32, BYOL, strength=1.0, kernel=9),
    case("noise", 32, 32, 32, BYOL, strength=1.0, kernel=13),
    case("waves", 64, 64, 48, BYOL, strength=1.0, kernel=23),
    case("noise", 24, 24, 16, BYOL, strength=1.0, kernel=3),
    case("waves", 32, 32, 32, MOCO, kernel=23),
    case("blobs", 32, 32, 24, MOCO, kernel=5),
    case("noise", 20, 24, 16, ["solarize", "jitter", "flip", "grey"], strength=1.0, threshold=200),
    case("waves", 20, 24, 16, ["solarize", "blur", "flip", "jitter"], strength=1.0, threshold=1),
]
out = pathlib.Path(__file__).parent.parent / "crates/bcl-data/tests/fixtures/augment.json"
out.parent.mkdir(parents=True, exist_ok=True)
out.write_text(json.dumps(cases) + "\n")
