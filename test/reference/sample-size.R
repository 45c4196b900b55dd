# Reference values for test/shared/statistics/sample-size.test.ts: the formulas of Riley et al. (2021) with R's integrate and uniroot.
# Made with:  Rscript test/reference/sample-size.R > test/reference/sample-size.json && npx biome format --write test/reference/sample-size.json
# (Debian 12: apt-get install r-base-core; R 4.2.2)
num <- function(x) sprintf("%.17g", x)
z <- qnorm(0.975)

slope_n <- function(density, low, high, width, a = 0, b = 1) {
  i <- function(f) integrate(function(l) f(l) * dlogis(a + b * l) * density(l), low, high, rel.tol = 1e-11, subdivisions = 2000)$value
  i0 <- i(function(l) 1); i1 <- i(function(l) l); i2 <- i(function(l) l^2)
  ceiling(i0 / ((width / (2 * z))^2 * (i0 * i2 - i1^2)))
}
normal <- function(m, s) function(l) dnorm(l, m, s)
binormal <- function(prevalence, auroc) {
  v <- 2 * qnorm(auroc)^2
  function(l) prevalence * dnorm(l, qlogis(prevalence) + v / 2, sqrt(v)) + (1 - prevalence) * dnorm(l, qlogis(prevalence) - v / 2, sqrt(v))
}
slopes <- c(
  sprintf("{\"kind\":\"normal\",\"a\":-3,\"b\":1.2,\"width\":0.2,\"n\":%s}", num(slope_n(normal(-3, 1.2), -15, 9, 0.2))),
  sprintf("{\"kind\":\"normal\",\"a\":-5,\"b\":2.5,\"width\":0.2,\"n\":%s}", num(slope_n(normal(-5, 2.5), -30, 20, 0.2))),
  sprintf("{\"kind\":\"normal\",\"a\":0.4,\"b\":0.3,\"width\":0.35,\"n\":%s}", num(slope_n(normal(0.4, 0.3), -4, 5, 0.35))),
  sprintf("{\"kind\":\"normal\",\"a\":-1,\"b\":6,\"width\":0.2,\"n\":%s}", num(slope_n(normal(-1, 6), -60, 60, 0.2))),
  sprintf("{\"kind\":\"binormal\",\"a\":0.08,\"b\":0.82,\"width\":0.2,\"n\":%s}", num(slope_n(binormal(0.08, 0.82), -20, 15, 0.2))),
  sprintf("{\"kind\":\"binormal\",\"a\":0.3,\"b\":0.65,\"width\":0.3,\"n\":%s}", num(slope_n(binormal(0.3, 0.65), -10, 10, 0.3))))
miscalibrated <- slope_n(normal(-2, 1.1), -14, 10, 0.25, -0.3, 0.8)

auroc_n <- function(p, c, width) {
  excess <- function(n) c * (1 - c) * (1 + (n / 2 - 1) * (1 - c) / (2 - c) + (n / 2 - 1) * c / (1 + c)) / (n^2 * p * (1 - p)) - (width / (2 * z))^2
  ceiling(uniroot(excess, c(2, 1e8), tol = 1e-10)$root)
}
aurocs <- sapply(list(c(0.08, 0.82, 0.1), c(0.018, 0.8, 0.1), c(0.1, 0.7, 0.1), c(0.5, 0.8, 0.1), c(0.3, 0.95, 0.02)), function(x)
  sprintf("{\"prevalence\":%s,\"auroc\":%s,\"width\":%s,\"n\":%s}", num(x[1]), num(x[2]), num(x[3]), num(auroc_n(x[1], x[2], x[3]))))

oe_n <- function(p, width, ratio) {
  se <- uniroot(function(s) ratio * exp(z * s) - ratio * exp(-z * s) - width, c(1e-6, 5), tol = 1e-14)$root
  ceiling((1 - p) / (p * se^2))
}
oes <- sapply(list(c(0.08, 1, 1), c(0.5, 0.2, 1), c(0.1, 0.2, 1), c(0.03, 0.5, 0.8)), function(x)
  sprintf("{\"prevalence\":%s,\"width\":%s,\"ratio\":%s,\"n\":%s}", num(x[1]), num(x[2]), num(x[3]), num(oe_n(x[1], x[2], x[3]))))

cat("{\"command\":\"Rscript test/reference/sample-size.R > test/reference/sample-size.json\",\n\"slope\":[", paste(slopes, collapse = ",\n"),
    "],\n\"miscalibrated\":", num(miscalibrated), ",\n\"auroc\":[", paste(aurocs, collapse = ",\n"), "],\n\"observedExpected\":[",
    paste(oes, collapse = ",\n"), "]}\n", sep = "")
