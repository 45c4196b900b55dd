"""Reference for `settings-pytorch.test.ts`: a small network trained by PyTorch in float64 under every rule of update, schedule and clipping.

    python3 test/parity/settings-pytorch-reference.py > test/parity/generated/settings-pytorch.json

Made with torch 2.13.0 (CPU). The whole gradient is clipped by min(1, limit / norm), without the 1e-6 that torch.nn.utils.clip_grad_norm_ adds;
each row's own by gradients taken one row at a time. The L2 penalty and AdamW's decay are for weights, not biases.
"""

import json
import math

import torch
from torch.optim import lr_scheduler as schedulers

torch.set_default_dtype(torch.float64)
ROWS, FEATURES, HIDDEN, STEPS = 24, 18, 4, 8


def wave(count, shift, size=1.0):
    """Numbers that float32 holds exactly, so that every side starts from the same ones."""
    exact = torch.tensor([size * math.sin(1.7 * k + shift) for k in range(count)])
    return exact.to(torch.float32).to(torch.float64)


features = wave(ROWS * FEATURES, 0.3).reshape(ROWS, FEATURES)
labels = (features[:, 0] + features[:, 1] * features[:, 2] > 0.1).to(torch.float64)
start = {
    "layer1.weight": wave(FEATURES * HIDDEN, 1.0, 0.4).reshape(FEATURES, HIDDEN),
    "layer1.bias": wave(HIDDEN, 2.0),
    "layer2.weight": wave(HIDDEN, 2.0, 0.4).reshape(HIDDEN, 1),
    "layer2.bias": wave(1, 3.0),
}
SGD, Adam, AdamW, Adagrad, RMSprop = (getattr(torch.optim, n) for n in ("SGD", "Adam", "AdamW", "Adagrad", "RMSprop"))
sgd = {"kind": "sgd", "rate": 0.1, "momentum": 0.9}
plain = lambda g: SGD(g, lr=0.1, momentum=0.9)
linear = lambda o: schedulers.LinearLR(o, start_factor=1.0, end_factor=0.25, total_iters=5)
warm = lambda o: schedulers.SequentialLR(
    o,
    [schedulers.LinearLR(o, start_factor=1 / 3, end_factor=1.0, total_iters=2), schedulers.CosineAnnealingLR(o, 5, eta_min=0.01)],
    milestones=[2],
)
cases = [
    ({"optimiser": {**sgd, "nesterov": True}}, lambda g: SGD(g, lr=0.1, momentum=0.9, nesterov=True), None),
    ({"optimiser": {"kind": "adam", "rate": 0.02, "epsilon": 1e-6}}, lambda g: Adam(g, lr=0.02, eps=1e-6), None),
    ({"optimiser": {"kind": "adamw", "rate": 0.02, "epsilon": 1e-6, "decay": 0.3}}, lambda g: AdamW(g, lr=0.02, eps=1e-6), None),
    (
        {"optimiser": {"kind": "adagrad", "rate": 0.1, "initial": 0.1, "epsilon": 1e-6}},
        lambda g: Adagrad(g, lr=0.1, initial_accumulator_value=0.1, eps=1e-6),
        None,
    ),
    ({"optimiser": {"kind": "rmsprop", "rate": 0.02, "decay": 0.8, "epsilon": 1e-4}}, lambda g: RMSprop(g, lr=0.02, alpha=0.8, eps=1e-4), None),
    (
        {"optimiser": {"kind": "rmsprop", "rate": 0.02, "decay": 0.8, "momentum": 0.5, "epsilon": 1e-4}},
        lambda g: RMSprop(g, lr=0.02, alpha=0.8, eps=1e-4, momentum=0.5),
        None,
    ),
    ({"optimiser": sgd, "schedule": {"kind": "exponential", "factor": 0.8}}, plain, lambda o: schedulers.ExponentialLR(o, 0.8)),
    ({"optimiser": sgd, "schedule": {"kind": "steps", "every": 3, "factor": 0.5}}, plain, lambda o: schedulers.StepLR(o, 3, 0.5)),
    ({"optimiser": sgd, "schedule": {"kind": "linear", "over": 5, "lowest": 0.25}}, plain, linear),
    ({"optimiser": sgd, "schedule": {"kind": "cosine", "over": 7, "lowest": 0.1, "warmup": 2}}, plain, warm),
    ({"optimiser": sgd, "clipNorm": 0.2}, plain, None),
    ({"optimiser": sgd, "clipNorm": 0.2, "l2": 0.1}, plain, None),
    ({"optimiser": sgd, "perExampleClip": 0.3}, plain, None),
    ({"optimiser": sgd, "perExampleClip": 0.3, "clipNorm": 0.1, "l2": 0.1}, plain, None),
    (
        {"optimiser": {"kind": "adamw", "rate": 0.02, "epsilon": 1e-6, "decay": 0.3}, "schedule": {"kind": "linear", "over": 5, "lowest": 0.25}, "clipNorm": 0.2},
        lambda g: AdamW(g, lr=0.02, eps=1e-6),
        linear,
    ),
]


