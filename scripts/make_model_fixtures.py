#!/usr/bin/env python3
"""Writes crates/bcl-models/tests/fixtures/: what torchvision and torch.optim give for weights from a formula.

Needs torch 2.11 and torchvision 0.26. Deterministic.
"""

import json
import pathlib

import torch
import torchvision

from fixture_formula import fill, noise

OUT = pathlib.Path(__file__).parent.parent / "crates/bcl-models/tests/fixtures"
OUT.mkdir(parents=True, exist_ok=True)
torch.set_num_threads(1)

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

# Optimizers on a convolution's weight and a vector, with gradients from a formula. LARS is SimCLR's, written out.
def lars(parameters, velocities, lr, weight_decay, momentum, nesterov, trust=1e-3):
    for parameter, velocity in zip(parameters, velocities):
        gradient, ratio = parameter.grad, 1.0
        if parameter.dim() > 1:
            gradient = gradient + weight_decay * parameter
            long, steep = parameter.norm(), gradient.norm()
            ratio = trust * long / steep if long > 0 and steep > 0 else 1.0
        velocity.mul_(momentum).add_(lr * ratio * gradient)
        parameter.sub_(momentum * velocity + lr * ratio * gradient if nesterov else velocity)


def optimize(make, clip=None):
    parameters = [torch.nn.Parameter(noise(54, 1).float().reshape(2, 3, 3, 3)), torch.nn.Parameter(noise(2, 2).float())]
    step_of, steps = make(parameters), []
    for step in range(10):
        for k, parameter in enumerate(parameters):
            gradient = noise(parameter.numel(), 3 + 2 * step + k).float().reshape(parameter.shape) * 0.1
            parameter.grad = gradient + 0.05 * parameter.detach()
        if clip:
            torch.nn.utils.clip_grad_norm_(parameters, clip)
        with torch.no_grad():
            step_of()
        values = torch.cat([p.detach().flatten() for p in parameters]).double()
        steps.append([round(x, 9) for x in values.tolist()])
    return steps


def lars_of(nesterov):
    def make(parameters):
        velocities = [torch.zeros_like(p) for p in parameters]
        return lambda: lars(parameters, velocities, lr=2.0, weight_decay=1e-2, momentum=0.9, nesterov=nesterov)

    return make


optim, decay = torch.optim, 1e-2
optimizers = {
    "adam": optimize(lambda p: optim.Adam(p, lr=1e-2, weight_decay=decay).step),
    "adamw": optimize(lambda p: optim.AdamW(p, lr=1e-2, weight_decay=decay).step),
    "sgd": optimize(lambda p: optim.SGD(p, lr=1e-1, weight_decay=decay, momentum=0.9).step),
    "sgd, nesterov": optimize(lambda p: optim.SGD(p, lr=1e-1, weight_decay=decay, momentum=0.9, nesterov=True).step),
    "sgd, no momentum, clipped": optimize(lambda p: optim.SGD(p, lr=1e-1, weight_decay=decay).step, clip=0.3),
    "lars": optimize(lars_of(False)),
    "lars, nesterov": optimize(lars_of(True)),
}
(OUT / "optimizers.json").write_text(json.dumps(optimizers) + "\n")


# Schedules of 10 epochs of 4 steps.
def rates(make):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule, values = make(optimizer), []
    for _ in range(40):
        values.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return values


lr = torch.optim.lr_scheduler


def warm(optimizer, then):
    return lr.SequentialLR(optimizer, [lr.LinearLR(optimizer, 1 / 8, 1.0, total_iters=7), then], milestones=[8])


schedules = {
    "cosine": rates(lambda o: lr.CosineAnnealingLR(o, T_max=40)),
    "cosine, warm-up of 2 epochs": rates(lambda o: warm(o, lr.CosineAnnealingLR(o, T_max=32))),
    "step, each 3 epochs": rates(lambda o: lr.StepLR(o, step_size=12, gamma=0.1)),
    "constant, warm-up of 2 epochs": rates(lambda o: warm(o, lr.ConstantLR(o, 1.0))),
}
(OUT / "schedules.json").write_text(json.dumps(schedules) + "\n")
