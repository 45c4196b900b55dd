"""The networks of this benchmark in PyTorch, as its own documentation writes them, one round a request.

Started by the benchmark as `python pytorch.py CASE.safetensors THREADS`; speaks lines of JSON: it says when it is ready, then answers each line `round`
with the time of an epoch, loss and change of the weights, and the line `end` with its peak of memory beyond that of the interpreter with the data read.

The file holds `inputs` [rows, ...], `labels` [rows], `order` [epochs, rows] (the rows in the order of each epoch), the starting weights by our names,
and in its metadata the description of the network.
"""

import json
import resource
import struct
import sys
import time


def resident_megabytes():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * resource.getpagesize() / 2**20


def peak_megabytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def read_safetensors(path):
    """Header and bytes, without a library: what is measured as base must not hold PyTorch."""
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        data = bytearray(file.read())
    return header, data


header, data = read_safetensors(sys.argv[1])
base_megabytes = resident_megabytes() if sys.platform == "linux" else peak_megabytes()

import torch  # noqa: E402
from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

torch.set_num_threads(int(sys.argv[2]))


def tensor(name):
    entry = header[name]
    begin, end = entry["data_offsets"]
    return torch.frombuffer(data, dtype=torch.float32, count=(end - begin) // 4, offset=begin).reshape(entry["shape"])


class Multilayer(nn.Sequential):
    def __init__(self, widths):
        layers = []
        for inputs, outputs in zip(widths, widths[1:]):
            layers += [nn.Linear(inputs, outputs), nn.ReLU()]
        super().__init__(*layers[:-1])
        self.linears = [layer for layer in self if isinstance(layer, nn.Linear)]

    def ours(self):
        return {f"layer{index + 1}": layer for index, layer in enumerate(self.linears)}


class Convolutional(nn.Module):
    def __init__(self, size, inputs, channels, hidden, outputs):
        super().__init__()
        self.convolutions = nn.ModuleList()
        for width in channels:
            self.convolutions.append(nn.Conv2d(inputs, width, 3, padding=1))
            inputs, size = width, size // 2
        widths = [inputs * size * size, *hidden]
        self.hidden = nn.ModuleList(nn.Linear(a, b) for a, b in zip(widths, widths[1:]))
        self.last = nn.Linear(widths[-1], outputs)

    def forward(self, x):
        for convolution in self.convolutions:
            x = F.max_pool2d(F.relu(convolution(x)), 2)
        x = x.flatten(1)
        for layer in self.hidden:
            x = F.relu(layer(x))
        return self.last(x)

    def ours(self):
        found = {f"block{i + 1}.convolution": layer for i, layer in enumerate(self.convolutions)}
        found |= {f"hidden{i + 1}": layer for i, layer in enumerate(self.hidden)}
        return found | {"last": self.last}


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.convolution1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm1 = nn.GroupNorm(8, outputs)
        self.convolution2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.norm2 = nn.GroupNorm(8, outputs)
        self.changes = stride != 1 or inputs != outputs
        if self.changes:
            self.shortcut = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
            self.shortcutnorm = nn.GroupNorm(8, outputs)

    def forward(self, x):
        y = F.relu(self.norm1(self.convolution1(x)))
        y = self.norm2(self.convolution2(y))
        return F.relu(y + (self.shortcutnorm(self.shortcut(x)) if self.changes else x))


class Residual(nn.Module):
    def __init__(self, inputs, channels, blocks, outputs):
        super().__init__()
        self.stem = nn.Conv2d(inputs, channels[0], 3, padding=1, bias=False)
        self.stemnorm = nn.GroupNorm(8, channels[0])
        self.stages = nn.ModuleDict()
        width = channels[0]
        for stage, wanted in enumerate(channels):
            for block in range(blocks):
                stride = 2 if stage > 0 and block == 0 else 1
                self.stages[f"stage{stage + 1}_block{block + 1}"] = Block(width, wanted, stride)
                width = wanted
        self.last = nn.Linear(width, outputs)

    def forward(self, x):
        x = F.relu(self.stemnorm(self.stem(x)))
        for block in self.stages.values():
            x = block(x)
        return self.last(x.mean((2, 3)))

    def ours(self):
        found = {"stem.convolution": self.stem, "stem.norm": self.stemnorm, "last": self.last}
        for name, block in self.stages.items():
            for part, layer in block.named_children():
                found[f"{name.replace('_', '.')}.{part}"] = layer
        return found


class Recurrent(nn.Module):
    def __init__(self, channels, hidden, outputs):
        super().__init__()
        self.gru = nn.GRU(channels, hidden, batch_first=True)
        self.last = nn.Linear(hidden, outputs)

    def forward(self, x):
        _, state = self.gru(x)
        return self.last(state[-1])

    def ours(self):
        return {"last": self.last}

    def load_others(self):
        names = {"input.weight": "weight_ih_l0", "input.bias": "bias_ih_l0"}
        names |= {"state.weight": "weight_hh_l0", "state.bias": "bias_hh_l0"}
        for ours, theirs in names.items():
            value = tensor(f"weights/layer1.{ours}")
            getattr(self.gru, theirs).copy_(value.T if value.dim() == 2 else value)


class Transformer(nn.Module):
    def __init__(self, steps, channels, width, heads, blocks, outputs):
        super().__init__()
        self.input = nn.Linear(channels, width)
        self.position = nn.Parameter(torch.empty(steps, width))
        layer = nn.TransformerEncoderLayer(
            width, heads, 4 * width, dropout=0.0, activation=F.gelu, batch_first=True, norm_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, blocks, norm=nn.LayerNorm(width), enable_nested_tensor=False)
        self.last = nn.Linear(width, outputs)

    def forward(self, x):
        return self.last(self.encoder(self.input(x) + self.position).mean(1))

    def ours(self):
        found = {"input": self.input, "norm": self.encoder.norm, "last": self.last}
        for index, layer in enumerate(self.encoder.layers):
            name = f"block{index + 1}"
            found[f"{name}.attention.norm"] = layer.norm1
            found[f"{name}.attention.output"] = layer.self_attn.out_proj
            found[f"{name}.feedforward.norm"] = layer.norm2
            found[f"{name}.feedforward.in"] = layer.linear1
            found[f"{name}.feedforward.out"] = layer.linear2
        return found

    def load_others(self):
        self.position.copy_(tensor("weights/position"))
        for index, layer in enumerate(self.encoder.layers):
            parts = [f"weights/block{index + 1}.attention.{part}" for part in ("query", "key", "value")]
            layer.self_attn.in_proj_weight.copy_(torch.cat([tensor(f"{part}.weight").T for part in parts]))
            # Ours has no bias of the keys, which softmax does not see: its gradient is zero here.
            query, value = tensor(f"{parts[0]}.bias"), tensor(f"{parts[2]}.bias")
            layer.self_attn.in_proj_bias.copy_(torch.cat([query, torch.zeros_like(query), value]))


networks = {
    "mlp": Multilayer,
    "cnn": Convolutional,
    "resnet": Residual,
    "gru": Recurrent,
    "transformer": Transformer,
}


@torch.no_grad()
def load(model):
    for name, layer in model.ours().items():
        if isinstance(layer, nn.Linear):
            layer.weight.copy_(tensor(f"weights/{name}.weight").T)
        elif isinstance(layer, nn.Conv2d):
            layer.weight.copy_(tensor(f"weights/{name}.weight"))
        else:
            layer.weight.copy_(tensor(f"weights/{name}.scale"))
            layer.bias.copy_(tensor(f"weights/{name}.shift"))
            continue
        if layer.bias is not None:
            layer.bias.copy_(tensor(f"weights/{name}.bias"))
    if hasattr(model, "load_others"):
        model.load_others()


case = json.loads(header["__metadata__"]["case"])
model = networks[case["network"]](**case["sizes"])
# Rows in the order of each epoch beforehand: a batch is a slice, without a loader's cost.
order = tensor("order").long()
inputs, labels = tensor("inputs"), tensor("labels")
if case["classes"] > 2:
    labels = labels.long()
epochs = [(inputs[rows].contiguous(), labels[rows].contiguous()) for rows in order]
batch, rows = case["batch"], len(labels)


def loss_of(outputs, wanted):
    if case["classes"] > 2:
        return F.cross_entropy(outputs, wanted)
    return F.binary_cross_entropy_with_logits(outputs.squeeze(1), wanted)


def parameters():
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


def change():
    """Length of what the round changed, over all parameters."""
    return (parameters() - starting).norm().item()


load(model)
starting = parameters()


def training_round():
    load(model)
    optimiser = torch.optim.SGD(model.parameters(), lr=case["rate"], momentum=case["momentum"])
    begin, used = time.perf_counter(), time.process_time()
    for epoch_inputs, epoch_labels in epochs:
        total = torch.zeros(())
        for start in range(0, rows, batch):
            x, y = epoch_inputs[start : start + batch], epoch_labels[start : start + batch]
            optimiser.zero_grad(set_to_none=True)
            loss = loss_of(model(x), y)
            loss.backward()
            optimiser.step()
            total += loss.detach() * len(y)
        mean = total.item() / rows
    ms, processor_ms = (time.perf_counter() - begin) * 1e3, (time.process_time() - used) * 1e3
    each = {"ms": ms / len(epochs), "processorMs": processor_ms / len(epochs)}
    return {"kind": "epoch", **each, "loss": mean, "change": change()}


def say(record):
    print(json.dumps(record), flush=True)


threads = torch.get_num_threads()
say({"kind": "ready", "description": f"PyTorch {torch.__version__}, {threads} {'thread' if threads == 1 else 'threads'}"})
for line in sys.stdin:
    if line.strip() == "end":
        say({"kind": "end", "peakMegabytes": peak_megabytes() - base_megabytes})
        break
    say(training_round())
