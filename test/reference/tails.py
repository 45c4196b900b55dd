"""Reference values for test/shared/statistics/tails.test.ts, by mpmath with 50 figures (120 for the sums that cancel).
Made with:  /usr/bin/python3 test/reference/tails.py > test/reference/tails.json && npx biome format --write test/reference/tails.json
(Debian 12: apt-get install python3-mpmath; mpmath 1.2.1)
"""
import json
from mpmath import mp, mpf, gammainc, erfc, sqrt, log, loggamma, findroot, exp, erfinv, hyp2f1

mp.dps = 60


def figure(value):
    return float(mp.nstr(value, 25))


def beta_lower(a, b, x):
    """I_x(a, b) = x^a (1-x)^b / (a B(a, b)) · 2F1(a+b, 1; a+1; x), a series of positive terms."""
    a, b, x = mpf(a), mpf(b), mpf(x)
    return exp(a * log(x) + b * log(1 - x) + loggamma(a + b) - loggamma(a + 1) - loggamma(b)) * hyp2f1(a + b, 1, a + 1, x)


def tails(a, b, x):
    x = mpf(x)
    # The series of the smaller tail: the other as its complement, with figures to spare.
    if x * (mpf(a) + b) < a:
        low = beta_lower(a, b, x)
        return low, 1 - low
    up = beta_lower(b, a, 1 - x)
    return 1 - up, up


def keep(value):
    return mpf("1e-300") < value


beta = []
for a, b in [(0.5, 0.5), (0.5, 5), (0.5, 500), (1, 1), (1, 30), (2, 3), (3.5, 0.5), (10, 10), (12.25, 700), (50, 0.5), (80, 20), (300, 300),
             (1000, 1), (2500, 7500), (20000, 20000), (50000, 0.5), (4, 100000)]:
    mean = a / (a + b)
    sd = (mean * (1 - mean) / (a + b + 1)) ** 0.5
    places = {mean + k * sd for k in (-30, -8, -2, 0, 2, 8, 30)} | {1e-30, 1e-4, 0.3, 0.999}
    for x in sorted(places):
        if 0 < x < 1:
            low, up = tails(a, b, x)
            if keep(low) and keep(up):
                beta.append([a, b, x, figure(low), figure(up)])

gamma = []
for a in [1e-3, 0.2, 0.5, 0.75, 1, 1.5, 3, 7.25, 20, 63, 100, 500.5, 3000, 40000]:
    sd = a ** 0.5
    places = {a + k * sd for k in (-25, -10, -1, 0, 1, 10, 36)} | {1e-20, 1e-3, 0.7, 1, 1.01, 5, 600}
    for x in sorted(places):
        if x > 0:
            with mp.workdps(400 if a > 100 else 150):
                up = gammainc(mpf(a), mpf(x), mp.inf, regularized=True)
                low = 1 - up
                if x < a / 2 and a <= 100 or x < 1:
                    low = gammainc(mpf(a), 0, mpf(x), regularized=True)
                if keep(low) and keep(up):
                    gamma.append([a, x, figure(low), figure(up)])

normal = []
for x in [k / 4 for k in range(0, 151, 3)] + [0.6, 0.67448975, 5.656854249492381, 37.5]:
    normal.append([x, figure(erfc(mpf(x) / sqrt(2)) / 2)])


def normal_quantile(p):
    guess = -sqrt(-2 * log(mpf(p))) if p < 1e-6 else -sqrt(2) * erfinv(1 - 2 * mpf(p))
    return findroot(lambda t: log(erfc(-t / sqrt(2)) / 2) - log(mpf(p)), guess)


quantile = [[p, figure(normal_quantile(p))] for p in
            [1e-300, 3e-250, 1e-200, 1e-150, 7e-100, 1e-50, 1e-30, 1e-16, 1e-12, 2e-9, 1e-7, 1e-5, 1e-3, 0.01, 0.02, 0.05, 0.07, 0.1, 0.2, 0.35, 0.49]]

student = []
for df in [1, 2, 3.5, 5, 10, 30, 99, 1000, 100000]:
    for t in [1e-3, 0.5, 1, 1.96, 2.7, 5, 12, 35, 200, 1e5]:
        x = mpf(df) / (mpf(df) + mpf(t) ** 2)
        low, _ = tails(mpf(df) / 2, mpf(1) / 2, x)
        if keep(low):
            student.append([df, t, figure(low / 2)])

f = []
for d1, d2 in [(1, 1), (1, 40), (3, 7), (5, 5), (10, 300), (40, 2), (200, 200), (4, 10000)]:
    for value in [1e-6, 0.05, 0.7, 1, 1.4, 4, 30, 1000]:
        x = mpf(d2) / (mpf(d2) + mpf(d1) * mpf(value))
        low, up = tails(mpf(d2) / 2, mpf(d1) / 2, x)
        if keep(low) and keep(up):
            f.append([d1, d2, value, figure(low), figure(up)])

binom = []
for n, p in [(1, 0.5), (10, 0.5), (50, 0.03), (200, 0.5), (1000, 0.5), (5000, 0.2), (100000, 0.01)]:
    mean, sd = n * p, (n * p * (1 - p)) ** 0.5
    for k in sorted({int(mean + j * sd) for j in (-20, -8, -3, -1, 0, 1, 3, 8, 20)} | {0, 1, n - 1}):
        if 0 <= k < n:
            # P(K <= k), P(K = k)
            _, low = tails(k + 1, n - k, p)
            point = exp(loggamma(n + 1) - loggamma(k + 1) - loggamma(n - k + 1) + k * log(mpf(p)) + (n - k) * log(1 - mpf(p)))
            if keep(low) and keep(point):
                binom.append([n, p, k, figure(low), figure(point)])

logs = [[x, figure(loggamma(mpf(x)))] for x in
        [1e-300, 1e-8, 0.01, 0.3, 0.5, 0.7, 0.999, 1.001, 1.2, 1.4616321449683622, 1.5, 1.9, 2.001, 2.4, 2.6, 3, 8.5, 14.9, 15.1, 40, 1e3, 1e6, 1e15]]

print(json.dumps({
    "command": "/usr/bin/python3 test/reference/tails.py > test/reference/tails.json",
    "beta": beta, "gamma": gamma, "normal": normal, "normalQuantile": quantile, "student": student, "f": f, "binomial": binom, "logGamma": logs,
}))
