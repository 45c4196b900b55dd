"""Reference values for test/shared/statistics/monitoring.test.ts: the monitor's statistics from their definitions, each in another form than
the product's step-by-step one (sums over all starting times, cumulative products, a running maximum of partial sums).
Made with:  /usr/bin/python3 test/reference/monitoring.py > test/reference/monitoring.json && npx biome format --write test/reference/monitoring.json
(Debian 12: apt-get install python3-numpy python3-scipy; numpy 1.24.2, scipy 1.10.1)
"""

import json

import numpy
from scipy.stats import norm

generator = numpy.random.default_rng(31)
n = 120
p = numpy.round(1 / (1 + numpy.exp(-generator.normal(-1.2, 1.2, size=n))), 4)
p[:4] = [0.0, 1.0, 0.5, 0.5]
y = (generator.uniform(size=n) < numpy.where(numpy.arange(n) < 60, p, 2 * p / (1 + p))).astype(int)
y[:2] = [0, 1]


def cusum(ratio):
    """Height after t = largest sum of increments over the last k patients, k >= 0."""
    w = y * numpy.log(ratio) - numpy.log(1 - p + ratio * p)
    return [max([0.0] + [float(w[s : t + 1].sum()) for s in range(t + 1)]) for t in range(n)]


def mixture(factors, initial, lifetime):
    """E-value after t: reserve left + sum over bets and starting times of capital times the product of factors since."""
    bets = factors.shape[0]
    values = []
    for t in range(n):
        total = max(0.0, (1 - initial) * (1 - (t + 1) / lifetime)) if t + 1 < lifetime else 0.0
        for bet in range(bets):
            total += initial / bets * float(numpy.prod(factors[bet, : t + 1]))
            for start in range(min(t + 1, lifetime)):
                total += (1 - initial) / lifetime / bets * float(numpy.prod(factors[bet, start : t + 1]))
        values.append(total)
    return values


ratios = [1.5, 2, 3, 1 / 1.5, 0.5, 1 / 3]
odds = mixture(numpy.array([numpy.where(y == 1, r, 1) / (1 - p + r * p) for r in ratios]), 0.2, 90)
level = 0.16 + 0.02
shares = [0.02, 0.05, 0.1, 0.2, 0.4]
squared = mixture(numpy.array([1 + s / level * ((p - y) ** 2 - level) for s in shares]), 0.5, 200)


def plug_in(x, alpha):
    t = numpy.arange(1, len(x) + 1)
    mean = (0.5 + numpy.cumsum(x)) / (t + 1)
    variance = (0.25 + numpy.cumsum((x - mean) ** 2)) / (t + 1)
    before_mean = numpy.append(0.5, mean[:-1])
    before_variance = numpy.append(0.25, variance[:-1])
    return numpy.sqrt(2 * numpy.log(2 / alpha) / (before_variance * t * numpy.log(1 + t))), before_mean


def bernstein(x, alpha):
    bet, mean = plug_in(x, alpha)
    bet = numpy.minimum(bet, 0.5)
    v = 4 * (x - mean) ** 2
    psi = (-numpy.log(1 - bet) - bet) / 4
    middle = numpy.cumsum(bet * x) / numpy.cumsum(bet)
    half = (numpy.log(2 / alpha) + numpy.cumsum(v * psi)) / numpy.cumsum(bet)
    low = numpy.maximum.accumulate(numpy.maximum(middle - half, 0))
    high = numpy.minimum.accumulate(numpy.minimum(middle + half, 1))
    return low, high


def hedged(x, alpha, breaks):
    bet, _ = plug_in(x, alpha)
    kept = []
    for step in range(breaks + 1):
        m = step / breaks
        up = numpy.minimum(bet, 0.5 / m) if m > 0 else bet
        down = numpy.minimum(bet, 0.5 / (1 - m)) if m < 1 else bet
        capital = numpy.maximum(numpy.cumprod(1 + up * (x - m)) / 2, numpy.cumprod(1 - down * (x - m)) / 2)
        if capital.max() < 1 / alpha:
            kept.append(step)
    return max(0, kept[0] - 1) / breaks, min(breaks, kept[-1] + 1) / breaks