def losses_of(tensors, rows):
    hidden = torch.tanh(features[rows] @ tensors["layer1.weight"] + tensors["layer1.bias"])
    logits = (hidden @ tensors["layer2.weight"] + tensors["layer2.bias"]).squeeze(1)
    return torch.nn.functional.binary_cross_entropy_with_logits(logits, labels[rows], reduction="none")


def clipped(gradients, limit):
    if limit is None:
        return gradients
    norm = math.sqrt(sum(float((g * g).sum()) for g in gradients))
    return [g * min(1.0, limit / norm) for g in gradients]


def data_gradients(tensors, limit):
    values = list(tensors.values())
    if limit is None:
        return list(torch.autograd.grad(losses_of(tensors, slice(None)).mean(), values))
    total = [torch.zeros_like(value) for value in values]
    for row in range(ROWS):
        own = clipped(torch.autograd.grad(losses_of(tensors, slice(row, row + 1)).sum(), values), limit)
        total = [sum_ + g / ROWS for sum_, g in zip(total, own)]
    return total


found = []
for training, make, follow in cases:
    tensors = {name: value.clone().requires_grad_(True) for name, value in start.items()}
    weights = [value for name, value in tensors.items() if name.endswith("weight")]
    groups = [{"params": weights}, {"params": [value for name, value in tensors.items() if name.endswith("bias")]}]
    if training["optimiser"]["kind"] == "adamw":
        groups[0]["weight_decay"], groups[1]["weight_decay"] = training["optimiser"]["decay"], 0.0
    stepper = make(groups)
    scheduler = None if follow is None else follow(stepper)
    losses = []
    for _ in range(STEPS):
        with torch.no_grad():
            penalty = training.get("l2", 0) / 2 * sum(float((w * w).sum()) for w in weights)
            losses.append(float(losses_of(tensors, slice(None)).mean()) + penalty)
        gradients = data_gradients(tensors, training.get("perExampleClip"))
        for index, (name, value) in enumerate(tensors.items()):
            if name.endswith("weight"):
                gradients[index] = gradients[index] + training.get("l2", 0) * value.detach()
        for value, gradient in zip(tensors.values(), clipped(gradients, training.get("clipNorm"))):
            value.grad = gradient
        stepper.step()
        if scheduler is not None:
            scheduler.step()
    short = lambda value: [float(f"{v:.9g}") for v in value.detach().flatten().tolist()]
    found.append({"training": training, "losses": losses[:1] + losses[-1:], "delta": {n: short(v.detach() - start[n]) for n, v in tensors.items()}})

flat = lambda value: [float(f"{v:.9g}") for v in value.flatten().tolist()]
print(
    json.dumps(
        {
            "torch": torch.__version__,
            "rows": ROWS,
            "steps": STEPS,
            "features": flat(features),
            "labels": flat(labels),
            "start": {name: flat(value) for name, value in start.items()},
            "cases": found,
        },
        separators=(",", ":"),
    )
)
