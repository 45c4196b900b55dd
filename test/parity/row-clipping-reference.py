"""Reference for `row-clipping-pytorch.test.ts`: gradients row by row, their norms and clipped sums, by torch.func in float64.

    python3 test/parity/row-clipping-reference.py > test/parity/generated/row-clipping-pytorch.json

Made with torch 2.13.0 (CPU). Each row's gradient is vmap(grad(loss of one row)): PyTorch differentiates and batches, nothing here knows how the
product does. Of every clipped sum the file has the norm and two projections, on cos(0.9 i) and on cos(1.7 i + 1).

Weights and inputs follow one formula, which the test computes too: element i of tensor t (trained and frozen together, by name) is
0.4 sin(0.7 i + 1.3 t), or 1 + 0.3 sin of it for a scale; element i of the features sin(0.37 i + 0.2), of series and images sin(0.53 i + 0.9).
"""

import json
import math
import sys

import torch
import torch.nn.functional as F
from torch import nn
from torch.func import grad, vmap

torch.set_default_dtype(torch.float64)
ROWS, STEPS, CHANNELS, TABLE = 6, 7, 2, 18


def exact(values):
    """Rounded as the test's float32 numbers are."""
    return values.to(torch.float32).to(torch.float64)


def wave(shape, pace, shift):
    return torch.sin(pace * torch.arange(math.prod(shape)) + shift).reshape(shape)


def tensors(shapes):
    made = {}
    for at, name in enumerate(sorted(shapes)):
        value = wave(shapes[name], 0.7, 1.3 * at)
        made[name] = exact(1 + 0.3 * value if name.endswith(".scale") else 0.4 * value)
    return made


def dense_shapes(name, inputs, outputs, biased=True):
    return {f"{name}.weight": (inputs, outputs)} | ({f"{name}.bias": (outputs,)} if biased else {})


def norm_shapes(name, channels):
    return {f"{name}.scale": (channels,), f"{name}.shift": (channels,)}


def dense(w, name, x):
    y = x @ w[f"{name}.weight"]
    return y + w[f"{name}.bias"] if f"{name}.bias" in w else y


# Networks: the shapes of their tensors, and what they make of one row.


def logistic(outputs):
    return dense_shapes("layer1", TABLE, outputs), lambda w, x, _: dense(w, "layer1", x)


def mlp(outputs):
    shapes = dense_shapes("layer1", TABLE, 5) | dense_shapes("layer2", 5, 4) | dense_shapes("layer3", 4, outputs)

    def forward(w, x, _):
        x = F.gelu(dense(w, "layer1", x))
        return dense(w, "layer3", F.gelu(dense(w, "layer2", x)))

    return shapes, forward


def grades():
    """Cumulative logits: a score less thresholds, each further one softplus(gap) above the one before."""
    shapes, _ = mlp(1)
    del shapes["layer3.bias"]
    shapes |= {"layer3.threshold": (1,), "layer3.gap": (2,)}

    def forward(w, x, _):
        score = F.gelu(dense(w, "layer2", F.gelu(dense(w, "layer1", x)))) @ w["layer3.weight"]
        rises = torch.cat([torch.zeros(1), torch.cumsum(F.softplus(w["layer3.gap"]), 0)])
        return score - (w["layer3.threshold"] + rises)

    return shapes, forward


# Places of the two codes among the features, and how many codes each has.
CODES = {"sex": (1, 3), "chest_pain": (2, 5)}


def embedded():
    shapes = {"embedding.chest_pain": (5, 3), "embedding.sex": (3, 1)} | dense_shapes("layer1", 16, 4) | dense_shapes("layer2", 4, 1)

    def forward(w, x, _):
        vectors = [F.embedding(x[place].long(), w[f"embedding.{name}"]) for name, (place, _) in CODES.items()]
        return dense(w, "layer2", torch.tanh(dense(w, "layer1", torch.cat([x[:1], x[3:], *vectors]))))

    return shapes, forward