x = numpy.round(generator.beta(2, 5, size=400), 4)
low, high = bernstein(x, 0.05)
at = [0, 1, 9, 99, 399]
hedged_low, hedged_high = hedged(x, 0.05, 200)
few = x[:40]


def page_hinkley(values, delta, threshold, least):
    """Largest over starting times of the sum of deviations since, which is what m_t - min m is."""
    t = numpy.arange(1, len(values) + 1)
    mean = numpy.cumsum(values) / t
    up, down = values - mean - delta, mean - values - delta
    def first(d):
        for i in range(len(d)):
            height = max([0.0] + [float(d[s : i + 1].sum()) for s in range(i + 1)])
            if i + 1 >= least and height > threshold:
                return i + 1
        return None
    return first(up), first(down)


drift = numpy.round(numpy.concatenate([generator.normal(0, 1, 80), generator.normal(1.5, 1, 60)]), 4)
ph = [
    {"values": list(v), "tolerance": d, "threshold": h, "minimum": least, "increase": up, "decrease": down}
    for v, d, h, least in [(drift, 0.1, 10, 30), (-drift, 0.1, 10, 30), (drift[:80], 0.1, 25, 10), (numpy.full(20, 3.0), 0, 1, 1)]
    for up, down in [page_hinkley(v, d, h, least)]
]

windows = []
for w in range(n // 25):
    rows = slice(25 * w, 25 * w + 25)
    z = (y[rows].sum() - p[rows].sum()) / numpy.sqrt((p[rows] * (1 - p[rows])).sum())
    windows.append({"observed": int(y[rows].sum()), "expected": float(p[rows].sum()), "z": float(z), "p": float(2 * norm.sf(abs(z)))})

# Highest point of a chart over 400 stable patients with these scores: quantiles of 40000 lifetimes with numpy's own generator.
scores = p[2:]
lifetimes, patients = 40000, 400
height, top = numpy.zeros(lifetimes), numpy.zeros(lifetimes)
for _ in range(patients):
    q = generator.choice(scores, size=lifetimes)
    event = generator.uniform(size=lifetimes) < q
    height = numpy.maximum(0, height + event * numpy.log(2) - numpy.log(1 + q))
    top = numpy.maximum(top, height)

json.dump(
    {
        "command": "/usr/bin/python3 test/reference/monitoring.py > test/reference/monitoring.json",
        "version": "numpy " + numpy.__version__,
        "p": list(p),
        "y": y.tolist(),
        "cusumUp": cusum(2.0),
        "cusumDown": cusum(0.5),
        "odds": {"ratios": ratios, "initialShare": 0.2, "lifetimePatients": 90, "eValues": odds},
        "squaredError": {"accepted": 0.16, "tolerance": 0.02, "shares": shares, "initialShare": 0.5, "lifetimePatients": 200, "eValues": squared},
        "sequence": {"x": list(x), "at": at, "low": [float(low[i]) for i in at], "high": [float(high[i]) for i in at], "hedged": [hedged_low, hedged_high], "hedgedOf40": list(hedged(few, 0.1, 100))},
        "pageHinkley": ph,
        "windows": windows,
        "windowLimit": [{"windows": w, "alpha": a, "limit": float(norm.isf((1 - (1 - a) ** (1 / w)) / 2))} for w, a in [(1, 0.05), (40, 0.05), (200, 0.01)]],
        "lifetimeMaximum": {"patients": patients, "q93": float(numpy.quantile(top, 0.93)), "q95": float(numpy.quantile(top, 0.95)), "q98": float(numpy.quantile(top, 0.98))},
    },
    __import__("sys").stdout,
)
