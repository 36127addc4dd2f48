#!/usr/bin/env python3
"""Writes crates/bcl-models/tests/fixtures/: what torchvision and torch.optim give for weights made from a formula.

Needs torch 2.11 and torchvision 0.26. Deterministic. Tensor k of a model, in the order of its names, has
values from integers modulo a prime, exact everywhere; see `noise` and `fill`.
"""

import json
import pathlib

import torch
import torchvision

OUT = pathlib.Path(__file__).parent.parent / "crates/bcl-models/tests/fixtures"
OUT.mkdir(parents=True, exist_ok=True)
torch.set_num_threads(1)


def noise(count, k):
    i = torch.arange(count, dtype=torch.int64)
    return (31 * i * i + 7919 * i + 613 * k) % 10007 / 10007.0 * 2 - 1


def fill(state):
    for k, name in enumerate(sorted(state)):
        tensor = state[name]
        values = noise(tensor.numel(), k).reshape(tensor.shape)
        if name.endswith("running_var"):
            values = 1.0 + 0.5 * values
        elif tensor.dim() == 4:
            values = values * (6.0 / tensor[0].numel()) ** 0.5
        elif name.endswith("weight"):
            values = 1.0 + 0.3 * values
        else:
            values = 0.1 * values
        tensor.copy_(values.float())


# Names and shapes of parameters and buffers.
names = {}
for arch in ("resnet18", "resnet34", "resnet50"):
    model = getattr(torchvision.models, arch)()
    model.fc = torch.nn.Identity()
    names[arch] = {n: list(t.shape) for n, t in model.state_dict().items() if not n.endswith("num_batches_tracked")}
(OUT / "torchvision_names.json").write_text(json.dumps(names) + "\n")

# Features of three images of 40 x 40, ImageNet stem, in evaluation and in training; running statistics after training.
cases = {}
for arch in ("resnet18", "resnet50"):
    model = getattr(torchvision.models, arch)()
    model.fc = torch.nn.Identity()
    state = {n: t for n, t in model.state_dict().items() if not n.endswith("num_batches_tracked")}
    with torch.no_grad():
        fill(state)
        images = noise(3 * 3 * 40 * 40, 5).reshape(3, 3, 40, 40).float()
        model.eval()
        evaluated = model(images)
        model.train()
        trained = model(images)
    cases[arch] = {
        "evaluated": evaluated.flatten()[::7].tolist(),
        "trained": trained.flatten()[::7].tolist(),
        "running_mean": state["layer4.1.bn2.running_mean"].tolist()[::7],
        "running_var": state["layer4.1.bn2.running_var"].tolist()[::7],
    }
(OUT / "resnet_features.json").write_text(json.dumps(cases) + "\n")

# Adam on a vector with gradients from a formula.
weight = torch.nn.Parameter(noise(50, 1).float())
adam = torch.optim.Adam([weight], lr=1e-2, weight_decay=1e-2)
steps = []
for step in range(20):
    weight.grad = noise(50, 2 + step).float() * 0.1 + 0.05 * weight.detach()
    adam.step()
    steps.append(weight.detach().tolist())
(OUT / "adam.json").write_text(json.dumps(steps) + "\n")
