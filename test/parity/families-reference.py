"""What PyTorch's own layers put out for the networks of test/shared/graph/families-pytorch.test.ts.

    /path/to/python test/parity/families-reference.py > test/parity/generated/families.json

Weights and inputs follow one formula, which the test computes too: element i of tensor t (tensors sorted by name) is 0.5 sin(0.7 i + 1.3 t),
plus 1 in place of the factor 0.5 (1 + 0.3 sin) for what must be positive; element i of an input is sin(0.37 i + 0.2).
"""

import json
import math
import sys

import torch
import torch.nn.functional as F
from torch import nn

torch.set_default_dtype(torch.float64)
ROWS = 3
STEPS, CHANNELS = 7, 2
PIXELS = (3, 8, 9)  # channels, height, width
TABLE = 18  # encoded features of the heart plan
BESIDE = 1  # encoded features beside a payload


def fill(shape, phase, positive=False):
    size = math.prod(shape)
    wave = torch.sin(0.7 * torch.arange(size) + phase)
    # Rounded as the test's float32 tensors are.
    return (1 + 0.3 * wave if positive else 0.5 * wave).float().double().reshape(shape)


def tensors(shapes):
    return {
        name: fill(shapes[name], 1.3 * at, name.endswith((".scale", ".variance")))
        for at, name in enumerate(sorted(shapes))
    }


def given(shape):
    return torch.sin(0.37 * torch.arange(math.prod(shape)) + 0.2).float().double().reshape(shape)


def dense(w, name, x):
    return F.linear(x, w[f"{name}.weight"].T, w.get(f"{name}.bias"))


ACTIVATIONS = {
    "relu": F.relu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "leaky-relu": F.leaky_relu,
    "elu": F.elu,
    "gelu": F.gelu,
    "hard-swish": F.hardswish,
}


def dense_shapes(name, inputs, outputs):
    return {f"{name}.weight": (inputs, outputs), f"{name}.bias": (outputs,)}


def conv_shapes(name, inputs, outputs, kernel, biased=True):
    return {f"{name}.weight": (outputs, inputs, *kernel)} | ({f"{name}.bias": (outputs,)} if biased else {})


def norm_shapes(kind, name, channels):
    if kind == "none":
        return {}
    parts = ("scale", "shift", "mean", "variance") if kind == "batch" else ("scale", "shift")
    return {f"{name}.{part}": (channels,) for part in parts}


class Norm:
    """Normalises, and remembers what the running means become in training."""

    def __init__(self, kind, w, training):
        self.kind, self.w, self.training, self.buffers = kind, w, training, {}

    def __call__(self, name, x):
        if self.kind == "none":
            return x
        scale, shift = self.w[f"{name}.scale"], self.w[f"{name}.shift"]
        if self.kind == "group":
            groups = max(g for g in range(1, 9) if x.shape[1] % g == 0)
            return F.group_norm(x, groups, scale, shift, 1e-5)
        mean, variance = self.w[f"{name}.mean"], self.w[f"{name}.variance"]
        if self.training:
            # PyTorch divides the variance it carries by n - 1, ONNX by n.
            self.buffers[f"{name}.mean"] = 0.9 * mean + 0.1 * x.mean((0, 2, 3))
            self.buffers[f"{name}.variance"] = 0.9 * variance + 0.1 * x.var((0, 2, 3), unbiased=False)
        return F.batch_norm(x, mean.clone(), variance.clone(), scale, shift, self.training, 0.1, 1e-5)


def join(w, representation, features):
    return dense(w, "last", torch.cat([representation, features], 1))


def mlp(model):
    widths = [TABLE, *model["hidden"], 1]
    shapes = {}
    for at in range(len(widths) - 1):
        shapes |= dense_shapes(f"layer{at + 1}", widths[at], widths[at + 1])

    def forward(w, x, **_):
        for at in range(len(widths) - 1):
            x = dense(w, f"layer{at + 1}", x)
            if at < len(widths) - 2:
                x = ACTIVATIONS[model["activation"]](x)
        return x

    return shapes, forward


def tcn(model):
    kernel = model["kernel"]
    shapes, inputs = {}, CHANNELS
    for at, outputs in enumerate(model["channels"]):
        name = f"block{at + 1}"
        shapes |= conv_shapes(f"{name}.convolution1", inputs, outputs, (kernel,))
        shapes |= conv_shapes(f"{name}.convolution2", outputs, outputs, (kernel,))
        if inputs != outputs:
            shapes |= conv_shapes(f"{name}.shortcut", inputs, outputs, (1,))
        inputs = outputs
    shapes |= dense_shapes("last", inputs + BESIDE, 1)

    def forward(w, features, payload, **_):
        act = ACTIVATIONS[model["activation"]]
        x = payload.transpose(1, 2)
        for at in range(len(model["channels"])):
            name, dilation = f"block{at + 1}", 2**at
            y = x
            for part in ("convolution1", "convolution2"):
                y = F.pad(y, ((kernel - 1) * dilation, 0))
                y = act(F.conv1d(y, w[f"{name}.{part}.weight"], w[f"{name}.{part}.bias"], dilation=dilation))
            if f"{name}.shortcut.weight" in w:
                x = F.conv1d(x, w[f"{name}.shortcut.weight"], w[f"{name}.shortcut.bias"])
            x = act(x + y)
        return join(w, x[:, :, -1], features)

    return shapes, forward


