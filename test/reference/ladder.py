"""Reference figures of the adaptation ladder: raked weights, weighted AUROC, gap closed.

    /usr/bin/python3 test/reference/ladder.py > test/reference/ladder.json && npx biome format --write test/reference/ladder.json

Raking by maximising the dual of the minimum relative entropy with scipy's BFGS, not by proportional fitting; AUROC by scikit-learn with
sample weights; the interval of the ratio by numpy's own generator and many resamples.
"""

import json

import numpy as np
from scipy.optimize import minimize
from sklearn.metrics import roc_auc_score

rng = np.random.default_rng(20240611)


def rounded(values, digits=12):
    return [float(np.round(v, digits)) for v in values]


def rake(cells, shares):
    n = len(cells[0])
    columns = []
    wanted = []
    for cell, share in zip(cells, shares):
        for k in range(1, len(share)):
            columns.append((np.asarray(cell) == k).astype(float))
            wanted.append(share[k])
    x = np.array(columns).T
    wanted = np.array(wanted)

    def dual(b):
        eta = x @ b
        top = eta.max()
        w = np.exp(eta - top)
        return top + np.log(w.sum()) - wanted @ b, (w @ x) / w.sum() - wanted

    fit = minimize(dual, np.zeros(x.shape[1]), jac=True, method="BFGS", options={"gtol": 1e-11, "maxiter": 5000})
    w = np.exp(x @ fit.x)
    return w * n / w.sum()


n = 400
age = np.round(60 + 10 * rng.standard_normal(n))
cholesterol = np.round(230 + 45 * rng.standard_normal(n))
cholesterol[rng.random(n) < 0.08] = np.nan
sex = (rng.random(n) < 0.6).astype(int)
risk = 1 / (1 + np.exp(-(0.07 * (age - 60) + 0.8 * sex - 0.9)))
label = (rng.random(n) < risk).astype(int)
release = np.round(1 / (1 + np.exp(-(0.05 * (age - 60) + 0.3 * sex))), 2)
updated = np.round(1 / (1 + np.exp(-(0.08 * (age - 60) + 0.9 * sex - 1))), 2)

age_edges = [40, 50, 60, 70]
cholesterol_edges = [150, 180, 210, 240, 270]
age_counts = [60, 190, 320, 290, 140, 0]
cholesterol_counts = [40, 70, 150, 260, 240, 180, 60]
sex_counts = [450, 550, 0]
label_counts = [700, 300]


def binned(values, edges):
    return [len(edges) + 1 if np.isnan(v) else int(np.searchsorted(edges, v, side="right")) for v in values]


def share(counts):
    return [c / sum(counts) for c in counts]


# The last cell of age and sex, missing, is empty on both sides; it is left out here.
weights = rake(
    [label, binned(age, age_edges), binned(cholesterol, cholesterol_edges), sex],
    [share(label_counts), share(age_counts[:-1]), share(cholesterol_counts), share(sex_counts[:-1])],
)

# Risks far too high, so that there is a gap to close.
high = np.round(1 / (1 + np.exp(-(np.log(release / (1 - release)) + 1.5))), 3)
before = -np.log(np.where(label == 1, high, 1 - high))
after = -np.log(np.where(label == 1, updated, 1 - updated))
best = -np.log(np.where(label == 1, risk, 1 - risk))
drawn = rng.integers(0, n, size=(40000, n))
ratios = (before - after)[drawn].sum(1) / (before - best)[drawn].sum(1)

print(
    json.dumps(
        {
            "rows": {
                "age": age.tolist(),
                "cholesterol": [None if np.isnan(v) else v for v in cholesterol],
                "sex": sex.tolist(),
                "label": label.tolist(),
                "release": release.tolist(),
                "high": high.tolist(),
                "updated": updated.tolist(),
                "risk": rounded(risk),
            },
            "counts": {"age": age_counts, "cholesterol": cholesterol_counts, "sex": sex_counts, "label": label_counts},
            "weights": rounded(weights),
            "effectiveRows": float(weights.sum() ** 2 / (weights**2).sum()),
            "auroc": {
                "release": float(roc_auc_score(label, release, sample_weight=weights)),
                "updated": float(roc_auc_score(label, updated, sample_weight=weights)),
            },
            "gapClosed": {
                "value": float((before - after).sum() / (before - best).sum()),
                "low": float(np.quantile(ratios, 0.025)),
                "high": float(np.quantile(ratios, 0.975)),
                "withoutGap": float(((before - best)[drawn].sum(1) <= 0).mean()),
            },
        },
        separators=(",", ":"),
    )
)
