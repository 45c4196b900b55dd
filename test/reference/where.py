"""Reference values for test/shared/statistics/{slices,loss-tree}.test.ts: every slice of one or two conditions by brute force with SliceLine's
score and scipy's Welch test; regression trees of scikit-learn.
Made with:  /usr/bin/python3 test/reference/where.py > test/reference/where.json && npx biome format --write test/reference
(Debian 12: apt-get install python3-scipy python3-sklearn; scipy 1.10.1, scikit-learn 1.2.1)
"""
import itertools
import json
import numpy as np
from scipy import stats
from sklearn.tree import DecisionTreeRegressor

rng = np.random.default_rng(20240516)
n = 420
levels = [3, 4, 2, 5]
codes = np.stack([rng.integers(0, k, n) for k in levels], axis=1)
codes[:, 3] = np.minimum(codes[:, 3], rng.integers(0, 5, n))
errors = rng.exponential(0.5, n)
errors[(codes[:, 0] == 1) & (codes[:, 1] == 2)] *= 2.5
errors = errors.round(4)
labels = rng.integers(0, 2, n)


def brute(alpha, minimum):
    found = []
    for size in [1, 2]:
        for columns in itertools.combinations(range(len(levels)), size):
            for values in itertools.product(*[range(levels[c]) for c in columns]):
                inside = np.all([codes[:, c] == v for c, v in zip(columns, values)], axis=0)
                s = inside.sum()
                if s < minimum or s == n:
                    continue
                score = alpha * (errors[inside].mean() / errors.mean() - 1) - (1 - alpha) * (n / s - 1)
                test = stats.ttest_ind(errors[inside], errors[~inside], equal_var=False, alternative="greater")
                found.append(dict(conditions=[[int(c), int(v)] for c, v in zip(columns, values)], rows=int(s),
                                  events=int(labels[inside].sum()), mean=errors[inside].mean(), rest=errors[~inside].mean(),
                                  score=score, t=test.statistic, p=test.pvalue))
    found.sort(key=lambda slice: -slice["score"])
    return dict(alpha=alpha, minimum=minimum, all=len(found), pValues=[slice["p"] for slice in found],
                best=[slice for slice in found if slice["score"] > 0][:10])


def tree(minimum):
    fit = DecisionTreeRegressor(max_depth=3, min_samples_leaf=minimum).fit(codes, errors)
    nodes = fit.tree_

    def node(i):
        if nodes.children_left[i] < 0:
            return dict(rows=int(nodes.n_node_samples[i]), mean=float(nodes.value[i].ravel()[0]))
        return dict(rows=int(nodes.n_node_samples[i]), mean=float(nodes.value[i].ravel()[0]), column=int(nodes.feature[i]),
                    cut=int(np.floor(nodes.threshold[i])), left=node(nodes.children_left[i]), right=node(nodes.children_right[i]))
    return dict(minimum=minimum, root=node(0))


def best_levels(column):
    """The best of all divisions of a column's levels into two, by brute force."""
    best = None
    for mask in range(1, 2 ** (levels[column] - 1)):
        left = [v for v in range(levels[column]) if mask >> v & 1]
        inside = np.isin(codes[:, column], left)
        sse = sum(((errors[part] - errors[part].mean()) ** 2).sum() for part in [inside, ~inside])
        if best is None or sse < best[0]:
            means = [errors[inside].mean(), errors[~inside].mean()]
            low = left if means[0] < means[1] else [v for v in range(levels[column]) if v not in left]
            best = (sse, low)
    return best[1]


print(json.dumps(dict(command="/usr/bin/python3 test/reference/where.py", levels=levels, codes=codes.T.tolist(), errors=errors.tolist(),
                      labels=labels.tolist(), searches=[brute(0.98, 30), brute(0.9, 10), brute(1.0, 30)], trees=[tree(20), tree(60)],
                      levelSplits=[[c, best_levels(c)] for c in [1, 3]])))
