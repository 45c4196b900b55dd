"""Reference for `optimisers-pytorch.test.ts`: the same networks trained by PyTorch in float64.

    python3 test/parity/pytorch-reference.py > test/parity/generated/pytorch-reference.json

Made with torch 2.13.0 (CPU). Losses: BCEWithLogitsLoss, CrossEntropyLoss, MSELoss. The L2 penalty (l2 / 2) |w|^2 on weights,
not biases, is PyTorch's weight_decay, which adds l2 * w to the gradient.
"""

import json
import math

import torch

ROWS, FEATURES, STEPS = 24, 18, 4
torch.set_default_dtype(torch.float64)


def wave(count, shift):
    """Numbers that float32 holds exactly, so that every side starts from the same ones."""
    exact = torch.tensor([math.sin(1.7 * k + shift) for k in range(count)])
    return exact.to(torch.float32).to(torch.float64)


def short(values):
    """Nine digits tell every float32 apart, and are more than the comparison needs of the rest."""
    return [float(f"{value:.9g}") for value in values.flatten().tolist()]


features = wave(ROWS * FEATURES, 0.3).reshape(ROWS, FEATURES)
score = features[:, 0] + features[:, 1] * features[:, 2]
labels = {
    "binary": (score > 0.1).to(torch.float64),
    "multiclass": (score > -0.3).to(torch.int64) + (score > 0.4).to(torch.int64),
    "regression": (2 * score + 1).to(torch.float32).to(torch.float64),
}
losses = {
    "binary": torch.nn.BCEWithLogitsLoss(),
    "multiclass": torch.nn.CrossEntropyLoss(),
    "regression": torch.nn.MSELoss(),
}
outputs = {"binary": 1, "multiclass": 3, "regression": 1}
models = {
    "logistic": [],
    "relu": [5],
    "tanh": [4, 3],
    "sigmoid": [4],
}
activations = {"relu": torch.nn.ReLU, "tanh": torch.nn.Tanh, "sigmoid": torch.nn.Sigmoid}
optimisers = {
    "sgd": lambda groups: torch.optim.SGD(groups, lr=0.1),
    "momentum": lambda groups: torch.optim.SGD(groups, lr=0.05, momentum=0.9),
    "adam": lambda groups: torch.optim.Adam(groups, lr=0.01, betas=(0.9, 0.999), eps=1e-7),
}

cases = []
for task in labels:
    for model, hidden in models.items():
        for optimiser in optimisers:
            for l2 in (0.0, 0.1):
                widths = [FEATURES, *hidden, outputs[task]]
                layers, tensors = [], {}
                for index in range(len(widths) - 1):
                    linear = torch.nn.Linear(widths[index], widths[index + 1])
                    weight = 0.4 * wave(widths[index] * widths[index + 1], index + 1.0)
                    weight = weight.to(torch.float32).to(torch.float64).reshape(widths[index], widths[index + 1])
                    bias = wave(widths[index + 1], index + 2.0)
                    with torch.no_grad():
                        linear.weight.copy_(weight.T)
                        linear.bias.copy_(bias)
                    tensors[f"layer{index + 1}.weight"] = (linear.weight, weight.T.clone())
                    tensors[f"layer{index + 1}.bias"] = (linear.bias, bias.clone())
                    layers.append(linear)
                    if index < len(widths) - 2:
                        layers.append(activations[model]())
                network = torch.nn.Sequential(*layers)
                stepper = optimisers[optimiser](
                    [
                        {"params": [p for n, (p, _) in tensors.items() if n.endswith("weight")], "weight_decay": l2},
                        {"params": [p for n, (p, _) in tensors.items() if n.endswith("bias")], "weight_decay": 0.0},
                    ]
                )
                history = []
                for _ in range(STEPS):
                    stepper.zero_grad()
                    out = network(features)
                    loss = losses[task](out if task == "multiclass" else out.squeeze(1), labels[task])
                    history.append(loss.item())
                    loss.backward()
                    stepper.step()
                name = lambda n, p: p.detach().T if n.endswith("weight") else p.detach()
                cases.append(
                    {
                        "task": task,
                        "model": model,
                        "hidden": hidden,
                        "optimiser": optimiser,
                        "l2": l2,
                        "firstLossWithoutPenalty": history[0],
                        "start": {n: short(name(n, s)) for n, (_, s) in tensors.items()},
                        "delta": {
                            n: short(name(n, p) - name(n, s))
                            for n, (p, s) in tensors.items()
                        },
                    }
                )

print(
    json.dumps(
        {
            "torch": torch.__version__,
            "steps": STEPS,
            "rows": ROWS,
            "features": short(features),
            "labels": {task: short(values) for task, values in labels.items()},
            "cases": cases,
        },
        separators=(",", ":"),
    )
)
