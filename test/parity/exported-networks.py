"""Makes the ONNX files of test/fixtures/exported and the losses PyTorch reaches with the same networks and batches.

    python test/parity/exported-networks.py

torch 2.13 (CPU), onnx 1.23, onnxscript 0.7 with onnx_ir 1.0. The TorchScript-based exporter writes FILE.onnx, the one on
torch.export FILE-dynamo.onnx (operator set 20). Batches are drawn here and stored in losses.json with the losses, so that the
test needs neither Python nor this order of random numbers.
"""

import json
import os
import warnings

import onnx
import torch
from torch import nn

warnings.filterwarnings("ignore")
torch.set_num_threads(1)
FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "fixtures", "exported")
STEPS = 50
ROWS = 12


class Residual(nn.Module):
    """Three convolutional stages with batch normalisation and a shortcut that halves the image."""

    def __init__(self):
        super().__init__()
        conv = lambda a, b, **k: nn.Conv2d(a, b, 3, padding=1, bias=False, **k)
        self.stem, self.stem_norm = conv(1, 6), nn.BatchNorm2d(6)
        self.a1, self.a1_norm, self.a2, self.a2_norm = conv(6, 6), nn.BatchNorm2d(6), conv(6, 6), nn.BatchNorm2d(6)
        self.b1, self.b1_norm = conv(6, 10, stride=2), nn.BatchNorm2d(10)
        self.b2, self.b2_norm, self.shortcut = conv(10, 10), nn.BatchNorm2d(10), nn.Conv2d(6, 10, 1, stride=2)
        self.fc = nn.Linear(10, 1)

    def forward(self, x):
        x = torch.relu(self.stem_norm(self.stem(x)))
        x = torch.relu(x + self.a2_norm(self.a2(torch.relu(self.a1_norm(self.a1(x))))))
        x = torch.relu(self.shortcut(x) + self.b2_norm(self.b2(torch.relu(self.b1_norm(self.b1(x))))))
        return self.fc(x.mean((2, 3)))


class Grouped(nn.Module):
    """The same idea with group normalisation, which needs no other rows."""

    def __init__(self):
        super().__init__()
        self.stem, self.stem_norm = nn.Conv2d(1, 8, 3, padding=1), nn.GroupNorm(2, 8)
        self.a, self.a_norm = nn.Conv2d(8, 8, 3, padding=1), nn.GroupNorm(4, 8)
        self.pool = nn.MaxPool2d(2)
        self.fc = nn.Linear(8 * 16, 1)

    def forward(self, x):
        x = torch.relu(self.stem_norm(self.stem(x)))
        x = self.pool(torch.relu(x + self.a_norm(self.a(x))))
        return self.fc(torch.flatten(x, 1))


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(5, 12, num_layers=2, batch_first=True)
        self.fc = nn.Linear(12, 1)

    def forward(self, x):
        y, _ = self.gru(x)
        return self.fc(y[:, -1])


class LongShort(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(5, 8, batch_first=True, bidirectional=True)
        self.fc = nn.Linear(16, 1)

    def forward(self, x):
        y, _ = self.lstm(x)
        return self.fc(y.mean(1))


class Transformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.inp = nn.Linear(5, 16)
        self.position = nn.Parameter(torch.randn(1, 12, 16) * 0.1)
        layer = nn.TransformerEncoderLayer(16, 4, 32, dropout=0.0, activation="gelu", batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.fc = nn.Linear(16, 1)

    def forward(self, x):
        return self.fc(self.encoder(self.inp(x) + self.position).mean(1))


def stir(net):
    """Every tensor its own values, as after training: exporters store equal tensors once."""
    with torch.no_grad():
        for p in net.parameters():
            p.add_(torch.randn_like(p) * 0.02)


def export(net, x, name):
    options = dict(input_names=["x"], output_names=["logits"])
    torch.onnx.export(
        net, (x,), os.path.join(FOLDER, f"{name}.onnx"), dynamo=False, opset_version=17, dynamic_axes={"x": {0: "rows"}},
        training=torch.onnx.TrainingMode.TRAINING, do_constant_folding=False, **options,
    )
    tidy(name)
    if name != "residual":  # this exporter writes batch normalisation in its inference form only
        torch.onnx.export(
            net, (x,), os.path.join(FOLDER, f"{name}-dynamo.onnx"), dynamo=True, external_data=False, verbose=False,
            dynamic_shapes=({0: torch.export.Dim("rows")},), **options,
        )
        tidy(f"{name}-dynamo")


def tidy(name):
    """Takes out the notes of the exporters, which name files of the machine they ran on."""
    path = os.path.join(FOLDER, f"{name}.onnx")
    model = onnx.load(path)
    for part in (model, model.graph, *model.graph.node, *model.graph.input, *model.graph.output, *model.graph.initializer):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    model.graph.ClearField("value_info")
    onnx.save(model, path)


def losses(net, batches, make):
    start = {k: v.clone() for k, v in net.state_dict().items()}
    net.train()
    optimiser = make(net.parameters())
    found = []
    for x, y in batches:
        optimiser.zero_grad()
        loss = nn.functional.binary_cross_entropy_with_logits(net(x)[:, 0], y)
        loss.backward()
        optimiser.step()
        found.append(float(loss))
    net.load_state_dict(start)
    return found


def main():
    torch.manual_seed(7)
    os.makedirs(FOLDER, exist_ok=True)
    result = {"rows": ROWS, "networks": {}, "batches": {}}
    data = {}
    for kind, shape in (("images", (1, 8, 8)), ("series", (12, 5))):
        x = torch.round(torch.randn(4, ROWS, *shape) * 1000) / 1000
        y = (x.flatten(2).mean(2) + 0.05 * torch.randn(4, ROWS) > 0).float()
        data[kind] = [(x[i % 4], y[i % 4]) for i in range(STEPS)]
        result["batches"][kind] = {
            "shape": shape,
            "x": [[round(float(v), 3) for v in b.flatten()] for b in x],
            "y": [[int(v) for v in b] for b in y],
        }
    for name, kind, net in (
        ("residual", "images", Residual()),
        ("grouped", "images", Grouped()),
        ("gru", "series", Recurrent()),
        ("lstm", "series", LongShort()),
        ("transformer", "series", Transformer()),
    ):
        stir(net)
        net.train()
        export(net, data[kind][0][0][:2], name)
        result["networks"][name] = {
            "data": kind,
            "sgd": losses(net, data[kind], lambda p: torch.optim.SGD(p, lr=0.05)),
            "adam": losses(net, data[kind], lambda p: torch.optim.Adam(p, lr=0.002, eps=1e-7)),
        }
    with open(os.path.join(FOLDER, "losses.json"), "w") as file:
        json.dump(result, file)
        file.write("\n")


if __name__ == "__main__":
    main()
