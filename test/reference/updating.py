"""Reference values for test/shared/statistics/updating.test.ts: isotonic regression by scikit-learn.
Made with:  /usr/bin/python3 test/reference/updating.py > test/reference/isotonic.json && npx biome format --write test/reference/isotonic.json
(Debian 12: apt-get install python3-sklearn; scikit-learn 1.2.1)
"""

import json

import numpy
import sklearn
from sklearn.isotonic import IsotonicRegression

generator = numpy.random.default_rng(9)


def case(name, x, y, weights, at):
    model = IsotonicRegression(out_of_bounds="clip").fit(x, y, sample_weight=weights)
    return {
        "name": name,
        "x": list(x),
        "y": list(y),
        "weights": None if weights is None else list(weights),
        "at": list(at),
        "predicted": list(model.predict(at)),
    }


x = numpy.round(generator.uniform(size=80), 6)
y = (generator.uniform(size=80) < x**2).astype(float)
tied = numpy.round(generator.uniform(size=90), 1)
outcome = (generator.uniform(size=90) < tied).astype(float)
weights = numpy.round(generator.uniform(0.2, 3, size=90), 3)
at = [-1.0, 0.0, 0.05, 0.123456, 0.3, 0.5, 0.55, 0.77, 0.999, 1.0, 2.0]
cases = [
    case("no ties", x, y, None, at),
    case("ties", tied, outcome, None, at),
    case("ties and weights", tied, outcome, weights, at),
    case("falling", numpy.arange(10) / 10, numpy.arange(10)[::-1] / 10, None, at),
    case("rising", numpy.arange(10) / 10, numpy.arange(10) ** 2 / 81, None, at),
    case("one place", numpy.full(4, 0.3), numpy.array([0.0, 1, 1, 1]), None, at),
]
print(json.dumps({"command": "/usr/bin/python3 test/reference/updating.py > test/reference/isotonic.json", "version": "scikit-learn " + sklearn.__version__, "cases": cases}))
