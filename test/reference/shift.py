"""Reference values for test/shared/statistics/{univariate,multivariate}-shift.test.ts, by scipy, scikit-learn and numpy.
Made with:  /usr/bin/python3 test/reference/shift.py > test/reference/shift.json && npx biome format --write test/reference
(Debian 12: apt-get install python3-scipy python3-sklearn; scipy 1.10.1, scikit-learn 1.2.1, numpy 1.24.2)
"""
import json
import numpy as np
from scipy import stats
from scipy.spatial.distance import cdist, jensenshannon, pdist
from scipy.special import kolmogorov
from sklearn.linear_model import LogisticRegression

rng = np.random.default_rng(20240511)


def plain(value):
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, (np.floating, float)):
        return None if not np.isfinite(value) else float(value)
    if isinstance(value, np.integer):
        return int(value)
    return value


def two_samples(name, a, b):
    a, b = np.asarray(a, float), np.asarray(b, float)
    exact = stats.ks_2samp(a, b, method="exact")
    scale = np.sqrt(len(a) * len(b) / (len(a) + len(b)))
    return dict(name=name, a=a, b=b, ks=exact.statistic, exact=exact.pvalue, limit=kolmogorov(scale * exact.statistic),
                w1=stats.wasserstein_distance(a, b), sd=np.std(a, ddof=1) if len(a) > 1 else None)


samples = [
    two_samples("one against one", [1.5], [2.5]),
    two_samples("one against two", [1.5], [2.5, 0.5]),
    two_samples("equal", [1, 2, 3], [1, 2, 3]),
    two_samples("equal sizes", rng.normal(0, 1, 25).round(3), rng.normal(0.8, 1, 25).round(3)),
    two_samples("unequal sizes, no common factor", rng.normal(0, 1, 31).round(3), rng.normal(0, 2, 17).round(3)),
    two_samples("heavy ties", rng.integers(0, 4, 40), rng.integers(1, 5, 24)),
    two_samples("wholly apart", rng.normal(0, 1, 60).round(3), rng.normal(40, 1, 45).round(3)),
    two_samples("imbalance", rng.normal(0, 1, 90).round(2), rng.normal(1.2, 1, 6).round(2)),
    two_samples("a constant sample", [2.0] * 12, rng.normal(2, 1, 9).round(2)),
]


def counts(name, a, b):
    a, b = np.asarray(a, float), np.asarray(b, float)
    p, q = a / a.sum(), b / b.sum()
    both = (p > 0) & (q > 0)
    kl = np.sum(p[both] * np.log(p[both] / q[both])) if not np.any((p > 0) & (q == 0)) else None
    x = np.repeat(np.arange(len(a)), a.astype(int))
    y = np.repeat(np.arange(len(b)), b.astype(int))
    rank = {}
    for key, continuity in [("plain", False), ("corrected", True)]:
        test = stats.mannwhitneyu(y, x, method="asymptotic", use_continuity=continuity)
        rank[key] = test.pvalue
        rank["u"] = test.statistic
    d = np.max(np.abs(np.cumsum(p) - np.cumsum(q)))
    n, m = a.sum(), b.sum()
    return dict(name=name, a=a, b=b, js=jensenshannon(p, q, base=2), tv=np.abs(p - q).sum() / 2,
                hellinger=np.linalg.norm(np.sqrt(p) - np.sqrt(q)) / np.sqrt(2), kl=kl, rank=rank, ks=d,
                limit=kolmogorov(d * np.sqrt(n * m / (n + m))))


binned = [
    counts("alike", [20, 30, 50], [25, 35, 40]),
    counts("unequal sizes", [800, 120, 80, 3], [40, 12, 9, 1]),
    counts("a bin empty in the second", [10, 5, 30, 5], [12, 0, 20, 9]),
    counts("a bin empty in the first", [10, 0, 30, 5], [12, 3, 20, 9]),
    counts("disjoint", [9, 4, 0, 0], [0, 0, 3, 8]),
    counts("equal", [10, 20, 30], [20, 40, 60]),
    counts("far apart", [900, 50, 50], [10, 500, 490]),
    counts("one row each", [1, 0], [0, 1]),
]


