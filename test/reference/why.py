"""Reference values for test/shared/statistics/gap-split.test.ts: the four means of DISDE with the weights of the authors' published code
(T. Cai, H. Namkoong, S. Yadlowsky; github.com/namkoong-lab/disde, get_overlap_weights), standard errors from influence functions, and the
same from expanded rows for histograms.
Made with:  /usr/bin/python3 test/reference/why.py > test/reference/why.json && npx biome format --write test/reference
(numpy 1.24.2)
"""
import json
import numpy as np

rng = np.random.default_rng(20240515)


def split(pi, t, loss):
    a = t.mean()
    denominator = a * (1 - pi) + pi * (1 - a)
    w = t * a * (1 - pi) / denominator + (1 - t) * (1 - a) * pi / denominator
    mean = lambda mask, weight: np.sum(loss[mask] * weight[mask]) / np.sum(weight[mask])
    one = np.ones_like(w)
    s, q = t == 0, t == 1
    pp, sp, sq, qq = mean(s, one), mean(s, w), mean(q, w), mean(q, one)

    def influence(mask, weight, value):
        return weight[mask] * (loss[mask] - value) / np.mean(weight[mask])

    se = lambda mask, values: np.sqrt(np.mean(values**2) / mask.sum())
    fp, fsp, fsq, fq = influence(s, one, pp), influence(s, w, sp), influence(q, w, sq), influence(q, one, qq)
    return dict(share=a, source=pp, target=qq, sourceToShared=sp - pp, outcome=sq - sp, sharedToTarget=qq - sq,
                seSource=se(s, fsp - fp), seOutcome=np.hypot(se(s, fsp), se(q, fsq)), seTarget=se(q, fq - fsq),
                effectiveSource=w[s].sum() ** 2 / (w[s] ** 2).sum(), effectiveTarget=w[q].sum() ** 2 / (w[q] ** 2).sum())


n, m = 260, 180
t = np.r_[np.zeros(n), np.ones(m)]
x = np.r_[rng.normal(0, 1, n), rng.normal(0.7, 1.1, m)]
pi = 1 / (1 + np.exp(-(0.7 * x - 0.6)))
loss = rng.exponential(0.4, n + m) * (1 + 0.5 * (x > 0.5)) + 0.1 * t
pi, loss = pi.round(5), loss.round(5)
rows = dict(pi=pi.tolist(), loss=loss.tolist(), source=n, **{"figures": split(pi, t, loss)})

histograms = []
edges = [0.1, 0.25, 0.5]
for name, source, target in [
    ("concept", ([30, 60, 90, 80], [400, 300, 150, 60]), ([60, 100, 120, 70], [300, 200, 100, 20])),
    ("an empty bin on either side", ([0, 60, 90, 80], [0, 300, 150, 60]), ([60, 100, 120, 0], [300, 200, 100, 0])),
]:
    middles = np.array([0.05, 0.175, 0.375, 0.75])
    inSource = np.array(source[0]) + np.array(source[1])
    inTarget = np.array(target[0]) + np.array(target[1])
    for kind in ["log", "brier"]:
        p, tt, ll = [], [], []
        for side, (events, others) in enumerate([source, target]):
            for b, r in enumerate(middles):
                for count, outcome in [(events[b], 1), (others[b], 0)]:
                    chance = inTarget[b] / (inTarget[b] + inSource[b]) if inTarget[b] + inSource[b] else 0.5
                    value = (r - outcome) ** 2 if kind == "brier" else -np.log(r if outcome else 1 - r)
                    p += [chance] * count; tt += [side] * count; ll += [value] * count
        histograms.append(dict(name=f"{name}, {kind}", loss=kind, edges=edges, source=source, target=target,
                               figures=split(np.array(p), np.array(tt, float), np.array(ll))))

y = rng.integers(0, 2, 90)
l = (rng.exponential(0.5, 90) + 0.4 * y).round(4)
label = dict(labels=y.tolist(), losses=l.tolist(), prevalence=0.7,
             share=0.7 * l[y == 1].mean() + 0.3 * l[y == 0].mean() - l.mean())
print(json.dumps(dict(command="/usr/bin/python3 test/reference/why.py", rows=rows, histograms=histograms, label=label)))
