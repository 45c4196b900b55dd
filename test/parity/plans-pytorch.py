"""Reference for `plans-pytorch.test.ts`: plans drawn at random, each trained for one round by PyTorch in float64, written from docs/models.md.

    python3 test/parity/plans-pytorch.py > test/parity/generated/plans-pytorch.json

Made with torch 2.13.0 (CPU). `python3 test/parity/plans-pytorch.py 200 7` draws 200 plans of seed 7; point the test at them with WARDROUND_TEST_PLANS.
What a case holds is exact in float32. The optimisers' epsilons are large enough that a gradient that is nothing but rounding moves nothing.
"""

import hashlib
import json
import math
import random
import sys
from fnmatch import fnmatchcase

import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)

COUNT = int(sys.argv[1]) if len(sys.argv) > 1 else 40
R = random.Random(int(sys.argv[2]) if len(sys.argv) > 2 else 3)
chance = lambda share: R.random() < share
pick = lambda *options: R.choice(options)

# ---------------------------------------------------------------- the order of rows: shared/runtime/random.ts


def stream(*purpose):
    """xoshiro128** (Blackman and Vigna 2021) from the SHA-256 of what it is for."""
    digest = hashlib.sha256(json.dumps(["stream", *purpose], separators=(",", ":")).encode()).digest()
    state = [int.from_bytes(digest[4 * i : 4 * i + 4], "little") for i in range(4)]
    state[3] |= 1
    mask = 0xFFFFFFFF
    turn = lambda x, by: ((x << by) | (x >> (32 - by))) & mask

    def bits():
        a, b, c, d = state
        out = turn(b * 5 & mask, 7) * 9 & mask
        c ^= a
        d ^= b
        state[:] = [a ^ d, b ^ c, c ^ (b << 9 & mask), turn(d, 11)]
        return out

    return bits


def permutation(length, bits):
    order = list(range(length))
    for last in range(length - 1, 0, -1):
        below = last + 1
        draw = bits()
        while draw >= 2**32 - 2**32 % below:
            draw = bits()
        order[last], order[draw % below] = order[draw % below], order[last]
    return order


