"""Reference for `losses-pytorch.test.ts`: the loss of each row and the gradients of their sum, by PyTorch in float64.

    python3 test/parity/losses-pytorch-reference.py > test/parity/generated/losses-pytorch.json

Made with torch 2.13.0 (CPU). Cross-entropy, squared and Huber loss are torch.nn.functional's; focal loss (Lin et al. 2017, eq. 4) and
cumulative logits (McCullagh 1980) are written from their definitions on probabilities, which float64 holds at these sizes.
"""

import json
import math

import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)
ROWS = 12


def wave(count, shift, size):
    exact = torch.tensor([size * math.sin(1.7 * k + shift) for k in range(count)])
    return exact.to(torch.float32).to(torch.float64)


def focal(probability, gamma):
    return (1 - probability) ** gamma * -torch.log(probability)


def cumulative(logits, labels):
    above = torch.sigmoid(logits)
    ones, zeros = torch.ones(len(logits), 1), torch.zeros(len(logits), 1)
    edges = torch.cat([ones, above, zeros], 1)
    chances = edges[:, :-1] - edges[:, 1:]
    return -torch.log(chances[torch.arange(len(logits)), labels])


binary = torch.tensor([k % 3 == 1 for k in range(ROWS)]).to(torch.float64)
classes = torch.tensor([(5 * k) % 3 for k in range(ROWS)])
grades = torch.tensor([k % 4 for k in range(ROWS)])
values = wave(ROWS, 0.2, 3.0)
one = wave(ROWS, 0.9, 4.0).reshape(ROWS, 1)
three = wave(3 * ROWS, 0.4, 3.0).reshape(ROWS, 3)
falling = (wave(ROWS, 0.7, 2.0).reshape(ROWS, 1) - torch.cumsum(wave(3 * ROWS, 0.1, 0.9).abs().reshape(ROWS, 3) + 0.05, 1)).to(torch.float32).to(torch.float64)
pair = torch.tensor([0.5, 2.0])
triple = torch.tensor([0.5, 2.0, 1.25])

cases = [
    ("binary", {"kind": "cross-entropy"}, one, binary, lambda z: F.binary_cross_entropy_with_logits(z[:, 0], binary, reduction="none")),
    (
        "binary",
        {"kind": "cross-entropy", "classWeights": [0.5, 2.0], "smoothing": 0.2},
        one,
        binary,
        lambda z: F.binary_cross_entropy_with_logits(z[:, 0], binary * 0.8 + 0.1, reduction="none") * pair[binary.long()],
    ),
    ("multiclass", {"kind": "cross-entropy"}, three, classes, lambda z: F.cross_entropy(z, classes, reduction="none")),
    (
        "multiclass",
        {"kind": "cross-entropy", "classWeights": [0.5, 2.0, 1.25], "smoothing": 0.3},
        three,
        classes,
        lambda z: F.cross_entropy(z, classes, reduction="none", label_smoothing=0.3) * triple[classes],
    ),
    *[
        (
            "binary",
            {"kind": "focal", "gamma": gamma},
            one,
            binary,
            lambda z, gamma=gamma: focal(torch.sigmoid((2 * binary - 1) * z[:, 0]), gamma),
        )
        for gamma in (0.0, 0.5, 2.0)
    ],
    (
        "binary",
        {"kind": "focal", "gamma": 2.0, "classWeights": [0.5, 2.0]},
        one,
        binary,
        lambda z: focal(torch.sigmoid((2 * binary - 1) * z[:, 0]), 2.0) * pair[binary.long()],
    ),
    *[
        (
            "multiclass",
            {"kind": "focal", "gamma": gamma, "classWeights": [0.5, 2.0, 1.25]},
            three,
            classes,
            lambda z, gamma=gamma: focal(F.softmax(z, 1)[torch.arange(ROWS), classes], gamma) * triple[classes],
        )
        for gamma in (0.5, 2.0)
    ],
    ("regression", {"kind": "squared"}, one, values, lambda z: F.mse_loss(z[:, 0], values, reduction="none")),
    *[
        ("regression", {"kind": "huber", "delta": delta}, one, values, lambda z, delta=delta: F.huber_loss(z[:, 0], values, reduction="none", delta=delta))
        for delta in (0.5, 3.0)
    ],
    ("ordinal", {"kind": "ordinal"}, falling, grades, lambda z: cumulative(z, grades)),
]

results = []
for task, loss, outputs, labels, function in cases:
    z = outputs.clone().requires_grad_(True)
    losses = function(z)
    losses.sum().backward()
    results.append(
        {
            "task": task,
            "loss": loss,
            "outputs": outputs.tolist(),
            "labels": labels.tolist(),
            "losses": losses.tolist(),
            "gradients": z.grad.tolist(),
        }
    )
print(json.dumps({"torch": torch.__version__, "cases": results}, separators=(",", ":")))
