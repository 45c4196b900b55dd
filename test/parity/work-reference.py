"""Multiply-adds that PyTorch counts for the networks and operators of test/parity/work-pytorch.test.ts, on one row.

    /path/to/python test/parity/work-reference.py > test/parity/generated/work-pytorch.json

torch 2.13 (CPU). torch.utils.flop_counter counts floating point operations of products and convolutions as they are dispatched, two for a
multiply-add; nothing else is counted. `forward` is one row's output, `training` that of a loss and its gradients by all weights. Recurrent layers and attention are made of
plain products here, which it counts (without oneDNN and fused attention).
"""

import importlib.util
import json
import os
import sys

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

HERE = os.path.dirname(os.path.abspath(__file__))


def exported_networks():
    spec = importlib.util.spec_from_file_location("exported_networks", os.path.join(HERE, "exported-networks.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def multiply_adds(work):
    with torch.backends.mkldnn.flags(enabled=False), sdpa_kernel(SDPBackend.MATH):
        with FlopCounterMode(display=False) as counter:
            work()
    flops = counter.get_total_flops()
    assert flops % 2 == 0
    return flops // 2


def network(net, shape):
    rows = torch.randn(1, *shape)
    net.train()

    def training():
        net(rows).sum().backward()

    return {"forward": multiply_adds(lambda: net(rows)), "training": multiply_adds(training)}


class Block(nn.Module):
    """The basic block of He et al. (2016), normalised by groups."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.first = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.second = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.shortcut = nn.Conv2d(inputs, outputs, 1, stride, bias=False) if stride != 1 or inputs != outputs else nn.Identity()

    def forward(self, x):
        return F.relu(self.shortcut(x) + self.second(F.relu(self.first(x))))


def residual():
    layers, width = [nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.ReLU()], 16
    for stage, outputs in enumerate((16, 32, 64)):
        for block in range(2):
            layers.append(Block(width, outputs, 2 if stage > 0 and block == 0 else 1))
            width = outputs
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 1))


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru, self.last = nn.GRU(40, 64, batch_first=True), nn.Linear(64, 1)

    def forward(self, x):
        return self.last(self.gru(x)[1][-1])


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.inputs, self.last = nn.Linear(40, 128), nn.Linear(128, 1)
        layer = nn.TransformerEncoderLayer(128, 4, 512, dropout=0.0, activation="gelu", batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)

    def forward(self, x):
        return self.last(self.encoder(self.inputs(x)).mean(1))


class Bottleneck(nn.Module):
    def __init__(self, inputs, width, stride):
        super().__init__()
        conv = lambda a, b, kernel, by=1: nn.Conv2d(a, b, kernel, by, kernel // 2, bias=False)
        self.inner = nn.Sequential(
            conv(inputs, width, 1), nn.BatchNorm2d(width), nn.ReLU(),
            conv(width, width, 3, stride), nn.BatchNorm2d(width), nn.ReLU(),
            conv(width, 4 * width, 1), nn.BatchNorm2d(4 * width),
        )
        self.shortcut = conv(inputs, 4 * width, 1, stride) if stride != 1 or inputs != 4 * width else nn.Identity()

    def forward(self, x):
        return F.relu(self.shortcut(x) + self.inner(x))


def resnet50():
    layers = [nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
    inputs = 64
    for stage, (width, blocks) in enumerate(((64, 3), (128, 4), (256, 6), (512, 3))):
        for block in range(blocks):
            layers.append(Bottleneck(inputs, width, 2 if stage > 0 and block == 0 else 1))
            inputs = 4 * width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2048, 1000))


def multilayer(*widths):
    layers = []
    for inputs, outputs in zip(widths, widths[1:]):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def convolutional():
    return nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(64 * 7 * 7, 128), nn.ReLU(), nn.Linear(128, 10),
    )


def operators():
    conv = {
        "Conv of a line": (F.conv1d, (1, 6, 50), (8, 6, 5), dict(stride=2, padding=3)),
        "Conv of groups, with holes": (F.conv2d, (1, 12, 17, 23), (20, 3, 3, 4), dict(groups=4, dilation=(2, 1), padding=(1, 2))),
        "Conv of a volume": (F.conv3d, (1, 2, 9, 8, 7), (4, 2, 3, 2, 1), dict(stride=(1, 2, 3))),
        "ConvTranspose with stride": (F.conv_transpose2d, (1, 6, 9, 8), (6, 4, 3, 5), dict(stride=2, padding=1)),
        "ConvTranspose of groups": (F.conv_transpose1d, (1, 6, 11), (6, 5, 4), dict(groups=3, dilation=2)),
    }
    found = {
        name: multiply_adds(lambda: call(torch.randn(x), torch.randn(w), **options))
        for name, (call, x, w, options) in conv.items()
    }
    products = {
        "MatMul": (torch.matmul, (7, 5), (5, 11)),
        "MatMul, batched": (torch.matmul, (3, 4, 7, 5), (3, 4, 5, 11)),
        "MatMul, broadcast": (torch.matmul, (3, 4, 7, 5), (5, 11)),
        "MatMul of a vector": (torch.matmul, (5,), (5, 11)),
        "Einsum bhqd,bhkd->bhqk": (lambda a, b: torch.einsum("bhqd,bhkd->bhqk", a, b), (2, 3, 7, 5), (2, 3, 9, 5)),
        "Einsum bij,jkl->bikl": (lambda a, b: torch.einsum("bij,jkl->bikl", a, b), (2, 3, 4), (4, 5, 6)),
        "Einsum ij,ik->jk": (lambda a, b: torch.einsum("ij,ik->jk", a, b), (8, 3), (8, 5)),
    }
    return found | {
        name: multiply_adds(lambda: call(torch.randn(a), torch.randn(b))) for name, (call, a, b) in products.items()
    }


def main():
    exported = exported_networks()
    images, series = (1, 8, 8), (12, 5)
    result = {
        "torch": torch.__version__.split("+")[0],
        "families": {
            "mlp 16-16-16-1": network(multilayer(16, 16, 16, 1), (16,)),
            "mlp 64-128-128-1": network(multilayer(64, 128, 128, 1), (64,)),
            "mlp 512-1024-1024-1": network(multilayer(512, 1024, 1024, 1), (512,)),
            "cnn 28x28x1": network(convolutional(), (1, 28, 28)),
            "resnet 64x64x3": network(residual(), (3, 64, 64)),
            "gru 48x40": network(Recurrent(), (48, 40)),
            "transformer 2 blocks 128x128": network(Encoder(), (128, 40)),
        },
        "exported": {
            "residual": network(exported.Residual(), images),
            "grouped": network(exported.Grouped(), images),
            "gru": network(exported.Recurrent(), series),
            "lstm": network(exported.LongShort(), series),
            "transformer": network(exported.Transformer(), series),
        },
        "resnet50": network(resnet50().to("cpu"), (3, 224, 224)),
        "operators": operators(),
    }
    json.dump(result, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