def batches(rows, training, seed):
    size = rows if training["batch"] == "full" else min(training["batch"], rows)
    each = math.ceil(rows / size)
    work = training["work"]
    for step in range(work["steps"] if "steps" in work else work["epochs"] * each):
        order = list(range(rows)) if size == rows and training["batch"] == "full" else permutation(rows, stream(seed, "epoch", step // each))
        at = step % each * size
        yield order[at : at + size], step % each == each - 1


# ---------------------------------------------------------------- plans

COLUMNS = [
    {"name": "age", "kind": "continuous", "unit": "years", "range": [0, 120], "edges": [50, 70]},
    {"name": "bmi", "kind": "continuous", "unit": "kg/m2", "range": [5, 90], "edges": [20, 30], "missing": "indicator"},
    {"name": "sex", "kind": "categorical", "levels": ["f", "m"], "missing": "forbid"},
    {"name": "ward", "kind": "categorical", "levels": ["a", "b", "c", "d"]},
    {"name": "crp", "kind": "continuous", "unit": "mg/L", "range": [0, 500], "edges": [5, 50], "missing": "forbid"},
]
SCALING = {"age": [61.25, 14.5], "bmi": [26.5, 5.125], "crp": [33.0, 60.5]}
LABELS = {
    "binary": {"name": "outcome", "levels": ["0", "1"]},
    "multiclass": {"name": "outcome", "levels": ["a", "b", "c"]},
    "ordinal": {"name": "outcome", "levels": ["none", "mild", "severe", "fatal"]},
    "regression": {"name": "outcome", "unit": "days", "range": [-1000, 1000]},
    "survival": {"name": "outcome", "event": "died", "unit": "days", "range": [0, 4000]},
}
ACTIVATIONS = {
    "relu": F.relu, "tanh": torch.tanh, "sigmoid": torch.sigmoid, "leaky-relu": F.leaky_relu, "elu": F.elu, "gelu": F.gelu,
    "hard-swish": F.hardswish,
}  # fmt: skip
FAMILIES = ["linear", "mlp", "mlp", "tcn", "gru", "transformer", "cnn", "resnet"]
TASKS = list(LABELS)


def draw_model(family, task):
    act = pick(*ACTIVATIONS)
    wide = lambda most: R.randint(2, most)
    series = {
        "kind": "series", "steps": R.randint(2, 6), "stepMinutes": 60, "key": "stay", "minute": "minute", "observed": chance(0.3),
        "channels": [
            {"name": "pulse", "unit": "1/min", "range": [0, 300], "normal": 80, "scale": 20},
            {"name": "lactate", "unit": "mmol/L", "range": [0, 40], "normal": 1, "scale": 2},
        ][: R.randint(1, 2)],
    }  # fmt: skip
    colours = pick(1, 3)
    images = {
        "kind": "images", "file": "file", "width": R.randint(4, 7), "height": R.randint(4, 7), "channels": colours,
        "mean": [120, 110, 100][:colours], "scale": [60, 50, 70][:colours],
    }  # fmt: skip
    if family == "linear":
        return {"family": "cox" if task == "survival" else "logistic"}, None
    if family == "mlp":
        model = {"family": family, "hidden": [wide(5) for _ in range(R.randint(1, 2))], "activation": act}
        return model | ({"embeddings": [{"column": "ward", "width": R.randint(1, 3)}]} if chance(0.5) else {}), None
    if family == "tcn":
        return {"family": family, "channels": [wide(3) for _ in range(R.randint(1, 2))], "kernel": wide(3), "activation": act}, series
    if family == "gru":
        return {"family": family, "hidden": wide(4), "layers": R.randint(1, 2)}, series
    if family == "transformer":
        heads = R.randint(1, 2)
        return {"family": family, "width": 4 * heads, "heads": heads, "blocks": 1, "feedForward": wide(6)}, series
    kind = pick("none", "batch", "group")
    if family == "cnn":
        hidden = [wide(4) for _ in range(R.randint(0, 1))]
        return {"family": family, "channels": [wide(10)], "hidden": hidden, "activation": act, "normalisation": kind}, images
    return {"family": family, "channels": [wide(4) for _ in range(R.randint(1, 2))], "blocks": 1, "normalisation": kind}, images


def draw_training(task, rows, row_wise):
    rate = round(R.uniform(0.02, 0.1), 3)
    share = lambda low, high: round(R.uniform(low, high), 3)
    kind = pick("sgd", "adam", "adamw", "adagrad", "rmsprop")
    optimiser = {"kind": kind, "rate": rate}
    if kind == "sgd" and chance(0.6):
        optimiser |= {"momentum": share(0.1, 0.9), "nesterov": chance(0.5)}
    if kind in ("adam", "adamw"):
        optimiser |= {"beta1": share(0.1, 0.95), "beta2": share(0.5, 0.999), "epsilon": 0.01}
    if kind == "adamw":
        optimiser["decay"] = share(0, 1)
    if kind == "adagrad":
        optimiser["initial"] = share(0.01, 1)
    if kind == "rmsprop":
        optimiser |= {"decay": share(0.5, 0.99), "epsilon": 0.05, "momentum": pick(0, share(0.1, 0.9))}
    training = {
        "optimiser": optimiser, "seed": R.randint(0, 99), "batch": pick("full", R.randint(2, rows), max(2, rows // 2)),
        "work": pick({"epochs": 1}, {"epochs": 2}, {"steps": R.randint(2, 6)}),
    }  # fmt: skip
    if chance(0.6):
        over = R.randint(2, 8)
        form = pick(
            {"kind": "exponential", "factor": share(0.5, 1)},
            {"kind": "steps", "every": R.randint(1, 3), "factor": share(0.3, 1)},
            {"kind": "linear", "over": over, "lowest": share(0.1, 1), "warmup": R.randint(0, over - 1)},
            {"kind": "cosine", "over": over, "lowest": share(0.1, 1), "warmup": R.randint(0, over - 1)},
        )
        training["schedule"] = {"per": pick("step", "round"), **form}
    classes = len(LABELS[task].get("levels", []))
    weights = {"classWeights": [share(0.2, 4) for _ in range(classes)]} if chance(0.6) else {}
    if task in ("binary", "multiclass"):
        training["loss"] = pick({"kind": "cross-entropy", "smoothing": share(0, 0.4)}, {"kind": "focal", "gamma": share(0, 3)}) | weights
    if task == "regression":
        training["loss"] = pick({"kind": "squared"}, {"kind": "huber", "delta": share(0.3, 3)})
    if task == "survival":
        training["loss"] = {"kind": "cox", "ties": pick("efron", "breslow")}
    if chance(0.4):
        training["l2"] = share(0.01, 0.5)
    if chance(0.3):
        training["clipNorm"] = share(0.05, 2)
    if row_wise and chance(0.3):
        training["perExampleClip"] = share(0.05, 2)
    if chance(0.25):
        training |= {"earlyStopping": {"share": 0.3, "patience": R.randint(1, 2), "minimumDelta": 0.01}, "work": {"epochs": R.randint(3, 5)}}
    return training


# ---------------------------------------------------------------- tensors: name -> (shape, role)


def layout(plan):
    """Encoded features in order: (kind, column, level)."""
    embedded = {e["column"] for e in plan["model"].get("embeddings", [])}
    for at, column in enumerate(plan["data"]["columns"]):
        missing = column.get("missing", "impute" if column["kind"] == "continuous" else "indicator")
        if column["kind"] == "continuous":
            yield "number", at, 0
        elif column["name"] in embedded:
            yield "code", at, 0
            continue
        else:
            yield from (("level", at, level) for level in range(1, len(column["levels"])))
        if missing == "indicator":
            yield "missing", at, 0


def encode(plan, raw, scaling=SCALING):
    def one(kind, at, level):
        column, value = plan["data"]["columns"][at], raw[:, at]
        gone = torch.isnan(value)
        if kind == "number":
            mean, scale = scaling[column["name"]]
            return torch.where(gone, 0.0, (value - mean) / scale)
        if kind == "code":
            return torch.where(gone, float(len(column["levels"])), value)
        return (gone if kind == "missing" else value == level).double()

    return torch.stack([one(*feature) for feature in layout(plan)], 1)


def dense(name, inputs, outputs, biased=True):
    return {f"{name}.weight": ((inputs, outputs), "weight")} | ({f"{name}.bias": ((outputs,), "bias")} if biased else {})


def conv(name, inputs, outputs, *kernel, biased=True):
    return {f"{name}.weight": ((outputs, inputs, *kernel), "weight")} | ({f"{name}.bias": ((outputs,), "bias")} if biased else {})


def norm(name, width, kind="layer"):
    parts = {"none": {}, "batch": {"scale": "bias", "shift": "bias", "mean": "buffer", "variance": "buffer"}}.get(kind, {"scale": "bias", "shift": "bias"})
    return {f"{name}.{part}": ((width,), role) for part, role in parts.items()}


def blocks_of(model):
    """(name, inputs, outputs, stride) of a residual network's blocks."""
    inputs = model["channels"][0]
    for stage, outputs in enumerate(model["channels"]):
        for block in range(model["blocks"]):
            yield f"stage{stage + 1}.block{block + 1}", inputs, outputs, 2 if stage > 0 and block == 0 else 1
            inputs = outputs


def tensors_of(plan):
    """Every tensor of the network, and the name of its last layer."""
    model, payload = plan["model"], plan["data"].get("payload")
    family, features = model["family"], list(layout(plan))
    width = sum(kind != "code" for kind, _, _ in features)
    found, last = {}, "last"
    if payload is not None:
        width = len(features)
        channels = payload["channels"] if payload["kind"] == "images" else len(payload["channels"]) * (2 if payload["observed"] else 1)
    if family in ("logistic", "cox"):
        last = "layer1"
    elif family == "mlp":
        for table in model.get("embeddings", []):
            column = next(c for c in plan["data"]["columns"] if c["name"] == table["column"])
            found[f"embedding.{table['column']}"] = ((len(column["levels"]) + 1, table["width"]), "weight")
            width += table["width"]
        for at, outputs in enumerate(model["hidden"]):
            found |= dense(f"layer{at + 1}", width, outputs)
            width = outputs
        last = f"layer{len(model['hidden']) + 1}"
    elif family == "tcn":
        inputs = channels
        for at, outputs in enumerate(model["channels"]):
            name = f"block{at + 1}"
            found |= conv(f"{name}.convolution1", inputs, outputs, model["kernel"]) | conv(f"{name}.convolution2", outputs, outputs, model["kernel"])
            if inputs != outputs:
                found |= conv(f"{name}.shortcut", inputs, outputs, 1)
            inputs = outputs
        width += inputs
    elif family == "gru":
        for at in range(model["layers"]):
            found |= dense(f"layer{at + 1}.input", model["hidden"] if at else channels, 3 * model["hidden"])
            found |= dense(f"layer{at + 1}.state", model["hidden"], 3 * model["hidden"])
        width += model["hidden"]
    elif family == "transformer":
        size, inner = model["width"], model["feedForward"]
        found |= dense("input", channels, size) | {"position": ((payload["steps"], size), "bias")} | norm("norm", size)
        for at in range(model["blocks"]):
            name = f"block{at + 1}"
            for part in ("query", "key", "value", "output"):
                found |= dense(f"{name}.attention.{part}", size, size, part != "key")
            found |= dense(f"{name}.feedforward.in", size, inner) | dense(f"{name}.feedforward.out", inner, size)
            found |= norm(f"{name}.attention.norm", size) | norm(f"{name}.feedforward.norm", size)
        width += size
    elif family == "cnn":
        kind, inputs, area = model["normalisation"], channels, [payload["height"], payload["width"]]
        for at, outputs in enumerate(model["channels"]):
            found |= conv(f"block{at + 1}.convolution", inputs, outputs, 3, 3, biased=kind == "none") | norm(f"block{at + 1}.norm", outputs, kind)
            inputs, area = outputs, [side // 2 for side in area]
        size = inputs * area[0] * area[1]
        for at, outputs in enumerate(model["hidden"]):
            found |= dense(f"hidden{at + 1}", size, outputs)
            size = outputs
        width += size
    else:
        kind, biased = model["normalisation"], model["normalisation"] == "none"
        found |= conv("stem.convolution", channels, model["channels"][0], 3, 3, biased=biased) | norm("stem.norm", model["channels"][0], kind)
        for name, inputs, outputs, stride in blocks_of(model):
            found |= conv(f"{name}.convolution1", inputs, outputs, 3, 3, biased=biased) | norm(f"{name}.norm1", outputs, kind)
            found |= conv(f"{name}.convolution2", outputs, outputs, 3, 3, biased=biased) | norm(f"{name}.norm2", outputs, kind)
            if stride == 2 or inputs != outputs:
                found |= conv(f"{name}.shortcut", inputs, outputs, 1, 1, biased=biased) | norm(f"{name}.shortcutnorm", outputs, kind)
        width += model["channels"][-1]
    task, grades = plan["task"]["kind"], len(plan["data"]["label"].get("levels", []))
    if task == "ordinal":
        found |= dense(last, width, 1, False) | {f"{last}.threshold": ((1,), "bias"), f"{last}.gap": ((grades - 2,), "bias")}
    else:
        found |= dense(last, width, grades if task == "multiclass" else 1, task != "survival")
    return found, last


def what_trains(plan):
    """Tensors that travel, those that stay, and the adapted matrices with alpha / rank."""
    found, last = tensors_of(plan)
    names = [name for name, (_, role) in found.items() if role != "buffer"]
    named = lambda patterns: {name for name in names for pattern in patterns if fnmatchcase(name, pattern)}
    trainable, adapted, scale = plan["training"].get("trainable", "all"), [], 1
    if trainable == "all":
        whole = set(names)
    elif trainable == "last-layer":
        whole = named([f"{last}.*"])
    elif "names" in trainable:
        whole = named(trainable["names"])
    else:
        lora = trainable["lora"]
        rank, whole, scale = lora["rank"], named(lora.get("and", [])), lora["alpha"] / lora["rank"]
        smaller = lambda shape: len(shape) == 2 and rank * sum(shape) < shape[0] * shape[1]
        matrices = [name for name in named(lora.get("on", ["*"])) if found[name][1] == "weight" and not name.startswith("embedding.")]
        adapted = sorted(name for name in matrices if name not in whole and smaller(found[name][0]))
    travels = {name: one for name, one in found.items() if one[1] == "buffer" or name in whole}
    for name in adapted:
        inputs, outputs = found[name][0]
        travels |= {f"{name}.lora_a": ((inputs, rank), "weight"), f"{name}.lora_b": ((rank, outputs), "weight")}
    return found, travels, {name: found[name] for name in names if name not in whole}, adapted, scale


# ---------------------------------------------------------------- forward


class Normalisation:
    def __init__(self, kind, training, moves):
        self.kind, self.training, self.moves, self.running = kind, training, moves, {}

    def __call__(self, w, name, x):
        if self.kind == "none":
            return x
        scale, shift = w[f"{name}.scale"], w[f"{name}.shift"]
        if self.kind == "group":
            return F.group_norm(x, max(g for g in range(1, 9) if x.shape[1] % g == 0), scale, shift, 1e-5)
        mean, variance = w[f"{name}.mean"], w[f"{name}.variance"]
        learns = self.training and (f"{name}.scale" in self.moves or f"{name}.shift" in self.moves)
        if learns:
            seen = x.detach()
            self.running |= {
                f"{name}.mean": 0.9 * mean + 0.1 * seen.mean((0, 2, 3)),
                f"{name}.variance": 0.9 * variance + 0.1 * seen.var((0, 2, 3), unbiased=False),
            }
        return F.batch_norm(x, mean.clone(), variance.clone(), scale, shift, learns, 0.1, 1e-5)


def linear(w, name, x):
    return x @ w[f"{name}.weight"] + w.get(f"{name}.bias", 0)


def last_layer(w, name, x):
    if f"{name}.threshold" not in w:
        return linear(w, name, x)
    first = w[f"{name}.threshold"]
    return x @ w[f"{name}.weight"] - torch.cat([first, first + torch.cumsum(F.softplus(w[f"{name}.gap"]), 0)])


def forward(plan, w, features, payload, normal):
    model = plan["model"]
    family, act = model["family"], ACTIVATIONS.get(model.get("activation"))
    if family in ("logistic", "cox"):
        return last_layer(w, "layer1", features)
    if family == "mlp":
        kinds = list(layout(plan))
        x = features[:, [at for at, (kind, _, _) in enumerate(kinds) if kind != "code"]]
        for at, (kind, column, _) in enumerate(kinds):
            if kind == "code":
                x = torch.cat([x, w[f"embedding.{plan['data']['columns'][column]['name']}"][features[:, at].long()]], 1)
        for at in range(len(model["hidden"])):
            x = act(linear(w, f"layer{at + 1}", x))
        return last_layer(w, f"layer{len(model['hidden']) + 1}", x)
    if family == "tcn":
        x, kernel = payload.transpose(1, 2), model["kernel"]
        for at in range(len(model["channels"])):
            name, y = f"block{at + 1}", x
            for part in ("convolution1", "convolution2"):
                padded = F.pad(y, ((kernel - 1) * 2**at, 0))
                y = act(F.conv1d(padded, w[f"{name}.{part}.weight"], w[f"{name}.{part}.bias"], dilation=2**at))
            if f"{name}.shortcut.weight" in w:
                x = F.conv1d(x, w[f"{name}.shortcut.weight"], w[f"{name}.shortcut.bias"])
            x = act(x + y)
        x = x[:, :, -1]
    elif family == "gru":
        size, steps = model["hidden"], list(payload.unbind(1))
        for at in range(model["layers"]):
            h, states = torch.zeros(len(payload), size), []
            for x in steps:
                i, s = linear(w, f"layer{at + 1}.input", x).split(size, 1), linear(w, f"layer{at + 1}.state", h).split(size, 1)
                reset, update = torch.sigmoid(i[0] + s[0]), torch.sigmoid(i[1] + s[1])
                h = (1 - update) * torch.tanh(i[2] + reset * s[2]) + update * h
                states.append(h)
            steps = states
        x = steps[-1]
    elif family == "transformer":
        size, heads = model["width"], model["heads"]
        layer = lambda name, x: F.layer_norm(x, (size,), w[f"{name}.scale"], w[f"{name}.shift"], 1e-5)
        x = linear(w, "input", payload) + w["position"]
        apart = lambda y: y.reshape(*y.shape[:2], heads, -1).transpose(1, 2)
        for at in range(model["blocks"]):
            name = f"block{at + 1}"
            y = layer(f"{name}.attention.norm", x)
            q, k, v = (apart(linear(w, f"{name}.attention.{part}", y)) for part in ("query", "key", "value"))
            read = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(x.shape)
            x = x + linear(w, f"{name}.attention.output", read)
            y = F.gelu(linear(w, f"{name}.feedforward.in", layer(f"{name}.feedforward.norm", x)))
            x = x + linear(w, f"{name}.feedforward.out", y)
        x = layer("norm", x).mean(1)
    else:

        def convolve(name, x, **how):
            return F.conv2d(x, w[f"{name}.weight"], w.get(f"{name}.bias"), **how)

        x = payload
        if family == "cnn":
            for at in range(len(model["channels"])):
                x = normal(w, f"block{at + 1}.norm", convolve(f"block{at + 1}.convolution", x, padding=1))
                x = F.max_pool2d(act(x), 2)
            x = x.flatten(1)
            for at in range(len(model["hidden"])):
                x = act(linear(w, f"hidden{at + 1}", x))
        else:
            x = F.relu(normal(w, "stem.norm", convolve("stem.convolution", x, padding=1)))
            for name, _, _, stride in blocks_of(model):
                y = F.relu(normal(w, f"{name}.norm1", convolve(f"{name}.convolution1", x, stride=stride, padding=1)))
                y = normal(w, f"{name}.norm2", convolve(f"{name}.convolution2", y, padding=1))
                if f"{name}.shortcut.weight" in w:
                    x = normal(w, f"{name}.shortcutnorm", convolve(f"{name}.shortcut", x, stride=stride))
                x = F.relu(x + y)
            x = x.mean((2, 3))
    return last_layer(w, "last", torch.cat([x, features], 1))


def grade_shares(z):
    above = torch.cat([torch.ones(len(z), 1), torch.sigmoid(z), torch.zeros(len(z), 1)], 1)
    return above[:, :-1] - above[:, 1:]


def released(plan, z):
    """What the released file answers."""
    task = plan["task"]["kind"]
    if task == "binary":
        return {"logit": z[:, 0], "probability": torch.sigmoid(z[:, 0])}
    if task in ("multiclass", "ordinal"):
        return {"logit": z, "probability": torch.softmax(z, 1) if task == "multiclass" else grade_shares(z)}
    return {"prediction" if task == "regression" else "risk": z[:, 0]}


# ---------------------------------------------------------------- training


def row_losses(plan, z, labels):
    loss, task = plan["training"].get("loss", {"kind": "ordinal"}), plan["task"]["kind"]
    if loss["kind"] == "squared":
        return (z[:, 0] - labels) ** 2
    if loss["kind"] == "huber":
        return F.huber_loss(z[:, 0], labels, reduction="none", delta=loss["delta"])
    if loss["kind"] == "cox":
        times, seen, total = labels[:, 0], labels[:, 1] > 0, 0 * z.sum()
        for time in torch.unique(times[seen]):
            tied = seen & (times == time)
            for place in range(int(tied.sum())):
                less = place / tied.sum() if loss["ties"] == "efron" else 0.0
                kept = torch.where(tied, 1 - less, 1.0).log()
                total = total + torch.logsumexp((z[:, 0] + kept)[times >= time], 0)
            total = total - z[tied, 0].sum()
        return (total / len(z)).expand(len(z))
    if loss["kind"] == "ordinal":
        return -grade_shares(z).log().gather(1, labels.long()[:, None])[:, 0]
    logs = torch.log_softmax(F.pad(z, (1, 0)) if task == "binary" else z, 1)
    chosen = F.one_hot(labels.long(), logs.shape[1]).double()
    if loss["kind"] == "focal":
        log = (chosen * logs).sum(1)
        losses = -((1 - log.exp()) ** loss["gamma"]) * log
    else:
        smooth = loss["smoothing"]
        losses = -((chosen * (1 - smooth) + smooth / logs.shape[1]) * logs).sum(1)
    return losses * (chosen @ torch.tensor(loss["classWeights"]) if "classWeights" in loss else 1)


def rate_at(training, step, rounds):
    rate, schedule = training["optimiser"]["rate"], training.get("schedule")
    if schedule is None:
        return rate
    count = step if schedule["per"] == "step" else rounds
    if schedule["kind"] == "exponential":
        return rate * schedule["factor"] ** count
    if schedule["kind"] == "steps":
        return rate * schedule["factor"] ** (count // schedule["every"])
    warmup, over, lowest = schedule["warmup"], schedule["over"], schedule["lowest"]
    if count < warmup:
        return rate * (count + 1) / (warmup + 1)
    q = min(1, (count - warmup) / (over - warmup))
    return rate * (lowest + (1 - lowest) * (1 - q if schedule["kind"] == "linear" else (1 + math.cos(math.pi * q)) / 2))


def updated(optimiser, w, g, kept, rate, step, decays):
    kind, momentum = optimiser["kind"], optimiser.get("momentum", 0)
    if kind == "sgd":
        kept["v"] = momentum * kept.get("v", 0) + g
        return w - rate * (g + momentum * kept["v"] if optimiser.get("nesterov") else kept["v"])
    if kind in ("adam", "adamw"):
        first, second = optimiser["beta1"], optimiser["beta2"]
        kept["m"] = first * kept.get("m", 0) + (1 - first) * g
        kept["s"] = second * kept.get("s", 0) + (1 - second) * g * g
        start = w * (1 - rate * optimiser["decay"]) if kind == "adamw" and decays else w
        return start - rate * kept["m"] / (1 - first**step) / ((kept["s"] / (1 - second**step)).sqrt() + optimiser["epsilon"])
    if kind == "adagrad":
        kept["s"] = kept.get("s", optimiser["initial"]) + g * g
        return w - rate * g / (kept["s"].sqrt() + 1e-7)
    kept["s"] = optimiser["decay"] * kept.get("s", 0) + (1 - optimiser["decay"]) * g * g
    kept["v"] = momentum * kept.get("v", 0) + g / (kept["s"].sqrt() + optimiser["epsilon"])
    return w - rate * kept["v"]


def clipped(gradients, limit):
    norm = math.sqrt(sum(float((g**2).sum()) for g in gradients))
    return gradients if norm <= limit else [g * limit / norm for g in gradients]


def train(plan, case, start, frozen, data, validation):
    training, (found, travels, _, adapted, scale) = plan["training"], what_trains(plan)
    moving = [name for name, (_, role) in travels.items() if role != "buffer"]
    kind = plan["model"].get("normalisation", "none")
    features, payload, labels = data
    w, kept, steps, validated, best, waited = dict(start), {name: {} for name in moving}, [], [], None, 0
    pull, control = case.get("proximal", 0), case.get("control")

    def whole(values):
        product = lambda name: values[f"{name}.lora_a"] @ values[f"{name}.lora_b"]
        return {n: frozen[n] + scale * product(n) if n in adapted else values.get(n, frozen.get(n)) for n in found}

    def outputs(values, x, p, normal):
        return forward(plan, whole(values), x, p, normal)

    def at_rest(values, x, p):
        return outputs(values, x, p, Normalisation(kind, False, moving))

    rows = len(features)
    for step, (order, ends) in enumerate(batches(rows, training, case["seed"])):
        w = {name: value.detach().requires_grad_(name in moving) for name, value in w.items()}
        variables, normal = [w[name] for name in moving], Normalisation(kind, True, moving)
        part = lambda places: (features[places], None if payload is None else payload[places], labels[places])
        losses = lambda places: row_losses(plan, outputs(w, *part(places)[:2], normal), part(places)[2])
        slopes = lambda of: [torch.zeros_like(v) if g is None else g for v, g in zip(variables, torch.autograd.grad(of, variables, allow_unused=True))]
        mean = losses(order).mean()
        penalty = sum(training.get("l2", 0) / 2 * (w[n] ** 2).sum() for n in moving if travels[n][1] == "weight") + sum(
            pull / 2 * ((w[n] - start[n]) ** 2).sum() for n in moving
        )
        penalty = penalty + 0 * mean
        steps.append((float((mean + penalty).detach()), len(order)))
        if "perExampleClip" in training:
            each = [clipped(slopes(losses([row]).sum()), training["perExampleClip"]) for row in order]
            gradients = [sum(parts) / len(order) + more for *parts, more in zip(*each, slopes(penalty))]
        else:
            gradients = slopes(mean + penalty)
        gradients = clipped(gradients, training.get("clipNorm", math.inf))
        w = {name: value.detach() for name, value in w.items()} | normal.running
        for name, g in zip(moving, gradients):
            g = g if control is None else g + control[name]
            rate = rate_at(training, step, case["round"])
            w[name] = updated(training["optimiser"], w[name], g, kept[name], rate, step + 1, travels[name][1] == "weight")
        if validation is not None and ends:
            x, p, y = validation
            validated.append(float(row_losses(plan, at_rest(w, x, p), y).mean()))
            rule = training["earlyStopping"]
            if best is None or validated[-1] < validated[best[0] - 1] - rule["minimumDelta"]:
                best, waited = (len(validated), w), 0
            else:
                waited += 1
            if waited >= rule["patience"]:
                break
    if best is not None:
        w = best[1]
    each = 1 if training["batch"] == "full" else math.ceil(rows / min(training["batch"], rows))
    weighed = lambda some: sum(loss * n for loss, n in some) / sum(n for _, n in some)
    losses = {"lossFirst": weighed(steps[:each]), "lossLast": weighed(steps[-each:])}
    digits = lambda value: float(f"{value:.10g}")
    losses = {name: digits(value) for name, value in losses.items()}
    return w, losses, None if best is None else {"losses": [digits(value) for value in validated], "best": best[0]}, at_rest


# ---------------------------------------------------------------- cases


def drawn(shape, positive=False):
    """Multiples of 1/64: short, and exact in float32."""
    values = [(0.5 + R.randint(0, 64) / 64) if positive else round(64 * R.gauss(0, 0.4)) / 64 for _ in range(math.prod(shape))]
    return torch.tensor(values).reshape(shape)


def raw_cell(column):
    if column.get("missing", "") != "forbid" and chance(0.2):
        return math.nan
    if column["kind"] == "categorical":
        return R.randrange(len(column["levels"]))
    (mean, scale), (low, high) = SCALING[column["name"]], column["range"]
    return min(high, max(low, round(R.gauss(mean, scale))))


def label(task):
    if task == "survival":
        return [R.randint(1, 6), int(chance(0.6))]
    return [round(R.gauss(1, 3) * 4) / 4] if task == "regression" else [R.randrange(len(LABELS[task]["levels"]))]


def short(values):
    return [None if math.isnan(v) else int(v) if v == int(v) else float(f"{v:.8g}") for v in values.flatten().tolist()]


def make(at):
    family, task = FAMILIES[at % len(FAMILIES)], TASKS[at // len(FAMILIES) % len(TASKS)]
    model, payload = draw_model(family, task)
    rows, aside = R.randint(6, 12), 0
    row_wise = task != "survival" and model.get("normalisation") != "batch"
    columns = COLUMNS if payload is None else R.sample(COLUMNS, 2)
    plan = {
        "task": {"kind": task}, "model": model, "training": draw_training(task, rows, row_wise),
        "data": {"columns": columns, "label": LABELS[task]} | ({} if payload is None else {"payload": payload}),
    }  # fmt: skip
    found, last = tensors_of(plan)
    names = [name for name, (_, role) in found.items() if role != "buffer"]
    fits = any(role == "weight" and len(s) == 2 and sum(s) < s[0] * s[1] and n != f"{last}.weight" and not n.startswith("embedding.") for n, (s, role) in found.items())
    how = R.random()
    if how < 0.12:
        plan["training"]["trainable"] = "last-layer"
    elif how < 0.24:
        plan["training"]["trainable"] = {"names": R.sample(names, min(3, len(names)))}
    elif how < 0.5 and fits:
        plan["training"]["trainable"] = {"lora": {"rank": 1, "alpha": 2.5, "and": [f"{last}.*"]}}
    _, travels, stays, _, _ = what_trains(plan)
    if "earlyStopping" in plan["training"]:
        aside = 4
    raw = torch.tensor([[raw_cell(column) for column in columns] for _ in range(rows + aside)], dtype=torch.float64)
    labels = torch.tensor([label(task) for _ in range(rows + aside)], dtype=torch.float64)
    if task == "survival":
        labels[aside] = torch.tensor([1.0, 1.0])  # at least one event that others outlive
    else:
        labels = labels[:, 0]
    seen = values = None
    if payload is not None and payload["kind"] == "series":
        width = len(payload["channels"]) * (2 if payload["observed"] else 1)
        seen = values = drawn((rows + aside, payload["steps"], width))
    elif payload is not None:
        shape = (rows + aside, payload["channels"], payload["height"], payload["width"])
        values = torch.tensor([R.randrange(256) for _ in range(math.prod(shape))]).reshape(shape)
        per = lambda key: torch.tensor(payload[key], dtype=torch.float64)[:, None, None]
        seen = (values - per("mean")) / per("scale")
    start = {name: drawn(shape, name.endswith((".variance", ".scale"))) for name, (shape, _) in sorted(travels.items())}
    frozen = {name: drawn(shape, name.endswith(".scale")) for name, (shape, _) in sorted(stays.items())}
    case = {"seed": R.randint(0, 2**32 - 1), "round": R.randint(0, 5)}
    if chance(0.3):
        case["proximal"] = round(R.uniform(0.01, 1), 3)
    if chance(0.25):
        case["control"] = {name: drawn(start[name].shape) / 4 for name, (_, role) in sorted(travels.items()) if role != "buffer"}
    if row_wise and chance(0.4):
        case["mostRows"] = R.randint(1, rows)
    features = encode(plan, raw)
    cut = lambda a, b: (features[a:b], None if seen is None else seen[a:b], labels[a:b])
    w, losses, validation, at_rest = train(plan, case, start, frozen, cut(aside, None), cut(0, aside) if aside else None)
    tensors = lambda of: {name: {"shape": list(v.shape), "data": short(v)} for name, v in of.items()}
    return case | {
        "plan": plan, "rows": rows, "aside": aside, "raw": short(raw), "labels": short(labels), "payload": None if values is None else short(values.double()),
        "start": tensors(start), "frozen": tensors(frozen), **({"control": tensors(case["control"])} if "control" in case else {}),
        "losses": losses, "validation": validation, "delta": tensors({name: w[name] - start[name] for name in start}),
        "outputs": {name: short(v) for name, v in released(plan, at_rest(w, features, seen)).items()},
    }  # fmt: skip


if __name__ == "__main__":
    json.dump({"scaling": SCALING, "cases": [make(at) for at in range(COUNT)]}, sys.stdout, separators=(",", ":"))
    print()
