"""The authors' model on torchvision's blocks, and its training step: the partner of `bcl-exp bench train`.

Reads requests, a line of JSON each, that say which encoder and how ("arch", "width", "stem", "hidden", "feature_dim", "pairs",
"side", "precision", "layout", "device", "threads"), and answers each with a line of JSON when a step is done. The first line says
the versions.

A step is PyTorch's eager one at its best: autocast where the precision is bf16, Adam in its fused kernel, gradients set to
none. The loss is InfoNCE of the 2 x pairs embeddings by cross_entropy.
"""

import json
import sys

import torch
import torch.nn.functional as F
import torchvision
from torch import nn
from torchvision.models.resnet import BasicBlock, Bottleneck

LAYERS = {
    "resnet10": (BasicBlock, [1, 1, 1, 1]),
    "resnet18": (BasicBlock, [2, 2, 2, 2]),
    "resnet34": (BasicBlock, [3, 4, 6, 3]),
    "resnet50": (Bottleneck, [3, 4, 6, 3]),
}
LAYOUTS = {"channels_last": torch.channels_last, "contiguous": torch.contiguous_format}


class ResNet(torchvision.models.ResNet):
    """torchvision's with `width` channels in the first stage instead of 64, another stem, and no classifier."""

    def __init__(self, arch, width, stem):
        self.width = width
        super().__init__(*LAYERS[arch])
        kernel, stride, padding = {"imagenet": (7, 2, 3), "cifar": (3, 1, 1), "compact": (3, 2, 1)}[stem]
        self.conv1 = nn.Conv2d(3, width, kernel, stride, padding, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        if stem != "imagenet":
            self.maxpool = nn.Identity()
        self.fc = nn.Identity()

    def _make_layer(self, block, planes, blocks, **options):
        if planes == 64:
            self.inplanes = self.width
        return super()._make_layer(block, planes * self.width // 64, blocks, **options)


def projection_head(features, hidden, feature_dim):
    return nn.Sequential(
        nn.Linear(features, hidden, bias=False), nn.BatchNorm1d(hidden), nn.ReLU(inplace=True),
        nn.Linear(hidden, feature_dim),
    )


class Model(nn.Module):
    """As in the authors' model.py: `f` is a Sequential of the encoder's children, `g` the projection head."""

    def __init__(self, arch, width, stem, hidden=512, feature_dim=128):
        super().__init__()
        children = ResNet(arch, width, stem).children()
        self.f = nn.Sequential(*[child for child in children if not isinstance(child, nn.Identity)])
        features = 8 * width * LAYERS[arch][0].expansion
        self.g = projection_head(features, hidden, feature_dim)

    def forward(self, x):
        features = torch.flatten(self.f(x), start_dim=1)
        return features, F.normalize(self.g(features), dim=-1)


def info_nce(z, temperature=0.5):
    """Of the embeddings of both views, one view after the other."""
    scores = (z @ z.t() / temperature).fill_diagonal_(float("-inf"))
    return F.cross_entropy(scores, torch.arange(len(z), device=z.device).roll(len(z) // 2))


def step_of(request):
    device, layout = torch.device(request["device"]), LAYOUTS[request["layout"]]
    head = request["hidden"], request["feature_dim"]
    model = Model(request["arch"], request["width"], request["stem"], *head).to(device, memory_format=layout)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=1e-6, fused=True)
    views = torch.rand(2, request["pairs"], 3, request["side"], request["side"], device=device)

    def step():
        # At each step: other cases' are taken in turn.
        torch.backends.cudnn.conv.fp32_precision = "tf32" if request["precision"] == "tf32" else "ieee"
        with torch.autocast(device.type, torch.bfloat16, enabled=request["precision"] == "bf16"):
            z = torch.cat([model(view.to(memory_format=layout))[1] for view in views])
        optimizer.zero_grad(set_to_none=True)
        info_nce(z.float()).backward()
        optimizer.step()
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    return step


def main():
    torch.manual_seed(0)
    print(json.dumps({"ready": f"torch {torch.__version__}, torchvision {torchvision.__version__}"}), flush=True)
    encoder, steps = None, {}
    for line in sys.stdin:
        request = json.loads(line)
        torch.set_num_threads(request["threads"])
        asked = request["arch"], request["width"], request["pairs"]
        if asked != encoder:
            encoder, steps = asked, {}
        way = request["precision"], request["layout"]
        if way not in steps:
            steps[way] = step_of(request)
        steps[way]()
        print(json.dumps({"views": 2 * request["pairs"]}), flush=True)


if __name__ == "__main__":
    main()
