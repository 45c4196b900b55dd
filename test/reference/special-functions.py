"""Reference values for test/shared/statistics/special-functions.test.ts, by mpmath with 50 figures.
Made with:  /usr/bin/python3 test/reference/special-functions.py > test/reference/special-functions.json
            npx biome format --write test/reference
(Debian 12: apt-get install python3-mpmath; mpmath 1.2.1)
"""
import json
from mpmath import mp, mpf, ncdf, erfc, sqrt, loggamma, gammainc, erfinv

mp.dps = 50


def figure(value):
    return float(mp.nstr(value, 20))


def upper(x):
    return erfc(mpf(x) / sqrt(2)) / 2


def quantile(p):
    p = mpf(p)
    if p < mpf("1e-12"):
        x = -sqrt(-2 * mp.log(p))
        return mp.findroot(lambda t: mp.log(upper(-t)) - mp.log(p), x)
    return sqrt(2) * erfinv(2 * p - 1)


xs = [0.0, 0.1, 0.5, 0.6744, 0.675, 1.0, 1.644853626951, 1.959964, 2.5, 4.5, 5.6, 5.66, 8.0, 12.0, 20.0, 30.0, 37.0]
ps = [1e-300, 1e-100, 1e-20, 1e-9, 1e-4, 0.025, 0.05, 0.074, 0.076, 0.3, 0.5, 0.8, 0.95, 0.975, 0.9999, 1 - 1e-12]
gs = [1e-5, 0.1, 0.5, 1.0, 1.5, 2.0, 3.7, 10.0, 50.5, 171.0, 1000.25]
chi = [(1, 1e-6), (1, 0.5), (1, 3.84145882069412), (1, 30), (1, 500), (1, 1400), (2, 0.1), (2, 5.99), (2, 700),
       (3, 2), (3, 90), (5, 0.01), (5, 11.07), (5, 150), (10, 4), (10, 18.3), (10, 400), (30, 12), (30, 43.8),
       (30, 300), (100, 60), (100, 124.3), (100, 500), (126, 900)]
print(json.dumps({
    "command": "/usr/bin/python3 test/reference/special-functions.py > test/reference/special-functions.json",
    "normalUpper": [[x, figure(upper(x))] for x in xs],
    "normalLowerOfPositive": [[x, figure(ncdf(mpf(x)))] for x in xs],
    "normalQuantile": [[p, figure(quantile(p))] for p in ps],
    "logGamma": [[g, figure(loggamma(mpf(g)))] for g in gs],
    "chiSquareUpper": [[df, x, figure(gammainc(mpf(df) / 2, mpf(x) / 2, mp.inf, regularized=True))] for df, x in chi],
    "chiSquareLower": [[df, x, figure(gammainc(mpf(df) / 2, 0, mpf(x) / 2, regularized=True))] for df, x in chi],
}, indent=1))