def tcn():
    shapes, inputs = {}, CHANNELS
    for block, outputs in ((1, 3), (2, 4)):
        for part, width in (("convolution1", inputs), ("convolution2", outputs)):
            shapes |= {f"block{block}.{part}.weight": (outputs, width, 2), f"block{block}.{part}.bias": (outputs,)}
        shapes |= {f"block{block}.shortcut.weight": (outputs, inputs, 1), f"block{block}.shortcut.bias": (outputs,)}
        inputs = outputs
    shapes |= dense_shapes("last", 5, 1)

    def forward(w, features, series):
        x = series.T[None]
        for block, dilation in ((1, 1), (2, 2)):
            y = x
            for part in ("convolution1", "convolution2"):
                name = f"block{block}.{part}"
                y = F.elu(F.conv1d(F.pad(y, (dilation, 0)), w[f"{name}.weight"], w[f"{name}.bias"], dilation=dilation))
            x = F.elu(y + F.conv1d(x, w[f"block{block}.shortcut.weight"], w[f"block{block}.shortcut.bias"]))
        return dense(w, "last", torch.cat([x[0, :, -1], features]))

    return shapes, forward


def gru():
    shapes = {}
    for layer, inputs in ((1, CHANNELS), (2, 3)):
        shapes |= dense_shapes(f"layer{layer}.input", inputs, 9) | dense_shapes(f"layer{layer}.state", 3, 9)
    shapes |= dense_shapes("last", 4, 1)

    def forward(w, features, series):
        for layer in (1, 2):
            state, states = torch.zeros(3), []
            for step in series:
                of_input = dense(w, f"layer{layer}.input", step).split(3)
                of_state = dense(w, f"layer{layer}.state", state).split(3)
                reset, update = (torch.sigmoid(of_input[k] + of_state[k]) for k in (0, 1))
                fresh = torch.tanh(of_input[2] + reset * of_state[2])
                state = (1 - update) * fresh + update * state
                states.append(state)
            series = torch.stack(states)
        return dense(w, "last", torch.cat([series[-1], features]))

    return shapes, forward


