"""Reference values for test/shared/statistics/label-shift.test.ts, by numpy: linear solves, long runs of plain EM, bootstrap spreads.
Made with:  /usr/bin/python3 test/reference/label-shift.py > test/reference/label-shift.json && npx biome format --write test/reference
(Debian 12: apt-get install python3-scipy; numpy 1.24.2)
"""
import json
import numpy as np

rng = np.random.default_rng(20240513)


def hard(name, confusion, predicted):
    confusion, predicted = np.array(confusion, float), np.array(predicted, float)
    sizes = confusion.sum(axis=0)
    prior = np.linalg.solve(confusion / sizes, predicted / predicted.sum())
    # Parametric bootstrap of all multinomials.
    draws = []
    for _ in range(20000):
        columns = np.stack([rng.multinomial(int(sizes[j]), confusion[:, j] / sizes[j]) / sizes[j] for j in range(len(sizes))], axis=1)
        mu = rng.multinomial(int(predicted.sum()), predicted / predicted.sum()) / predicted.sum()
        draws.append(np.linalg.solve(columns, mu))
    return dict(name=name, confusion=confusion.tolist(), predicted=predicted.tolist(), prior=prior.tolist(),
                spread=np.std(draws, axis=0).tolist())


cases = [
    hard("two classes", [[700, 60], [100, 240]], [500, 700]),
    hard("two classes, outside 0 to 1", [[700, 60], [100, 240]], [60, 940]),
    hard("three classes, imbalance", [[800, 20, 10], [150, 90, 30], [50, 40, 110]], [300, 250, 350]),
]


def scores(n, prevalence, decimals):
    y = (rng.random(n) < prevalence).astype(int)
    logit = rng.normal(0, 1, n) * 1.2 + 1.6 * y
    # Calibrated at prevalence .3: log odds of two normals with equal spread, 1.6 apart.
    p = 1 / (1 + np.exp(-(np.log(.3 / .7) + (1.6 * logit - 1.6**2 / 2) / 1.2**2)))
    return y, p.round(decimals)


y, p = scores(300, 0.3, 4)
_, q = scores(260, 0.55, 4)
m1, m0 = p[y == 1].mean(), p[y == 0].mean()
prior = (q.mean() - m0) / (m1 - m0)
n1, n0, nt = (y == 1).sum(), (y == 0).sum(), len(q)
v1, v0, vt = p[y == 1].var(ddof=1) / n1, p[y == 0].var(ddof=1) / n0, q.var(ddof=1) / nt
soft = dict(probabilities=p.tolist(), labels=y.tolist(), target=q.tolist(), prior=prior,
            se=np.sqrt(vt + prior**2 * v1 + (1 - prior) ** 2 * v0) / abs(m1 - m0))


def em(name, values, source):
    values = np.asarray(values)
    prior = source
    for _ in range(200000):
        odds = values * prior / source
        against = (1 - values) * (1 - prior) / (1 - source)
        prior = np.mean(odds / (odds + against))
    # Observed information by a second difference of the log likelihood.
    def ll(x):
        return np.sum(np.log(x * values / source + (1 - x) * (1 - values) / (1 - source)))
    h = 1e-4
    inside = h < prior < 1 - h
    information = -(ll(prior + h) - 2 * ll(prior) + ll(prior - h)) / h**2 if inside else None
    return dict(name=name, probabilities=values.tolist(), source=source, prior=prior,
                se=1 / np.sqrt(information) if inside else None)


_, few = scores(40, 0.2, 2)
em_cases = [em("another prevalence", q, 0.3), em("few rows, ties", few, 0.3), em("one row", [0.4], 0.5),
            em("at the border", [0.01, 0.02, 0.03, 0.02], 0.4)]

print(json.dumps(dict(command="/usr/bin/python3 test/reference/label-shift.py", hard=cases, soft=soft, em=em_cases)))
