"""Reference values for test/shared/privacy/gaussian-mechanism.test.ts: the algorithm that B. Balle and Y.-X. Wang published with their paper
(ICML 2018, algorithm 1; github.com/BorjaBalle/analytic-gaussian-mechanism), written anew in mpmath with 160 figures.
Made with:  /usr/bin/python3 test/reference/gaussian.py > test/reference/gaussian.json && npx biome format --write test/reference
(Debian 12: apt-get install python3-mpmath; mpmath 1.2.1)
"""
import json
from mpmath import mp, mpf, ncdf, exp, sqrt

mp.dps = 160


def case_a(epsilon, s):
    return ncdf(sqrt(epsilon * s)) - exp(epsilon) * ncdf(-sqrt(epsilon * (s + 2)))


def case_b(epsilon, s):
    return ncdf(-sqrt(epsilon * s)) - exp(epsilon) * ncdf(-sqrt(epsilon * (s + 2)))


def sigma(epsilon, delta, sensitivity):
    epsilon, delta = mpf(epsilon), mpf(delta)
    threshold = case_a(epsilon, mpf(0))
    if delta == threshold:
        alpha = mpf(1)
    else:
        above = delta > threshold
        f = (lambda s: case_a(epsilon, s)) if above else (lambda s: case_b(epsilon, s))
        low, high = mpf(0), mpf(1)
        # Case A rises with s towards 1, case B falls towards 0.
        while (f(high) < delta) if above else (f(high) > delta):
            low, high = high, 2 * high
        for _ in range(200):
            middle = (low + high) / 2
            if (f(middle) < delta) == above:
                low = middle
            else:
                high = middle
        s = (low + high) / 2
        alpha = sqrt(1 + s / 2) - sqrt(s / 2) if above else sqrt(1 + s / 2) + sqrt(s / 2)
    return alpha * sensitivity / sqrt(2 * epsilon)


cases = []
for epsilon in [0.01, 0.1, 0.5, 1.0, 2.0, 8.0, 30.0]:
    for delta in [1e-12, 1e-6, 1e-5, 1e-3, 0.1, 0.6]:
        cases.append(dict(epsilon=epsilon, delta=delta, sensitivity=0.002, sigma=float(sigma(epsilon, delta, mpf("0.002")))))
# Where the two terms of delta nearly cancel, and far in the tail.
for epsilon in [1e-12, 1e-9, 1e-6, 1e-4, 500.0]:
    for delta in [1e-100, 1e-12, 1e-9, 1e-5]:
        cases.append(dict(epsilon=epsilon, delta=delta, sensitivity=1.0, sigma=float(sigma(epsilon, delta, mpf(1)))))
cases.append(dict(epsilon=1.0, delta=1e-5, sensitivity=3.0, sigma=float(sigma(1.0, 1e-5, mpf(3)))))
print(json.dumps(dict(command="/usr/bin/python3 test/reference/gaussian.py", cases=cases)))
