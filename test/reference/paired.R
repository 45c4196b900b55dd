# Reference values for test/shared/statistics/{paired,overall}.test.ts, by R's own functions, rms and boot.
# Made with:  Rscript test/reference/paired.R > test/reference/paired.json && npx biome format --write test/reference/paired.json
# (Debian 12: apt-get install r-base-core r-cran-rms r-cran-boot; R 4.2.2, rms 6.5.0, boot 1.3.28.1)
suppressPackageStartupMessages({ library(rms); library(boot) })

num <- function(x) ifelse(is.na(x), "null", sprintf("%.17g", x))
arr <- function(x) paste0("[", paste(num(x), collapse = ","), "]")
obj <- function(...) {
  parts <- list(...)
  paste0("{", paste(sprintf("\"%s\":%s", names(parts), unlist(parts)), collapse = ","), "}")
}
str <- function(x) sprintf("\"%s\"", x)
list_of <- function(x) paste0("[", paste(x, collapse = ",\n"), "]")

# McNemar, exact by binom.test and mid-p as the exact p with the outcomes as likely as the one seen counted half -------------
mcnemar_case <- function(b, c) {
  exact <- binom.test(b, b + c, 0.5)$p.value
  points <- dbinom(0:(b + c), b + c, 0.5)
  seen <- abs(0:(b + c) - (b + c) / 2) == abs(b - c) / 2
  more <- abs(0:(b + c) - (b + c) / 2) > abs(b - c) / 2
  obj(b = num(b), c = num(c), exact = num(exact), midP = num(sum(points[more]) + sum(points[seen]) / 2))
}
mcn <- mapply(mcnemar_case, c(1, 0, 5, 12, 30, 7, 400, 2), c(7, 3, 5, 4, 55, 8, 300, 900))

# Clopper-Pearson ---------------------------------------------------------------------------------------------------
cp_case <- function(k, n) {
  ci <- binom.test(k, n)$conf.int
  obj(k = num(k), n = num(n), low = num(ci[1]), high = num(ci[2]))
}
cp <- mapply(cp_case, c(0, 1, 1, 5, 30, 99, 7, 500, 2), c(10, 1, 2, 10, 100, 100, 4000, 1000, 2))

# Spiegelhalter's z by rms::val.prob ----------------------------------------------------------------------------------
set.seed(20240602)
sp_case <- function(name, p, y) {
  v <- suppressWarnings(val.prob(p, y, pl = FALSE))
  obj(name = str(name), p = arr(p), y = arr(y), z = num(v[["S:z"]]), pValue = num(v[["S:p"]]), brier = num(v[["Brier"]]))
}
good <- round(runif(120), 3)
bad <- round(plogis(2.5 * qlogis(good)), 3)
y <- rbinom(120, 1, good)
sp <- c(sp_case("calibrated", good, y), sp_case("too extreme", bad, y), sp_case("one decimal", pmin(0.9, pmax(0.1, round(good, 1))), y))

# Paired bootstrap, stratified by outcome, by boot -----------------------------------------------------------------------
n <- 90
y <- rbinom(n, 1, 0.35)
x <- rnorm(n) + y
a <- round(plogis(x - 0.5), 3); b <- round(plogis(0.6 * x + 0.8 * rnorm(n) - 0.5), 3)
auc <- function(s, y) { r <- rank(s); m <- sum(y); (sum(r[y == 1]) - m * (m + 1) / 2) / (m * (length(y) - m)) }
statistics <- list(
  auroc = function(d, i) auc(d$a[i], d$y[i]) - auc(d$b[i], d$y[i]),
  brier = function(d, i) mean((d$a[i] - d$y[i])^2) - mean((d$b[i] - d$y[i])^2),
  netBenefit = function(d, i) {
    part <- function(s) ifelse(s[i] < 0.3, 0, ifelse(d$y[i] == 1, 1, -0.3 / 0.7))
    mean(part(d$a)) - mean(part(d$b))
  })
d <- data.frame(a = a, b = b, y = y)
boots <- sapply(names(statistics), function(name) {
  f <- statistics[[name]]
  r <- boot(d, f, R = 40000, strata = d$y)
  L <- empinf(r, type = "jack")
  ci <- boot.ci(r, type = c("perc", "bca"), L = L)
  obj(statistic = str(name), value = num(r$t0), se = num(sd(r$t)), percentile = arr(ci$percent[4:5]), bca = arr(ci$bca[4:5]),
      lower = num(quantile(r$t, 0.05)))
})

# Non-inferiority: p and bound by pnorm and qnorm -----------------------------------------------------------------------
ni_case <- function(value, se, margin, alpha) obj(value = num(value), se = num(se), margin = num(margin), alpha = num(alpha),
  lower = num(value - qnorm(1 - alpha) * se), p = num(pnorm((value + margin) / se, lower.tail = FALSE)),
  resolvable = num((qnorm(1 - alpha) + qnorm(0.8)) * se))
ni <- mapply(ni_case, c(0.003, -0.01, -0.05, 0), c(0.008, 0.02, 0.005, 0.001), c(0.02, 0.02, 0.02, 0.02), c(0.05, 0.05, 0.025, 0.01))

# Multiplicity ---------------------------------------------------------------------------------------------------------
ps <- c(0.01, 0.04, 0.03, 0.005, 0.5, 0.04, 1, 1e-9, 0, 0.012)

cat("{\"command\":\"Rscript test/reference/paired.R > test/reference/paired.json\",\n")
cat("\"version\":", str(paste0(R.version.string, ", rms ", packageVersion("rms"), ", boot ", packageVersion("boot"))), ",\n", sep = "")
cat("\"mcnemar\":", list_of(mcn), ",\n\"clopperPearson\":", list_of(cp), ",\n\"spiegelhalter\":", list_of(sp), ",\n", sep = "")
cat("\"bootstrap\":", obj(a = arr(a), b = arr(b), y = arr(y), cases = list_of(boots)), ",\n", sep = "")
cat("\"nonInferiority\":", list_of(ni), ",\n", sep = "")
cat("\"holm\":", obj(p = arr(ps), adjusted = arr(p.adjust(ps, "holm")), benjaminiHochberg = arr(p.adjust(ps, "BH"))), "}\n", sep = "")
