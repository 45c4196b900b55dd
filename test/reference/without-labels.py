"""Reference values for test/shared/statistics/confidence-based.test.ts: NannyML's estimate of AUROC as its source states it (cumulated
calibrated scores in descending order of the score, scikit-learn's trapezium rule), all pairs by brute force where scores are tied, and
calibrators of scikit-learn and statsmodels.
Made with:  /usr/bin/python3 test/reference/without-labels.py > test/reference/without-labels.json && npx biome format --write test/reference
(Debian 12: apt-get install python3-sklearn python3-statsmodels; scikit-learn 1.2.1, statsmodels 0.13.5)
"""
import json
import numpy as np
import statsmodels.api as sm
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import auc

rng = np.random.default_rng(20240514)


def nannyml_auroc(chances, scores):
    order = np.argsort(scores)[::-1]
    chances = chances[order]
    tps = np.r_[0, np.cumsum(chances)]
    fps = np.r_[0, 1 + np.arange(len(chances)) - np.cumsum(chances)]
    return auc(fps / fps[-1], tps / tps[-1])


def pairs_auroc(chances, scores):
    """Every pair, a row with itself at half, ties at half."""
    wins = (scores[:, None] > scores[None, :]) + 0.5 * (scores[:, None] == scores[None, :])
    return (chances[:, None] * (1 - chances)[None, :] * wins).sum() / (chances.sum() * (1 - chances).sum())


def expected(name, scores, chances, ties):
    scores, chances = np.asarray(scores, float), np.asarray(chances, float)
    value = pairs_auroc(chances, scores)
    if not ties:
        assert abs(value - nannyml_auroc(chances, scores)) < 1e-12
    draws = (rng.random((40000, len(scores))) < chances).astype(float)
    keep = (draws.sum(1) > 0) & (draws.sum(1) < len(scores))
    brier = ((draws - scores) ** 2).mean(1)
    wins = (scores[:, None] > scores[None, :]) + 0.5 * (scores[:, None] == scores[None, :])
    events = draws.sum(1)
    realised = np.einsum("ti,ij,tj->t", draws, wins, 1 - draws, optimize=True)[keep] / (events * (len(scores) - events))[keep]
    return dict(name=name, scores=scores.tolist(), chances=chances.tolist(), auroc=value,
                brier=(chances * (1 - scores) ** 2 + (1 - chances) * scores**2).mean(), brierSpread=brier.std(), aurocSpread=realised.std())


u = rng.random(120)
s = np.clip(u.round(6), 0.01, 0.99)
cases = [
    expected("no ties, scores off", s, np.clip(0.1 + 0.7 * s, 0, 1).round(6), False),
    expected("ties", s.round(1), np.clip(0.05 + 0.8 * s, 0, 1).round(6), True),
    expected("rare events", (s * 0.1).round(6), (s * 0.12).round(6), False),
]

n = 260
p = np.clip(rng.beta(2, 3, n), 0.01, 0.99).round(2)
y = (rng.random(n) < np.clip(p * 0.8 + 0.05, 0, 1)).astype(int)
w = rng.gamma(2, 0.5, n).round(3)
w[:10] = 0
current = np.sort(np.clip(rng.beta(3, 2, 80), 0.02, 0.98).round(3))
calibrations = []
for name, weights in [("plain", np.ones(n)), ("weighted", w)]:
    iso = IsotonicRegression(out_of_bounds="clip").fit(p, y, sample_weight=weights)
    glm = sm.GLM(y, sm.add_constant(np.log(p / (1 - p))), family=sm.families.Binomial(), freq_weights=weights).fit(tol=1e-14, maxiter=200)
    for kind, chances in [("isotonic", iso.predict(current)), ("logistic", glm.predict(sm.add_constant(np.log(current / (1 - current)))))]:
        calibrations.append(dict(name=f"{kind}, {name}", calibrator=kind, weights=None if name == "plain" else weights.tolist(),
                                 auroc=pairs_auroc(chances, current),
                                 brier=(chances * (1 - current) ** 2 + (1 - chances) * current**2).mean(), prevalence=chances.mean(),
                                 effective=weights.sum() ** 2 / (weights**2).sum()))
print(json.dumps(dict(command="/usr/bin/python3 test/reference/without-labels.py", expected=cases, reference=dict(probabilities=p.tolist(), labels=y.tolist()),
                      current=current.tolist(), calibrations=calibrations)))
