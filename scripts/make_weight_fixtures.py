#!/usr/bin/env python3
"""Writes crates/bcl-models/tests/fixtures/weights/: small checkpoints as torch saves them, and what they compute.

`authors.safetensors` is the state dict of the authors' model inside nn.DataParallel, `torchvision.safetensors` that of
torchvision's ResNet with its classifier, both with their counters; `features.json` holds the features and projections of a few
images by running statistics. Needs torch 2.11, torchvision 0.26 and safetensors. Deterministic.
"""

import json
import pathlib

import torch
from safetensors.torch import save_file

from bench_torch_train import Model, ResNet
from fixture_formula import noise

OUT = pathlib.Path(__file__).parent.parent / "crates/bcl-models/tests/fixtures/weights"
OUT.mkdir(parents=True, exist_ok=True)
torch.set_num_threads(1)
torch.manual_seed(0)


def used(model, images):
    """Some training, so that no statistic and no bias is what it was initially; then evaluation."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(3):
        model(images)[-1].square().mean().backward()
        optimizer.step()
    return model.eval()


images = noise(4 * 3 * 16 * 16, 5).reshape(4, 3, 16, 16).float()
authors = used(Model("resnet18", 2, "cifar", hidden=4, feature_dim=4), images)
torchvisions = ResNet("resnet50", 1, "imagenet")
torchvisions.fc = torch.nn.Linear(32, 3)
used(torchvisions, images)
save_file(torch.nn.DataParallel(authors).state_dict(), OUT / "authors.safetensors")
save_file(torchvisions.state_dict(), OUT / "torchvision.safetensors")

with torch.no_grad():
    features, z = authors(images)
    torchvisions.fc = torch.nn.Identity()
    values = {"authors": features, "authors_z": z, "torchvision": torchvisions(images)}
(OUT / "features.json").write_text(json.dumps({name: value.tolist() for name, value in values.items()}) + "\n")
