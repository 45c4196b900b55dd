"""Reference for `rounds-pytorch.test.ts`: whole federated runs of three hospitals and two rounds, in float64 by PyTorch and numpy's rules alone, from docs/models.md.

    python3 test/parity/rounds-pytorch.py > test/parity/generated/rounds-pytorch.json

Made with torch 2.13.0 (CPU). From the hospitals' tables: federated means and scales, series on their grid, first weights from the seed, patients set aside,
order of rows, training, early stopping, averaging by training rows up to the cap, merged adapters, and what the released model answers on every row.
"""

import hashlib
import importlib.util
import json
import math
import random
import sys
from pathlib import Path

import torch

spec = importlib.util.spec_from_file_location("plans", Path(__file__).with_name("plans-pytorch.py"))
plans = importlib.util.module_from_spec(spec)
spec.loader.exec_module(plans)

R = random.Random(11)
SITES = {"east": 45, "north": 60, "west": 110}
STEPS, MINUTES, CAP, SEED = 4, 60, 50, 19
PLAN = {
    "wardround": "plan/1", "name": "rounds", "purpose": "Compared with another program, number by number.", "task": {"kind": "binary"},
    "data": {
        "columns": [
            {"name": "age", "kind": "continuous", "unit": "years", "range": [0, 120], "edges": [50, 70]},
            {"name": "bmi", "kind": "continuous", "unit": "kg/m2", "range": [5, 90], "edges": [27], "missing": "indicator"},
            {"name": "ward", "kind": "categorical", "levels": ["a", "b", "c"]},
        ],
        "payload": {
            "kind": "series", "steps": STEPS, "stepMinutes": MINUTES, "key": "stay", "minute": "minute", "observed": True,
            "channels": [
                {"name": "pulse", "unit": "1/min", "range": [0, 300], "normal": 80, "scale": 20},
                {"name": "lactate", "unit": "mmol/L", "range": [0, 40], "normal": 1, "scale": 2},
            ],
        },
        "label": {"name": "died", "levels": ["0", "1"]}, "patientKey": "patient", "time": None, "trainingCutoff": None,
    },
    "model": {"family": "transformer", "width": 12, "heads": 2, "blocks": 1, "feedForward": 10},
    "training": {
        "optimiser": {"kind": "sgd", "rate": 0.2, "momentum": 0.5}, "schedule": {"kind": "linear", "per": "round", "over": 4, "lowest": 0.1, "warmup": 0},
        "loss": {"kind": "cross-entropy", "classWeights": [1, 1.5], "smoothing": 0.05}, "l2": 0.01, "clipNorm": 1, "batch": 10, "work": {"epochs": 3},
        "earlyStopping": {"share": 0.2, "patience": 1, "minimumDelta": 0.001}, "seed": SEED,
    },
    "federation": {
        "strategy": {"kind": "fedavg"}, "rounds": 2, "sites": {"minimum": 3, "target": 3}, "roundDeadlineSeconds": 60, "weightCap": CAP,
        "maximumDeltaNorm": 100, "minimumCount": 5, "judgementDeadlineSeconds": 60,
    },
    "gate": {"wardround": "policy/1", "acceptRetrospective": True, "minimumEvents": 10, "minimumNonEvents": 10},
}  # fmt: skip
TRAINABLE = {
    "all": "all",
    "named": {"names": ["block1.feedforward.*", "norm.scale", "last.*"]},
    "last layer": "last-layer",
    "adapters of rank 4": {"lora": {"rank": 4, "alpha": 8, "on": ["*.query.weight", "*.value.weight", "*.feedforward.*.weight"], "and": ["last.*"]}},
}


def table(site, rows):
    """What the hospital's record system exports: text, '' where nothing was recorded."""
    patients, measurements = [], []
    for at in range(rows):
        bmi = "" if at % 4 == 3 else str(round(R.gauss(26, 4), 1))  # at least five a hospital, so that no value is left out of the sums
        ward = "" if at % 6 == 5 else "abc"[R.randrange(3)]
        patients.append([f"{site}{at}", str(min(119, round(R.gauss(60, 12)))), bmi, ward, str(int(R.random() < 0.45)), f"s{at}", str(int(at % 5 < 2))])
        for minute in sorted(R.sample(range(STEPS * MINUTES + 30), R.randint(1, 5))):
            pulse = "" if R.random() < 0.3 else str(R.randint(50, 140))
            measurements.append([f"s{at}", str(minute), pulse, "" if R.random() < 0.5 else str(round(R.uniform(0.3, 6), 1))])
    header = ["patient", "age", "bmi", "ward", "died", "stay", "judging"]
    return {"site": site, "header": header, "rows": patients, "series": {"key": "stay", "header": ["stay", "minute", "pulse", "lactate"], "rows": measurements}}


def number(text):
    return float(text) if text else math.nan


