"""Reference values for test/shared/statistics/{average-precision,multiclass,classification,overall}.test.ts, by scikit-learn and numpy.
Made with:  /usr/bin/python3 test/reference/discrimination.py > test/reference/discrimination.json && npx biome format --write test/reference/discrimination.json
(Debian 12: apt-get install python3-sklearn; scikit-learn 1.2.1, numpy 1.24.2)
"""
import json
import itertools
import numpy as np
from sklearn import metrics

rng = np.random.default_rng(20240601)


def binary(n, prevalence, digits):
    y = (rng.random(n) < prevalence).astype(int)
    s = 1 / (1 + np.exp(-(rng.normal(size=n) - 1 + 1.3 * y)))
    return y, np.round(s, digits)


def points(y, s):
    """scikit-learn's curve at every distinct score, less the points on a straight line between their neighbours (its own
    drop_intermediate leaves out only those with equal steps)."""
    fpr, tpr, thresholds = metrics.roc_curve(y, s, drop_intermediate=False)
    f, t = np.rint(fpr * (y == 0).sum()), np.rint(tpr * (y == 1).sum())
    bend = np.diff(f)[:-1] * np.diff(t)[1:] != np.diff(t)[:-1] * np.diff(f)[1:]
    keep = np.concatenate([[True], bend, [True]])
    return {"fpr": fpr[keep].tolist(), "tpr": tpr[keep].tolist(), "thresholds": thresholds[keep][1:].tolist()}


def scaled_brier(y, p):
    """Value, and its standard error by numerical derivatives of the figure with respect to the rows' weights."""
    e = (y - p) ** 2

    def figure(w):
        m = (w * y).sum() / w.sum()
        return 1 - (w * e).sum() / w.sum() / (m * (1 - m))
    n = len(y)
    influence = np.empty(n)
    for i in range(n):
        up, down = np.ones(n), np.ones(n)
        up[i] += 1e-4
        down[i] -= 1e-4
        influence[i] = (figure(up) - figure(down)) / 2e-4 * n
    return figure(np.ones(n)), float(np.sqrt((influence ** 2).sum() / n / (n - 1)))


def binary_case(name, y, s, threshold):
    called = (s >= threshold).astype(int)
    clipped = np.clip(s, 2.0 ** -24, 1 - 2.0 ** -24)
    losses = -np.where(y == 1, np.log(clipped), np.log(1 - clipped))
    tn, fp, fn, tp = metrics.confusion_matrix(y, called, labels=[0, 1]).ravel().tolist()
    value, error = scaled_brier(y, s)
    n = len(y)
    net = []
    for t in [0.05, 0.1, 0.25, 0.5, 0.8]:
        w = t / (1 - t)
        part = np.where(s >= t, np.where(y == 1, 1.0, -w), 0.0)
        everybody = np.where(y == 1, 1.0, -w).mean()
        net.append([t, part.mean(), part.std(ddof=1) / np.sqrt(n), everybody, 100 * (part.mean() - everybody) / w])
    return {
        "name": name, "y": y.tolist(), "p": s.tolist(), "threshold": threshold,
        "averagePrecision": metrics.average_precision_score(y, s), "roc": points(y, s), "auroc": metrics.roc_auc_score(y, s),
        "counts": [tp, fp, tn, fn], "sensitivity": metrics.recall_score(y, called), "specificity": metrics.recall_score(y, called, pos_label=0),
        "ppv": metrics.precision_score(y, called), "npv": metrics.precision_score(y, called, pos_label=0),
        "accuracy": metrics.accuracy_score(y, called), "f1": metrics.f1_score(y, called),
        "logLoss": metrics.log_loss(y, s, eps=2.0 ** -24), "logLossError": losses.std(ddof=1) / np.sqrt(n),
        "scaledBrier": value, "scaledBrierError": error, "netBenefit": net,
    }


def multiclass_case(name, n, weights, digits, spread):
    k = len(weights)
    y = rng.choice(k, size=n, p=weights)
    z = rng.normal(size=(n, k)) * spread
    z[np.arange(n), y] += 1
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    p = np.round(p, digits)
    counts = np.bincount(y, minlength=k)

    def pair(rows, i, j):
        """P(p_i of a row of class i > p_i of a row of class j), by scikit-learn."""
        use = rows[(y[rows] == i) | (y[rows] == j)]
        return metrics.roc_auc_score((y[use] == i).astype(int), p[use, i])

    def figures(rows):
        pairs = {(i, j): pair(rows, i, j) for i, j in itertools.permutations(range(k), 2)}
        # Weights as of the whole sample: the figures' spread given how many rows each class has.
        return np.array([
            sum(pairs.values()) / (k * (k - 1)),
            sum(a * counts[j] / (n - counts[i]) / k for (i, j), a in pairs.items()),
            sum(a * counts[j] / (n - counts[i]) * counts[i] / n for (i, j), a in pairs.items()),
        ])

    everything = np.arange(n)
    value = figures(everything)
    one_hot = np.eye(k)[y]
    # Against scikit-learn's own averages; its "ovo" wants rows that add to 1 and more than two classes.
    if digits == 6 and k > 2:
        assert abs(value[0] - metrics.roc_auc_score(y, p, multi_class="ovo", average="macro")) < 1e-12
    assert abs(value[1] - metrics.roc_auc_score(one_hot, p, average="macro")) < 1e-12
    assert abs(value[2] - metrics.roc_auc_score(one_hot, p, average="weighted")) < 1e-12
    # Delete-one jackknife within classes: exact for figures that are linear in each class's rows.
    variance = np.zeros(3)
    for c in range(k):
        without = np.array([figures(np.delete(everything, i)) for i in np.flatnonzero(y == c)])
        m = len(without)
        variance += (m - 1) / m * ((without - without.mean(axis=0)) ** 2).sum(axis=0)
    return {"name": name, "labels": y.tolist(), "columns": p.T.tolist(), "value": value.tolist(), "error": np.sqrt(variance).tolist()}


y1, s1 = binary(120, 0.4, 6)
y2, s2 = binary(150, 0.5, 1)
y3, s3 = binary(400, 0.03, 2)
y4, s4 = binary(60, 0.85, 3)
s4[:3] = [0, 1, 1]
cases = [binary_case("no ties", y1, s1, 0.3), binary_case("heavy ties", y2, s2, 0.4), binary_case("rare", y3, s3, 0.5),
         binary_case("common, with exact 0 and 1", y4, s4, 0.5)]
many = [multiclass_case("three classes", 90, [0.5, 0.3, 0.2], 6, 1.0), multiclass_case("four classes, ties", 110, [0.4, 0.4, 0.1, 0.1], 1, 1.2),
        multiclass_case("two classes", 50, [0.7, 0.3], 6, 0.9)]
print(json.dumps({"command": "/usr/bin/python3 test/reference/discrimination.py > test/reference/discrimination.json", "binary": cases, "multiclass": many}))
