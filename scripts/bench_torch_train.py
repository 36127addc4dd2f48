"""The authors' model on torchvision's blocks, and its training step."""

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


class Model(nn.Module):
    """As in the authors' model.py: `f` is a Sequential of the encoder's children, `g` the projection head."""

    def __init__(self, arch, width, stem, hidden=512, feature_dim=128):
        super().__init__()
        children = ResNet(arch, width, stem).children()
        self.f = nn.Sequential(*[child for child in children if not isinstance(child, nn.Identity)])
        features = 8 * width * LAYERS[arch][0].expansion
        self.g = nn.Sequential(
            nn.Linear(features, hidden, bias=False), nn.BatchNorm1d(hidden), nn.ReLU(inplace=True),
            nn.Linear(hidden, feature_dim),
        )

    def forward(self, x):
        features = torch.flatten(self.f(x), start_dim=1)
        return features, F.normalize(self.g(features), dim=-1)