def binned_w1(name, edges, a, b, low, high):
    """The distance of piecewise uniform densities, by integrating |F - G| numerically on a fine grid that holds the edges."""
    points = np.concatenate([[low], edges, [high]])
    grid = np.unique(np.concatenate([points, np.linspace(low, high, 400001)]))
    F = np.interp(grid, points, np.concatenate([[0], np.cumsum(a) / np.sum(a)]))
    G = np.interp(grid, points, np.concatenate([[0], np.cumsum(b) / np.sum(b)]))
    gap = np.abs(F - G)
    return dict(name=name, edges=edges, a=a, b=b, low=low, high=high, value=np.sum((gap[1:] + gap[:-1]) / 2 * np.diff(grid)))


wasserstein = [
    binned_w1("one sign", [1.0, 2.0, 4.0], [5, 10, 10, 5], [2, 8, 12, 8], 0.0, 10.0),
    binned_w1("crossing inside a bin", [1.0, 2.0, 4.0, 7.0], [5, 10, 2, 9, 4], [9, 1, 9, 1, 10], -1.0, 9.0),
    binned_w1("one edge", [3.0], [5, 1], [2, 8], 0.0, 5.0),
]


def deciles(name, values):
    values = np.asarray(values, float)
    edges = np.unique(np.quantile(values, np.arange(1, 10) / 10))
    return dict(name=name, values=values, edges=edges[edges > values.min()])


edges = [
    deciles("no ties", rng.normal(0, 1, 57).round(3)),
    deciles("mostly zero", np.concatenate([np.zeros(60), rng.exponential(1, 40).round(2)])),
    deciles("two values", [0] * 70 + [1] * 30),
    deciles("constant", [3.0] * 8),
    deciles("one value", [3.0]),
]


def multivariate(name, x, y):
    x, y = x.round(3), y.round(3)
    n, m = len(x), len(y)
    pooled = np.vstack([x, y])
    sigma = np.median(pdist(pooled))
    kernel = lambda u, v: np.exp(-cdist(u, v, "sqeuclidean") / (2 * sigma**2))
    kxx, kyy, kxy = kernel(x, x), kernel(y, y), kernel(x, y)
    mmd = (kxx.sum() - np.trace(kxx)) / (n * (n - 1)) + (kyy.sum() - np.trace(kyy)) / (m * (m - 1)) - 2 * kxy.mean()
    energy = 2 * cdist(x, y).mean() - cdist(x, x).mean() - cdist(y, y).mean()
    return dict(name=name, columns=x.shape[1], x=x.ravel(), y=y.ravel(), bandwidth=sigma, mmd=mmd, energy=energy)


multi = [
    multivariate("shifted", rng.normal(0, 1, (30, 3)), rng.normal(0.7, 1, (22, 3))),
    multivariate("alike", rng.normal(0, 1, (18, 2)), rng.normal(0, 1, (25, 2))),
    multivariate("two against two", rng.normal(0, 1, (2, 2)), rng.normal(1, 1, (2, 2))),
    multivariate("ties, one column", rng.integers(0, 3, (20, 1)).astype(float), rng.integers(0, 4, (20, 1)).astype(float)),
]

z = rng.normal(0, 1, (120, 4)).round(3)
z[:, 3] = (z[:, 3] > 0.5).astype(float)
d = (rng.random(120) < 1 / (1 + np.exp(-(z[:, 0] - 0.5 * z[:, 1])))).astype(int)
ridge = []
for strength in [1.0, 10.0, 0.05]:
    fit = LogisticRegression(C=1 / strength, tol=1e-12, max_iter=10000, solver="lbfgs").fit(z, d)
    ridge.append(dict(ridge=strength, intercept=fit.intercept_[0], coefficients=fit.coef_[0],
                      first=fit.predict_proba(z)[:5, 1]))
mixed = rng.normal(0, 1, (40, 5)) @ rng.normal(0, 1, (5, 5))
correlation = np.corrcoef(mixed.T).round(6)
values = np.sort(np.linalg.eigvalsh(correlation))[::-1]

print(json.dumps(plain(dict(
    command="/usr/bin/python3 test/reference/shift.py", samples=samples, binned=binned, wasserstein=wasserstein, edges=edges,
    multivariate=multi, logistic=dict(columns=4, design=z.ravel(), labels=d, fits=ridge),
    eigen=dict(width=5, matrix=correlation.ravel(), values=values)))))
