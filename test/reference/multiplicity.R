# Reference values for test/shared/statistics/alpha-spending.test.ts: multivariate normal probabilities by mvtnorm.
# Made with:  Rscript test/reference/multiplicity.R > test/reference/multiplicity.json && npx biome format --write test/reference/multiplicity.json
# (Debian 12: apt-get install r-cran-mvtnorm; R 4.2.2, mvtnorm 1.1-3)
suppressPackageStartupMessages(library(mvtnorm))

num <- function(x) ifelse(is.na(x), "null", sprintf("%.17g", x))
arr <- function(x) paste0("[", paste(num(x), collapse = ","), "]")
set.seed(1)

# Statistics at fractions t1 < t2 have correlation sqrt(t1/t2). Boundaries one after another: the one that leaves 1 - spent inside.
inside <- function(z, t, sided) {
  k <- length(z)
  if (k == 1) return(if (sided == 2) 2 * pnorm(z) - 1 else pnorm(z))
  r <- outer(t, t, function(a, b) sqrt(pmin(a, b) / pmax(a, b)))
  lower <- if (sided == 2) -z else rep(-Inf, k)
  # Miwa's recursion is deterministic; it wants finite ends for two sides, and at most 20 dimensions.
  as.numeric(pmvnorm(lower = lower, upper = z, corr = r, algorithm = if (k <= 4) Miwa(steps = 2048) else GenzBretz(maxpts = 3e6, abseps = 1e-9)))
}
spend <- function(kind, side, t) if (kind == "pocock") side * log(1 + (exp(1) - 1) * t) else 2 * pnorm(qnorm(1 - side / 2) / sqrt(t), lower.tail = FALSE)

case <- function(kind, alpha, sided, t) {
  side <- alpha / sided
  z <- c()
  for (k in seq_along(t)) {
    spent <- spend(kind, side, t[k])
    # Two-sided: the upper side's increment is half of what is lost, by symmetry.
    f <- function(b) 1 - inside(c(z, b), t[1:k], sided) - sided * spent
    z <- c(z, if (k == 1) qnorm(spent, lower.tail = FALSE) else uniroot(f, c(0.5, 8), tol = 1e-9)$root)
  }
  sprintf("{\"kind\":\"%s\",\"alpha\":%s,\"sided\":%d,\"fractions\":%s,\"z\":%s}", kind, num(alpha), sided, arr(t), arr(z))
}
cases <- c(
  case("obrien-fleming", 0.025, 1, c(0.25, 0.5, 0.75, 1)),
  case("obrien-fleming", 0.05, 2, c(0.3, 0.55, 1)),
  case("pocock", 0.05, 1, c(0.1, 0.45, 0.5, 1)),
  case("pocock", 0.05, 2, c(0.2, 0.6, 0.8)),
  case("pocock", 0.05, 1, c(0.5, 0.501)))

# Error of testing at a fixed level at each of four looks.
fixed <- 1 - inside(rep(qnorm(0.975), 4), (1:4) / 4, 2)
fixed_one <- 1 - inside(rep(qnorm(0.95), 4), (1:4) / 4, 1)

cat("{\"command\":\"Rscript test/reference/multiplicity.R > test/reference/multiplicity.json\",\n")
cat("\"cases\":[", paste(cases, collapse = ",\n"), "],\n", sep = "")
cat("\"fixedTwoSided\":", num(fixed), ",\"fixedOneSided\":", num(fixed_one), "}\n", sep = "")
