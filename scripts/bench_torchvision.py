"""The published augmentation by torchvision on Pillow images, on one thread: the partner of `bcl-exp bench augment`.

Reads requests, a line of JSON each: {"side": S, "views": N} makes N views from decoded S x S images. Answers each with a
line of JSON when it is done. The first line says the versions.
"""

import json
import sys

import numpy as np
import PIL
import torch
import torchvision
from PIL import Image
from torchvision import transforms

torch.set_num_threads(1)
IMAGES = 64

# The published transforms; the blur's kernel is int(0.1 * 32) = 3.
train_transform = transforms.Compose([
    transforms.RandomResizedCrop(32),
    transforms.RandomHorizontalFlip(p=0.5),
    transforms.RandomApply([transforms.ColorJitter(0.4, 0.4, 0.4, 0.1)], p=0.8),
    transforms.RandomGrayscale(p=0.2),
    transforms.RandomApply([transforms.GaussianBlur(kernel_size=3)], p=0.5),
    transforms.ToTensor(),
    transforms.Normalize([0.4914, 0.4822, 0.4465], [0.2023, 0.1994, 0.2010]),
])


def image(side, index):
    """A picture of ramps, the same as `bench/augment.rs` makes."""
    channel, y, x = np.mgrid[0:3, 0:side, 0:side]
    planes = (x * (3 + index % 5) + y * (2 + index % 7) + 85 * channel + 11 * index) % 256
    return Image.fromarray(np.ascontiguousarray(planes.astype(np.uint8).transpose(1, 2, 0)))


def main():
    torch.manual_seed(0)
    decoded = {}
    versions = f"torchvision {torchvision.__version__}, Pillow {PIL.__version__}, torch {torch.__version__}"
    print(json.dumps({"ready": versions}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        side = request["side"]
        if side not in decoded:
            decoded[side] = [image(side, index) for index in range(IMAGES)]
        for index in range(request["views"]):
            train_transform(decoded[side][index % IMAGES])
        print(json.dumps({"views": request["views"]}), flush=True)


main()