def transformer():
    width, heads, inner = 8, 2, 12
    shapes = dense_shapes("input", CHANNELS, width) | {"position": (STEPS, width)} | norm_shapes("norm", width)
    for part in ("query", "key", "value", "output"):
        shapes |= dense_shapes(f"block1.attention.{part}", width, width, part != "key")
    shapes |= dense_shapes("block1.feedforward.in", width, inner) | dense_shapes("block1.feedforward.out", inner, width)
    shapes |= norm_shapes("block1.attention.norm", width) | norm_shapes("block1.feedforward.norm", width)
    shapes |= dense_shapes("last", width + 1, 1)

    def forward(w, features, series):
        def normed(name, x):
            return F.layer_norm(x, (width,), w[f"{name}.scale"], w[f"{name}.shift"], 1e-5)

        x = dense(w, "input", series) + w["position"]
        y = normed("block1.attention.norm", x)
        q, k, v = (
            dense(w, f"block1.attention.{part}", y).reshape(STEPS, heads, -1).transpose(0, 1) for part in ("query", "key", "value")
        )
        seen = torch.softmax(q @ k.transpose(1, 2) / math.sqrt(width // heads), -1) @ v
        x = x + dense(w, "block1.attention.output", seen.transpose(0, 1).reshape(STEPS, width))
        inside = F.gelu(dense(w, "block1.feedforward.in", normed("block1.feedforward.norm", x)))
        x = x + dense(w, "block1.feedforward.out", inside)
        return dense(w, "last", torch.cat([normed("norm", x).mean(0), features]))

    return shapes, forward


def grouped(w, name, x, groups):
    return F.group_norm(x, groups, w[f"{name}.scale"], w[f"{name}.shift"], 1e-5)


def cnn(group):
    shapes = {"block1.convolution.weight": (3, 3, 3, 3)} | ({} if group else {"block1.convolution.bias": (3,)})
    shapes |= norm_shapes("block1.norm", 3) if group else {}
    shapes |= dense_shapes("hidden1", 48, 4) | dense_shapes("last", 4, 1)

    def forward(w, _, image):
        x = F.conv2d(image[None], w["block1.convolution.weight"], w.get("block1.convolution.bias"), padding=1)
        x = torch.tanh(grouped(w, "block1.norm", x, 3) if group else x)
        return dense(w, "last", torch.tanh(dense(w, "hidden1", F.max_pool2d(x, 2).flatten())))

    return shapes, forward


def resnet():
    shapes = {"stem.convolution.weight": (2, 3, 3, 3)} | norm_shapes("stem.norm", 2) | dense_shapes("last", 4, 1)
    for name, inputs, outputs in (("stage1.block1", 2, 2), ("stage2.block1", 2, 4)):
        shapes |= {f"{name}.convolution1.weight": (outputs, inputs, 3, 3), f"{name}.convolution2.weight": (outputs, outputs, 3, 3)}
        shapes |= norm_shapes(f"{name}.norm1", outputs) | norm_shapes(f"{name}.norm2", outputs)
    shapes |= {"stage2.block1.shortcut.weight": (4, 2, 1, 1)} | norm_shapes("stage2.block1.shortcutnorm", 4)

    def forward(w, _, image):
        def conv(name, x, stride=1, padding=1):
            return F.conv2d(x, w[f"{name}.weight"], stride=stride, padding=padding)

        x = F.relu(grouped(w, "stem.norm", conv("stem.convolution", image[None]), 2))
        for name, stride, channels in (("stage1.block1", 1, 2), ("stage2.block1", 2, 4)):
            y = F.relu(grouped(w, f"{name}.norm1", conv(f"{name}.convolution1", x, stride), channels))
            y = grouped(w, f"{name}.norm2", conv(f"{name}.convolution2", y), channels)
            if stride == 2:
                x = grouped(w, f"{name}.shortcutnorm", conv(f"{name}.shortcut", x, 2, 0), channels)
            x = F.relu(x + y)
        return dense(w, "last", x.mean((0, 2, 3)))

    return shapes, forward


def adapted(network, rank, alpha, names):
    """W + (alpha / rank) A B for the matrices named."""
    shapes, inner = network
    more = {}
    for name in names:
        inputs, outputs = shapes[name]
        more |= {f"{name}.lora_a": (inputs, rank), f"{name}.lora_b": (rank, outputs)}

    def forward(w, x, payload):
        merged = {name: w[name] + alpha / rank * (w[f"{name}.lora_a"] @ w[f"{name}.lora_b"]) for name in names}
        return inner(w | merged, x, payload)

    return shapes | more, forward


# What PyTorch's own layers put out, where a network above is written out because they do not batch.
with torch.no_grad():
    shapes, forward = gru()
    w, net = tensors(shapes), nn.GRU(CHANNELS, 3, 2, batch_first=True)
    for layer in (1, 2):
        for ours, theirs in (("input", "ih"), ("state", "hh")):
            getattr(net, f"weight_{theirs}_l{layer - 1}").copy_(w[f"layer{layer}.{ours}.weight"].T)
            getattr(net, f"bias_{theirs}_l{layer - 1}").copy_(w[f"layer{layer}.{ours}.bias"])
    series = wave((STEPS, CHANNELS), 0.53, 0.9)
    own = dense(w, "last", torch.cat([net(series[None])[0][0, -1], torch.ones(1)]))
    assert torch.allclose(forward(w, torch.ones(1), series), own, atol=1e-13)
    shapes, forward = transformer()
    w, layer = tensors(shapes), nn.TransformerEncoderLayer(8, 2, 12, 0.0, F.gelu, batch_first=True, norm_first=True)
    parts = [f"block1.attention.{part}" for part in ("query", "key", "value")]
    layer.self_attn.in_proj_weight.copy_(torch.cat([w[f"{part}.weight"].T for part in parts]))
    layer.self_attn.in_proj_bias.copy_(torch.cat([w.get(f"{part}.bias", torch.zeros(8)) for part in parts]))
    for module, name in ((layer.self_attn.out_proj, "attention.output"), (layer.linear1, "feedforward.in"), (layer.linear2, "feedforward.out")):
        module.weight.copy_(w[f"block1.{name}.weight"].T)
        module.bias.copy_(w[f"block1.{name}.bias"])
    for module, name in ((layer.norm1, "attention"), (layer.norm2, "feedforward")):
        module.weight.copy_(w[f"block1.{name}.norm.scale"])
        module.bias.copy_(w[f"block1.{name}.norm.shift"])
    x = layer((dense(w, "input", series) + w["position"])[None])[0]
    own = dense(w, "last", torch.cat([F.layer_norm(x, (8,), w["norm.scale"], w["norm.shift"]).mean(0), torch.ones(1)]))
    assert torch.allclose(forward(w, torch.ones(1), series), own, atol=1e-13)

# Losses of one row.
EVENT = torch.tensor([row % 3 == 1 for row in range(64)]).to(torch.float64)
CLASS = torch.tensor([row * 2 % 3 for row in range(64)])
GRADE = torch.tensor([row * 3 % 4 for row in range(64)])
VALUE = exact(2 * wave((64,), 0.9, 0.4))
WEIGHTS, SMOOTHING = torch.tensor([0.5, 2.0, 1.25]), 0.1


def cross_entropy(z, label):
    return F.binary_cross_entropy_with_logits(z[0], label)


def at(values, place):
    return values.gather(0, place.reshape(1))[0]


def weighted_classes(z, label):
    return F.cross_entropy(z, label, label_smoothing=SMOOTHING) * at(WEIGHTS, label)


def cumulative(z, label):
    edges = torch.cat([torch.ones(1), torch.sigmoid(z), torch.zeros(1)])
    return -torch.log(at(edges, label) - at(edges, label + 1))


def huber(z, label):
    return F.huber_loss(z[0], label, delta=0.7)


def by_row(forward, loss, w, trained, x, payload, labels):
    """Each row's gradient by every trained tensor, [rows, ...shape]."""
    moving = {name: w[name] for name in trained}

    def of_row(moving, row, own, label):
        return loss(forward(w | moving, row, own), label)

    return vmap(grad(of_row), in_dims=(None, 0, 0, 0))(moving, x, payload, labels)


def norms_of(gradients):
    return torch.sqrt(sum(g.flatten(1).square().sum(1) for g in gradients.values()))


def clipped_sum(gradients, most):
    factors = torch.clamp(most / norms_of(gradients), max=1.0)
    return {name: torch.tensordot(factors, g, 1) for name, g in gradients.items()}


def features(rows, width, coded=False):
    made = exact(wave((rows, width), 0.37, 0.2))
    if coded:
        for place, codes in CODES.values():
            made[:, place] = (3 * torch.arange(rows) + place) % codes
    return made


SMALL = {
    "mlp": {"family": "mlp", "hidden": [5, 4], "activation": "gelu"},
    "embedded": {
        "family": "mlp",
        "hidden": [4],
        "activation": "tanh",
        "embeddings": [{"column": "chest_pain", "width": 3}, {"column": "sex", "width": 1}],
    },
    "tcn": {"family": "tcn", "channels": [3, 4], "kernel": 2, "activation": "elu"},
    "gru": {"family": "gru", "hidden": 3, "layers": 2},
    "transformer": {"family": "transformer", "width": 8, "heads": 2, "blocks": 1, "feedForward": 12},
    "cnn": {"family": "cnn", "channels": [3], "hidden": [4], "activation": "tanh"},
    "resnet": {"family": "resnet", "channels": [2, 4], "blocks": 1, "normalisation": "group"},
}
ATTENTION = [f"block1.{part}.weight" for part in ("attention.key", "attention.output", "attention.query", "attention.value", "feedforward.in", "feedforward.out")]
RECURRENT = ["layer1.state.weight", "layer2.input.weight", "layer2.state.weight"]
weighted = {"loss": {"kind": "cross-entropy", "classWeights": WEIGHTS.tolist(), "smoothing": SMOOTHING}}
# Model, task, settings, network, loss, labels, which tensors train (all: None).
CASES = [
    ({"family": "logistic"}, "binary", {}, logistic(1), cross_entropy, EVENT, None),
    ({"family": "logistic"}, "multiclass", weighted, logistic(3), weighted_classes, CLASS, None),
    (SMALL["mlp"], "binary", {}, mlp(1), cross_entropy, EVENT, None),
    (SMALL["mlp"], "ordinal", {}, grades(), cumulative, GRADE, None),
    (SMALL["mlp"], "regression", {"loss": {"kind": "huber", "delta": 0.7}}, mlp(1), huber, VALUE, None),
    (SMALL["mlp"], "binary", {"trainable": "last-layer"}, mlp(1), cross_entropy, EVENT, lambda n: n.startswith("layer3")),
    (SMALL["embedded"], "binary", {}, embedded(), cross_entropy, EVENT, None),
    (SMALL["tcn"], "binary", {}, tcn(), cross_entropy, EVENT, None),
    (SMALL["gru"], "binary", {}, gru(), cross_entropy, EVENT, None),
    (SMALL["transformer"], "binary", {}, transformer(), cross_entropy, EVENT, None),
    (SMALL["cnn"] | {"normalisation": "none"}, "binary", {}, cnn(False), cross_entropy, EVENT, None),
    (SMALL["cnn"] | {"normalisation": "group"}, "binary", {}, cnn(True), cross_entropy, EVENT, None),
    (SMALL["resnet"], "binary", {}, resnet(), cross_entropy, EVENT, None),
    (
        SMALL["transformer"],
        "binary",
        {"trainable": {"lora": {"rank": 2, "alpha": 6, "and": ["last.*"]}}},
        adapted(transformer(), 2, 6, ATTENTION),
        cross_entropy,
        EVENT,
        lambda n: "lora" in n or n.startswith("last"),
    ),
    (
        SMALL["gru"],
        "binary",
        {"trainable": {"lora": {"rank": 2, "alpha": 2}}},
        adapted(gru(), 2, 2, RECURRENT),
        cross_entropy,
        EVENT,
        lambda n: "lora" in n,
    ),
]

short = lambda value: float(f"{float(value):.9g}")
found = []
for model, task, training, (shapes, forward), loss, labels, trains in CASES:
    w = tensors(shapes)
    trained = sorted(name for name in shapes if trains is None or trains(name))
    images, series = model["family"] in ("cnn", "resnet"), model["family"] in ("tcn", "gru", "transformer")
    payload = exact(wave((ROWS, 3, 8, 9) if images else (ROWS, STEPS, CHANNELS) if series else (ROWS, 0), 0.53, 0.9))
    x = features(ROWS, 0 if images else 1 if series else 14 if "embeddings" in model else TABLE, "embeddings" in model)
    gradients = by_row(forward, loss, w, trained, x, payload, labels[:ROWS])
    norms = norms_of(gradients)
    ordered = norms.sort().values
    # Between the second and the third norm, so that four of the six rows are clipped.
    most = float(torch.tensor(float((ordered[1] * ordered[2]).sqrt())).to(torch.float32))
    sums = clipped_sum(gradients, most)
    projections = {
        name: [short(value.norm()), *(short((value.flatten() * torch.cos(pace * torch.arange(value.numel()) + shift)).sum()) for pace, shift in ((0.9, 0.0), (1.7, 1.0)))]
        for name, value in sums.items()
    }
    found.append(
        {
            "model": model,
            "task": task,
            "training": training,
            "labels": [short(label) for label in labels[:ROWS]],
            "norms": [short(norm) for norm in norms],
            "most": most,
            "clipped": int((norms > most).sum()),
            "tensors": {name: list(shapes[name]) for name in sorted(shapes)},
            "sums": projections,
        }
    )


# Three steps over 21 rows, the last of which takes five, with everything that is added to the clipped mean.
def steps(training, change):
    shapes, forward = mlp(1)
    w = tensors(shapes)
    start = dict(w)
    x, batches = features(21, TABLE), (range(0, 8), range(8, 16), range(16, 21))
    optimiser = training["optimiser"]
    moments = {name: [torch.zeros_like(value), torch.zeros_like(value)] for name, value in w.items()}
    weights = torch.tensor(training["loss"]["classWeights"]) if "loss" in training else torch.ones(2)
    count = []
    for number, batch in enumerate(batches, 1):
        rows = list(batch)
        loss = lambda z, label: cross_entropy(z, label) * at(weights, label.long())
        gradients = by_row(forward, loss, w, sorted(shapes), x[rows], torch.zeros(len(rows), 0), EVENT[rows])
        count.append(int((norms_of(gradients) > training["perExampleClip"]).sum()))
        # The mean over the rows there are, however few.
        mean = {name: value / len(rows) for name, value in clipped_sum(gradients, training["perExampleClip"]).items()}
        for name in sorted(shapes):
            if name.endswith(".weight"):
                mean[name] = mean[name] + training.get("l2", 0.0) * w[name]
            mean[name] = mean[name] + change.get("proximal", 0.0) * (w[name] - start[name])
        if "clipNorm" in training:
            norm = torch.sqrt(sum(value.square().sum() for value in mean.values()))
            mean = {name: value * min(1.0, training["clipNorm"] / float(norm)) for name, value in mean.items()}
        for place, name in enumerate(sorted(shapes)):
            g = mean[name] + (exact(0.02 * wave(shapes[name], 0.4, place)) if change.get("control") else 0.0)
            first, second = moments[name]
            if optimiser["kind"] == "sgd":
                moments[name][0] = optimiser["momentum"] * first + g
                w[name] = w[name] - optimiser["rate"] * moments[name][0]
            else:
                moments[name] = [0.9 * first + 0.1 * g, 0.999 * second + 0.001 * g * g]
                step = (moments[name][0] / (1 - 0.9**number)) / (torch.sqrt(moments[name][1] / (1 - 0.999**number)) + optimiser["epsilon"])
                decay = optimiser["decay"] if name.endswith(".weight") else 0.0
                w[name] = w[name] * (1 - optimiser["rate"] * decay) - optimiser["rate"] * step
    return {
        "training": training,
        "task": change,
        "clipped": count,
        "labels": [short(label) for label in EVENT[:21]],
        "delta": {name: [short(value) for value in (w[name] - start[name]).flatten()] for name in sorted(shapes)},
    }


sgd = {"kind": "sgd", "rate": 0.2, "momentum": 0.5}
adamw = {"kind": "adamw", "rate": 0.02, "epsilon": 1e-4, "decay": 0.3}
json.dump(
    {
        "torch": torch.__version__,
        "rows": ROWS,
        "cases": found,
        "steps": [
            steps({"optimiser": sgd, "perExampleClip": 0.25}, {}),
            steps({"optimiser": sgd, "perExampleClip": 0.25, "l2": 0.3}, {"proximal": 0.5, "control": True}),
            steps({"optimiser": sgd, "perExampleClip": 0.25, "l2": 0.3, "clipNorm": 0.1}, {"proximal": 0.5, "control": True}),
            steps({"optimiser": adamw, "perExampleClip": 0.25}, {"control": True}),
            steps({"optimiser": sgd, "perExampleClip": 0.25, "loss": {"kind": "cross-entropy", "classWeights": [0.5, 3.0]}}, {}),
        ],
    },
    sys.stdout,
    separators=(",", ":"),
)
print()