def grid(series, key):
    """[steps, channels and whether each was seen]"""
    channels = PLAN["data"]["payload"]["channels"]
    own = [row for row in series if row[0] == key]
    columns, seen = [], []
    for at, channel in enumerate(channels):
        last, values, marks = channel["normal"], [], []
        for step in range(STEPS):
            now = [float(row[2 + at]) for row in own if row[2 + at] and int(row[1]) // MINUTES == step]
            last = sum(now) / len(now) if now else last
            values.append((last - channel["normal"]) / channel["scale"])
            marks.append(float(bool(now)))
        columns.append(values)
        seen.append(marks)
    return torch.tensor(columns + seen).T


class Uniforms:
    """Draws of shared/runtime/random.ts: 53 bits, and normal by the polar method."""

    def __init__(self, *purpose):
        self.bits, self.spare = plans.stream(*purpose), None

    def uniform(self):
        high = self.bits() >> 5
        return (high * 2**26 + (self.bits() >> 6)) / 2**53

    def normal(self):
        if self.spare is not None:
            value, self.spare = self.spare, None
            return value
        while True:
            x, y = 2 * self.uniform() - 1, 2 * self.uniform() - 1
            square = x * x + y * y
            if 0 < square < 1:
                factor = math.sqrt(-2 * math.log(square) / square)
                self.spare = y * factor
                return x * factor


def first_values(name, shape, role):
    """Glorot for matrices, 0.02 for positions, 1 / √inputs for an adapter's A, 1 for scales, else 0; rounded to float32."""
    draws, size = Uniforms(SEED, "weights", name), math.prod(shape)
    if name.endswith(".lora_a") or name == "position":
        deviation = 0.02 if name == "position" else 1 / math.sqrt(shape[0])
        values = [draws.normal() * deviation for _ in range(size)]
    elif role == "weight" and not name.endswith(".lora_b"):
        limit = math.sqrt(6 / sum(shape))
        values = [(2 * draws.uniform() - 1) * limit for _ in range(size)]
    else:
        values = [float(name.endswith(".scale"))] * size
    return torch.tensor(values).float().double().reshape(shape)


def digest(*what):
    return hashlib.sha256(json.dumps(what, separators=(",", ":")).encode())


def derived(*what):
    return int.from_bytes(digest(*what).digest()[:4], "little")


def set_aside(site, keys):
    """Places of the patients that train and of those that validate; a patient has one row here."""
    share, seed = PLAN["training"]["earlyStopping"]["share"], derived(SEED, "validation", site)
    order = sorted(range(len(keys)), key=lambda at: digest("validation", seed, keys[at]).hexdigest())
    count = math.floor(share * len(keys) + 0.5)
    return sorted(order[count:]), sorted(order[:count])


tables = [table(site, rows) for site, rows in SITES.items()]
raw = {t["site"]: torch.tensor([[number(r[1]), number(r[2]), "abc".index(r[3]) if r[3] else math.nan] for r in t["rows"]]) for t in tables}
labels = {t["site"]: torch.tensor([float(r[4]) for r in t["rows"]]) for t in tables}
series = {t["site"]: torch.stack([grid(t["series"]["rows"], r[5]) for r in t["rows"]]) for t in tables}
trains = {t["site"]: [at for at, r in enumerate(t["rows"]) if r[6] == "0"] for t in tables}
together = torch.cat([raw[site][trains[site]] for site in SITES])
scaling = {}
for at, name in enumerate(("age", "bmi")):
    known = together[:, at][~torch.isnan(together[:, at])]
    scaling[name] = [float(known.mean()), float(known.std(unbiased=False))]


def run(trainable):
    plan = PLAN | {"training": PLAN["training"] | {"trainable": trainable}}
    _, travels, stays, _, _ = plans.what_trains(plan)
    weights = {name: first_values(name, *one) for name, one in travels.items()}
    frozen = {name: first_values(name, *one) for name, one in stays.items()}
    rounds, examples = [], {}
    for place in (1, 2):
        sums, total = {name: 0 for name in weights}, 0
        for site in SITES:
            keys = [t["rows"][at][0] for t in tables if t["site"] == site for at in trains[site]]
            training, validation = ([trains[site][at] for at in places] for places in set_aside(site, keys))
            features = plans.encode(plan, raw[site], scaling)
            part = lambda places: (features[places], series[site][places], labels[site][places])
            case = {"seed": derived(SEED, "batches", place, site), "round": place - 1}
            w, _, _, at_rest = plans.train(plan, case, weights, frozen, part(training), part(validation))
            examples[site] = len(training)
            weight = min(len(training), CAP)
            sums = {name: sums[name] + weight * (w[name] - weights[name]) for name in weights}
            total += weight
        weights = {name: weights[name] + sums[name] / total for name in weights}
        rounds.append({name: plans.short(value) for name, value in weights.items()})
    risks = {site: torch.sigmoid(at_rest(weights, plans.encode(plan, raw[site], scaling), series[site]))[:, 0] for site in SITES}
    return {
        "trainable": trainable, "examples": examples, "rounds": rounds,
        "probability": {site: plans.short(p) for site, p in risks.items()},
    }  # fmt: skip


payload = {site: plans.short(values) for site, values in series.items()}
features = {site: plans.short(values) for site, values in raw.items()}
runs = {name: run(trainable) for name, trainable in TRAINABLE.items()}
json.dump({"plan": PLAN, "tables": tables, "scaling": scaling, "features": features, "payload": payload, "runs": runs}, sys.stdout, separators=(",", ":"))
print()
