#!/usr/bin/env python3
"""Writes crates/bcl-exp/tests/fixtures/training.json: three steps of training by torchvision and PyTorch, f32.

Weights and images are from a formula; small ResNets of both kinds of blocks with both published stems. Of each tensor two
numbers are kept: its root mean square, and its product with a vector of the formula, which any exchange of values changes.

A ReLU whose input is almost 0 falls on one side in f32 and on the other in f64, and Adam's first steps are as long for a gradient that
is all rounding. So the images are the first (`k`) of which PyTorch in f32 makes what it makes in f64; ResNet-50 needs milder residual
branches for that, and an epsilon by which such a gradient is small.

Needs torch 2.11 and torchvision 0.26. Deterministic.
"""

import json
import pathlib

import torch
import torch.nn.functional as F
from torch import nn

from bench_torch_train import LAYERS, ResNet, info_nce, projection_head
from fixture_formula import fill, noise

OUT = pathlib.Path(__file__).parent.parent / "crates/bcl-exp/tests/fixtures/training.json"
WIDTH, HIDDEN, FEATURE_DIM, STEPS = 4, 16, 8, 3
ALPHA, BETA, TAU_PLUS, TEMPERATURE = 0.9, 0.9, 0.1, 0.5
MOST = 1e-5  # difference of f32 and f64, a share of a tensor's size
CASES = [
    {"arch": "resnet18", "stem": "cifar", "estimator": "BCL", "pairs": 8, "side": 16, "branch": 1.0, "eps": 1e-8},
    {"arch": "resnet18", "stem": "imagenet", "estimator": "SimCLR", "pairs": 8, "side": 32, "branch": 1.0, "eps": 1e-8},
    {"arch": "resnet50", "stem": "cifar", "estimator": "BCL", "pairs": 8, "side": 16, "branch": 0.3, "eps": 1e-3},
    {"arch": "resnet50", "stem": "imagenet", "estimator": "SimCLR", "pairs": 16, "side": 32, "branch": 0.1, "eps": 1e-3},
]
torch.set_num_threads(1)


def bcl(z):
    """The closed form; omega takes no gradient."""
    n = len(z)
    logits = z @ z.t() / TEMPERATURE
    index = torch.arange(n)
    pair = (index + n // 2) % n
    keep = (index[:, None] != index) & (index != pair[:, None])
    negatives, positive = logits[keep].reshape(n, -1), logits[index, pair]
    with torch.no_grad():
        cdf = (negatives[:, None, :] <= negatives[:, :, None]).sum(2) / negatives.shape[1]
        a, b = (1 - 2 * ALPHA) * (1 - 2 * TAU_PLUS), 2 * (ALPHA * (1 - TAU_PLUS) + (1 - ALPHA) * TAU_PLUS)
        phi = 2 * cdf / (b + (b * b + 4 * a * cdf).sqrt())
        easy, hard = ALPHA * (1 - BETA), (1 - ALPHA) * BETA
        target = 2 * (easy * (1 - phi) + hard * phi) / (easy + hard)
        true = 2 * (ALPHA * (1 - phi) + (1 - ALPHA) * phi)
        false = 2 * ((1 - ALPHA) * (1 - phi) + ALPHA * phi)
        omega = target / ((1 - TAU_PLUS) * true + TAU_PLUS * false)
    return ((positive.exp() + (omega * negatives.exp()).sum(1)).log() - positive).mean()


def train(case, dtype):
    """Everything that the three steps give, by name, and the losses."""
    model = nn.Module()
    model.encoder = ResNet(case["arch"], WIDTH, case["stem"])
    model.head = projection_head(8 * WIDTH * LAYERS[case["arch"]][0].expansion, HIDDEN, FEATURE_DIM)
    state = {n: t for n, t in model.state_dict().items() if not n.endswith("num_batches_tracked")}
    with torch.no_grad():
        fill(state)
        for name, tensor in state.items():
            if name.endswith("bn3.weight"):
                tensor.mul_(case["branch"])
    model.to(dtype)
    shape = 2, case["pairs"], 3, case["side"], case["side"]
    images = noise(torch.Size(shape).numel(), case["k"]).reshape(shape).to(dtype)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=1e-6, eps=case["eps"])
    loss_of = {"BCL": bcl, "SimCLR": info_nce}[case["estimator"]]
    tensors, losses = {}, []
    for step in range(STEPS):
        features = [model.encoder(view) for view in images]
        z = [F.normalize(model.head(view), dim=-1) for view in features]
        loss = loss_of(torch.cat(z))
        optimizer.zero_grad()
        loss.backward()
        losses.append(loss.item())
        if step == 0:
            tensors |= {f"features {k}": view for k, view in enumerate(features)}
            tensors |= {f"z {k}": view for k, view in enumerate(z)}
            tensors |= {f"gradient of {n}": p.grad.clone() for n, p in model.named_parameters()}
        optimizer.step()
    state = model.state_dict()
    tensors |= {f"{name} after": t for name, t in state.items() if not name.endswith("num_batches_tracked")}
    return {name: tensor.detach().double().flatten() for name, tensor in tensors.items()}, losses


def size(tensor):
    return tensor.square().mean().sqrt().item()


def differences(single, double):
    """Of each tensor, as a share of its size."""
    return [size(single[name] - double[name]) / size(double[name]) for name in double]


def checked(case):
    """The case with the first images of which f32 and f64 make the same, and what f32 makes of them."""
    for k in range(200):
        case = case | {"k": k}
        (single, losses), (double, exact) = train(case, torch.float32), train(case, torch.float64)
        off = max(differences(single, double) + differences({"": torch.tensor(losses)}, {"": torch.tensor(exact)}))
        if off < MOST:
            break
    else:
        raise SystemExit(f"{case}: f32 and f64 differ by {off} of a tensor's size for all images that were tried")
    print(case["arch"], case["stem"], case["estimator"], f"images {k}: f32 and f64 differ by {off:.1e} of a tensor's size")
    kept = {
        name: [float(f"{x:.8g}") for x in (size(t), (t @ noise(len(t), 1).double()).item() / len(t) ** 0.5)]
        for name, t in sorted(single.items())
    }
    return case | {"losses": [float(f"{loss:.8g}") for loss in losses], "tensors": kept}


def main():
    lines = ",\n".join(json.dumps(checked(case)) for case in CASES)
    OUT.write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    main()