def gru(model):
    hidden, layers = model["hidden"], model["layers"]
    shapes = {}
    for at in range(layers):
        shapes |= dense_shapes(f"layer{at + 1}.input", CHANNELS if at == 0 else hidden, 3 * hidden)
        shapes |= dense_shapes(f"layer{at + 1}.state", hidden, 3 * hidden)
    shapes |= dense_shapes("last", hidden + BESIDE, 1)

    def forward(w, features, payload, **_):
        net = nn.GRU(CHANNELS, hidden, layers, batch_first=True)
        with torch.no_grad():
            for at in range(layers):
                for ours, theirs in (("input", "ih"), ("state", "hh")):
                    getattr(net, f"weight_{theirs}_l{at}").copy_(w[f"layer{at + 1}.{ours}.weight"].T)
                    getattr(net, f"bias_{theirs}_l{at}").copy_(w[f"layer{at + 1}.{ours}.bias"])
        states, _ = net(payload)
        return join(w, states[:, -1], features)

    return shapes, forward


def cnn(model):
    kind = model["normalisation"]
    shapes, inputs = {}, PIXELS[0]
    for at, outputs in enumerate(model["channels"]):
        shapes |= conv_shapes(f"block{at + 1}.convolution", inputs, outputs, (3, 3), kind == "none")
        shapes |= norm_shapes(kind, f"block{at + 1}.norm", outputs)
        inputs = outputs
    halvings = 2 ** len(model["channels"])
    width = inputs * (PIXELS[1] // halvings) * (PIXELS[2] // halvings)
    for at, outputs in enumerate(model["hidden"]):
        shapes |= dense_shapes(f"hidden{at + 1}", width, outputs)
        width = outputs
    shapes |= dense_shapes("last", width, 1)

    def forward(w, payload, norm, **_):
        act, x = ACTIVATIONS[model["activation"]], payload
        for at in range(len(model["channels"])):
            name = f"block{at + 1}"
            x = F.conv2d(x, w[f"{name}.convolution.weight"], w.get(f"{name}.convolution.bias"), padding=1)
            x = F.max_pool2d(act(norm(f"{name}.norm", x)), 2)
        x = x.flatten(1)
        for at in range(len(model["hidden"])):
            x = act(dense(w, f"hidden{at + 1}", x))
        return dense(w, "last", x)

    return shapes, forward


def resnet(model):
    kind, biased = model["normalisation"], model["normalisation"] == "none"
    first = model["channels"][0]
    shapes = conv_shapes("stem.convolution", PIXELS[0], first, (3, 3), biased) | norm_shapes(kind, "stem.norm", first)
    blocks, inputs = [], first
    for stage, outputs in enumerate(model["channels"]):
        for block in range(model["blocks"]):
            name, stride = f"stage{stage + 1}.block{block + 1}", 2 if stage > 0 and block == 0 else 1
            shapes |= conv_shapes(f"{name}.convolution1", inputs, outputs, (3, 3), biased)
            shapes |= norm_shapes(kind, f"{name}.norm1", outputs)
            shapes |= conv_shapes(f"{name}.convolution2", outputs, outputs, (3, 3), biased)
            shapes |= norm_shapes(kind, f"{name}.norm2", outputs)
            if stride == 2 or inputs != outputs:
                shapes |= conv_shapes(f"{name}.shortcut", inputs, outputs, (1, 1), biased)
                shapes |= norm_shapes(kind, f"{name}.shortcutnorm", outputs)
            blocks.append((name, stride))
            inputs = outputs
    shapes |= dense_shapes("last", inputs, 1)

    def forward(w, payload, norm, **_):
        def conv(name, x, stride, padding):
            return F.conv2d(x, w[f"{name}.weight"], w.get(f"{name}.bias"), stride=stride, padding=padding)

        x = F.relu(norm("stem.norm", conv("stem.convolution", payload, 1, 1)))
        for name, stride in blocks:
            y = F.relu(norm(f"{name}.norm1", conv(f"{name}.convolution1", x, stride, 1)))
            y = norm(f"{name}.norm2", conv(f"{name}.convolution2", y, 1, 1))
            if f"{name}.shortcut.weight" in w:
                x = norm(f"{name}.shortcutnorm", conv(f"{name}.shortcut", x, stride, 0))
            x = F.relu(x + y)
        return dense(w, "last", x.mean((2, 3)))

    return shapes, forward


def transformer(model):
    width, heads, inner = model["width"], model["heads"], model["feedForward"]
    shapes = dense_shapes("input", CHANNELS, width) | {"position": (STEPS, width)} | norm_shapes("layer", "norm", width)
    for at in range(model["blocks"]):
        name = f"block{at + 1}"
        for part in ("query", "key", "value", "output"):
            shapes |= dense_shapes(f"{name}.attention.{part}", width, width)
        del shapes[f"{name}.attention.key.bias"]
        shapes |= dense_shapes(f"{name}.feedforward.in", width, inner)
        shapes |= dense_shapes(f"{name}.feedforward.out", inner, width)
        shapes |= norm_shapes("layer", f"{name}.attention.norm", width)
        shapes |= norm_shapes("layer", f"{name}.feedforward.norm", width)
    shapes |= dense_shapes("last", width + BESIDE, 1)

    def forward(w, features, payload, **_):
        x = dense(w, "input", payload) + w["position"]
        for at in range(model["blocks"]):
            name = f"block{at + 1}"
            layer = nn.TransformerEncoderLayer(
                width, heads, inner, dropout=0.0, activation=F.gelu, batch_first=True, norm_first=True
            )
            parts = [f"{name}.attention.{part}" for part in ("query", "key", "value")]
            with torch.no_grad():
                layer.self_attn.in_proj_weight.copy_(torch.cat([w[f"{part}.weight"].T for part in parts]))
                none = torch.zeros(width)
                layer.self_attn.in_proj_bias.copy_(torch.cat([w.get(f"{part}.bias", none) for part in parts]))
                for module, ours in (
                    (layer.self_attn.out_proj, f"{name}.attention.output"),
                    (layer.linear1, f"{name}.feedforward.in"),
                    (layer.linear2, f"{name}.feedforward.out"),
                ):
                    module.weight.copy_(w[f"{ours}.weight"].T)
                    module.bias.copy_(w[f"{ours}.bias"])
                for module, ours in ((layer.norm1, "attention"), (layer.norm2, "feedforward")):
                    module.weight.copy_(w[f"{name}.{ours}.norm.scale"])
                    module.bias.copy_(w[f"{name}.{ours}.norm.shift"])
            x = layer(x)
        x = F.layer_norm(x, (width,), w["norm.scale"], w["norm.shift"], 1e-5)
        return join(w, x.mean(1), features)

    return shapes, forward


FAMILIES = {"mlp": mlp, "tcn": tcn, "gru": gru, "cnn": cnn, "resnet": resnet, "transformer": transformer}
MODELS = [
    *({"family": "mlp", "hidden": [5, 4], "activation": name} for name in ACTIVATIONS),
    {"family": "tcn", "channels": [3, 3, 4], "kernel": 3, "activation": "relu"},
    {"family": "tcn", "channels": [4], "kernel": 2, "activation": "elu"},
    {"family": "gru", "hidden": 4, "layers": 1},
    {"family": "gru", "hidden": 3, "layers": 2},
    {"family": "cnn", "channels": [4, 6], "hidden": [5], "activation": "gelu", "normalisation": "none"},
    {"family": "cnn", "channels": [16], "hidden": [], "activation": "relu", "normalisation": "group"},
    {"family": "cnn", "channels": [4, 6], "hidden": [], "activation": "relu", "normalisation": "batch"},
    {"family": "resnet", "channels": [4, 6], "blocks": 2, "normalisation": "group"},
    {"family": "resnet", "channels": [4, 6], "blocks": 1, "normalisation": "batch"},
    {"family": "resnet", "channels": [3, 3], "blocks": 1, "normalisation": "none"},
    {"family": "transformer", "width": 8, "heads": 2, "blocks": 2, "feedForward": 12},
    {"family": "transformer", "width": 6, "heads": 3, "blocks": 1, "feedForward": 24},
]


def run(model, training):
    shapes, forward = FAMILIES[model["family"]](model)
    w = tensors(shapes)
    norm = Norm(model.get("normalisation", "none"), w, training)
    images = model["family"] in ("cnn", "resnet")
    payload = given((ROWS, *PIXELS) if images else (ROWS, STEPS, CHANNELS))
    if model["family"] == "mlp":
        outputs = forward(w, given((ROWS, TABLE)))
    else:
        outputs = forward(w, features=given((ROWS, BESIDE)), payload=payload, norm=norm)
    return shapes, outputs, norm.buffers


cases = []
with torch.no_grad():
    for model in MODELS:
        shapes, outputs, _ = run(model, False)
        case = {
            "model": model,
            "tensors": {name: list(shapes[name]) for name in sorted(shapes)},
            "outputs": outputs.flatten().tolist(),
        }
        if model.get("normalisation") == "batch":
            _, outputs, buffers = run(model, True)
            case["training"] = {
                "outputs": outputs.flatten().tolist(),
                "buffers": {name: value.tolist() for name, value in sorted(buffers.items())},
            }
        cases.append(case)
json.dump({"torch": torch.__version__, "cases": cases}, sys.stdout, indent=1)
print()
