"""Reference for `optimisers-pytorch-steps.test.ts`: 20 updates from given gradients by torch.optim in float64, and rates by its schedulers.

    python3 test/parity/optimisers-pytorch-steps.py > test/parity/generated/optimisers-pytorch-steps.json

Made with torch 2.13.0 (CPU). Clipping is min(1, limit / norm) without the 1e-6 that torch.nn.utils.clip_grad_norm_ adds to the norm.
"""

import json
import math

import torch
from torch.optim import lr_scheduler as schedulers

torch.set_default_dtype(torch.float64)
STEPS, FEATURES, CLASSES = 20, 18, 3


def wave(count, shift, size=1.0):
    exact = torch.tensor([size * math.sin(1.7 * k + shift) for k in range(count)])
    return exact.to(torch.float32).to(torch.float64)


start = {"layer1.weight": wave(FEATURES * CLASSES, 0.1), "layer1.bias": wave(CLASSES, 0.5)}
gradients = [
    {name: wave(len(value), 0.3 + 2.1 * step, 0.2 if step % 3 else 2.0) for name, value in start.items()} for step in range(STEPS)
]
SGD, Adam, AdamW, Adagrad, RMSprop = (getattr(torch.optim, n) for n in ("SGD", "Adam", "AdamW", "Adagrad", "RMSprop"))
constant = lambda optimiser: schedulers.LambdaLR(optimiser, lambda _: 1.0)
optimisers = [
    ({"kind": "sgd", "rate": 0.1}, lambda g: SGD(g, lr=0.1), 0),
    ({"kind": "sgd", "rate": 0.1, "momentum": 0.9}, lambda g: SGD(g, lr=0.1, momentum=0.9), 0),
    ({"kind": "sgd", "rate": 0.1, "momentum": 0.9, "nesterov": True}, lambda g: SGD(g, lr=0.1, momentum=0.9, nesterov=True), 0),
    ({"kind": "adam", "rate": 0.02, "beta2": 0.99, "epsilon": 1e-8}, lambda g: Adam(g, lr=0.02, betas=(0.9, 0.99), eps=1e-8), 0),
    ({"kind": "adamw", "rate": 0.02, "epsilon": 1e-8, "decay": 0.3}, lambda g: AdamW(g, lr=0.02, eps=1e-8), 0.3),
    ({"kind": "adagrad", "rate": 0.2, "initial": 0.1, "epsilon": 1e-6}, lambda g: Adagrad(g, lr=0.2, initial_accumulator_value=0.1, eps=1e-6), 0),
    ({"kind": "rmsprop", "rate": 0.02, "decay": 0.8, "epsilon": 1e-6}, lambda g: RMSprop(g, lr=0.02, alpha=0.8, eps=1e-6), 0),
    (
        {"kind": "rmsprop", "rate": 0.02, "decay": 0.8, "momentum": 0.5, "epsilon": 1e-6},
        lambda g: RMSprop(g, lr=0.02, alpha=0.8, eps=1e-6, momentum=0.5),
        0,
    ),
]
warm = lambda o, w, rest: schedulers.SequentialLR(
    o, [schedulers.LinearLR(o, start_factor=1 / (w + 1), end_factor=1.0, total_iters=w), rest(o)], milestones=[w]
)
schedules = [
    ({"kind": "exponential", "factor": 0.9}, lambda o: schedulers.ExponentialLR(o, 0.9)),
    ({"kind": "steps", "every": 6, "factor": 0.5}, lambda o: schedulers.StepLR(o, 6, 0.5)),
    ({"kind": "cosine", "over": 19, "lowest": 0.1}, lambda o: schedulers.CosineAnnealingLR(o, 19, eta_min=0.1 * o.defaults["lr"])),
    (
        {"kind": "cosine", "over": 19, "lowest": 0.1, "warmup": 4},
        lambda o: warm(o, 4, lambda o: schedulers.CosineAnnealingLR(o, 15, eta_min=0.1 * o.defaults["lr"])),
    ),
    ({"kind": "linear", "over": 12, "lowest": 0.25}, lambda o: schedulers.LinearLR(o, start_factor=1.0, end_factor=0.25, total_iters=12)),
    (
        {"kind": "linear", "over": 12, "lowest": 0.0, "warmup": 3},
        lambda o: warm(o, 3, lambda o: schedulers.LinearLR(o, start_factor=1.0, end_factor=0.0, total_iters=9)),
    ),
]

cases = []
for optimiser, make, decay in optimisers:
    for schedule, follow in [(None, constant), *(schedules if optimiser["kind"] in ("sgd", "adamw") else [])]:
        for limit in (None, 1.5):
            tensors = {name: value.clone().requires_grad_(True) for name, value in start.items()}
            groups = [{"params": [tensors["layer1.weight"]]}, {"params": [tensors["layer1.bias"]]}]
            for group, amount in zip(groups, (decay, 0)):
                if optimiser["kind"] == "adamw":
                    group["weight_decay"] = amount
            stepper = make(groups)
            scheduler = follow(stepper)
            rates = []
            for given in gradients:
                norm = math.sqrt(sum(float((g * g).sum()) for g in given.values()))
                factor = 1.0 if limit is None else min(1.0, limit / norm)
                for name, tensor in tensors.items():
                    tensor.grad = given[name] * factor
                rates.append(stepper.param_groups[0]["lr"])
                stepper.step()
                scheduler.step()
            cases.append(
                {
                    "optimiser": optimiser,
                    "schedule": schedule,
                    "clipNorm": limit,
                    "rates": rates,
                    "end": {name: [float(f"{v:.12g}") for v in tensor.tolist()] for name, tensor in tensors.items()},
                }
            )

short = lambda tensors: {name: [float(f"{v:.9g}") for v in value.tolist()] for name, value in tensors.items()}
print(
    json.dumps(
        {"torch": torch.__version__, "start": short(start), "gradients": [short(g) for g in gradients], "cases": cases},
        separators=(",", ":"),
    )
)
