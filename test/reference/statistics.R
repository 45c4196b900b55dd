# Reference values for test/shared/statistics, by R's own functions and pROC.
# Made with:  Rscript test/reference/statistics.R > test/reference/statistics.json && npx biome format --write test/reference
# (Debian 12: apt-get install r-base-core r-cran-proc; R 4.2.2, pROC 1.18.0)
suppressPackageStartupMessages(library(pROC))

num <- function(x) ifelse(is.na(x), "null", sprintf("%.17g", x))
arr <- function(x) paste0("[", paste(num(x), collapse = ","), "]")
obj <- function(...) {
  parts <- list(...)
  paste0("{", paste(sprintf("\"%s\":%s", names(parts), unlist(parts)), collapse = ","), "}")
}
str <- function(x) sprintf("\"%s\"", x)

# Discrimination ------------------------------------------------------------
auc_case <- function(name, labels, a, b) {
  ra <- roc(labels, a, direction = "<", levels = c(0, 1), quiet = TRUE)
  rb <- roc(labels, b, direction = "<", levels = c(0, 1), quiet = TRUE)
  va <- var(ra, method = "delong"); vb <- var(rb, method = "delong")
  cab <- cov(ra, rb, method = "delong")
  A <- as.numeric(auc(ra)); B <- as.numeric(auc(rb))
  plain <- as.numeric(ci.auc(ra, method = "delong"))
  logit <- plogis(qlogis(A) + c(-1, 1) * qnorm(0.975) * sqrt(va) / (A * (1 - A)))
  se <- sqrt(va + vb - 2 * cab)
  two <- roc.test(ra, rb, paired = TRUE, method = "delong")
  stopifnot(abs(unname(two$statistic) - (A - B) / se) < 1e-9)
  obj(name = str(name), labels = arr(labels), a = arr(a), b = arr(b), aucA = num(A), aucB = num(B),
      varA = num(va), varB = num(vb), cov = num(cab), plainLow = num(plain[1]), plainHigh = num(plain[3]),
      logitLow = num(logit[1]), logitHigh = num(logit[2]), diff = num(A - B), diffSe = num(se),
      diffLow = num((A - B) - qnorm(0.975) * se), diffHigh = num((A - B) + qnorm(0.975) * se),
      oneSidedLower = num((A - B) - qnorm(0.95) * se), resolvable = num((qnorm(0.95) + qnorm(0.8)) * se))
}
set.seed(20240501)
make <- function(n, prevalence, digits) {
  y <- rbinom(n, 1, prevalence)
  x <- rnorm(n) + 1.1 * y
  list(y = y, a = round(x, digits), b = round(0.7 * x + 0.8 * rnorm(n), digits))
}
d1 <- make(200, 0.4, 8); d2 <- make(150, 0.5, 0); d3 <- make(400, 0.03, 1)
auc <- c(
  auc_case("no ties", d1$y, d1$a, d1$b),
  auc_case("heavy ties", d2$y, d2$a, d2$b),
  auc_case("imbalance with ties", d3$y, d3$a, d3$b),
  auc_case("two of each", c(0, 1, 0, 1), c(0.1, 0.4, 0.35, 0.3), c(0.2, 0.3, 0.25, 0.1)),
  # Scores worse than chance, and one decimal.
  auc_case("below one half", c(1, 0, 1, 0, 0, 1, 0, 1, 0, 0), c(1, 2, 2, 3, 1, 1, 4, 2, 3, 5) / 10,
           c(3, 1, 2, 2, 1, 4, 1, 2, 3, 1) / 10))

# Calibration and Brier -----------------------------------------------------
cal_case <- function(name, p, y) {
  l <- qlogis(pmin(1 - 2^-24, pmax(2^-24, p)))
  strict <- glm.control(epsilon = 1e-15, maxit = 200)
  slope <- summary(glm(y ~ l, family = binomial, control = strict))$coefficients
  large <- summary(glm(y ~ 1, offset = l, family = binomial, control = strict))$coefficients
  e <- (p - y)^2
  obj(name = str(name), p = arr(p), y = arr(y), slope = num(slope[2, 1]), slopeSe = num(slope[2, 2]),
      intercept = num(large[1, 1]), interceptSe = num(large[1, 2]),
      brier = num(mean(e)), brierSe = num(sd(e) / sqrt(length(e))))
}
logit_data <- function(n, shift, stretch, digits = 6) {
  l <- rnorm(n, -0.5, 1.3)
  p <- plogis(l)
  y <- rbinom(n, 1, plogis(shift + stretch * l))
  list(p = round(p, digits), y = y)
}
c1 <- logit_data(300, 0, 1); c2 <- logit_data(250, 0.8, 0.5); c3 <- logit_data(400, -3, 1.2); c4 <- logit_data(120, 0, 1, 1)
cal <- c(cal_case("well calibrated", c1$p, c1$y), cal_case("too extreme", c2$p, c2$y),
         cal_case("rare events", c3$p, c3$y), cal_case("tied, with exact 0 and 1", pmin(1, pmax(0, c4$p)), c4$y))

# Shift ---------------------------------------------------------------------
chi_case <- function(name, a, b) {
  keep <- a + b > 0
  t <- suppressWarnings(chisq.test(rbind(a[keep], b[keep]), correct = FALSE))
  p <- pmax(1e-4, a / sum(a)); q <- pmax(1e-4, b / sum(b))
  obj(name = str(name), a = arr(a), b = arr(b), statistic = num(unname(t$statistic)), df = num(unname(t$parameter)),
      p = num(pchisq(unname(t$statistic), unname(t$parameter), lower.tail = FALSE)),
      smallest = num(min(t$expected)), psi = num(sum((q - p) * log(q / p))))
}
chi <- c(chi_case("even", c(20, 30, 50), c(25, 35, 40)), chi_case("unequal sizes", c(800, 120, 80, 3), c(40, 12, 9, 1)),
         chi_case("an empty bin", c(10, 0, 30, 5), c(12, 0, 20, 9)), chi_case("small expected", c(3, 1, 4), c(2, 5, 1)),
         chi_case("far apart", c(900, 50, 50), c(10, 500, 490)), chi_case("equal", c(10, 20, 30), c(20, 40, 60)))

# Multiplicity, proportions, ordered ---------------------------------------
ps <- c(0.01, 0.04, 0.03, 0.005, 0.5, 0.04, 1, 1e-9)
wilson_case <- function(k, n) {
  ci <- suppressWarnings(prop.test(k, n, correct = FALSE))$conf.int
  obj(k = num(k), n = num(n), low = num(ci[1]), high = num(ci[2]))
}
wil <- mapply(wilson_case, c(0, 1, 5, 30, 99, 2, 7), c(10, 1, 10, 100, 100, 2, 4000))
ks_case <- function(x, y) {
  d <- max(abs(ecdf(x)(c(x, y)) - ecdf(y)(c(x, y))))
  obj(x = arr(sort(x)), y = arr(sort(y)), d = num(d))
}
ks <- c(ks_case(c(1, 2, 2, 3), c(2, 2, 4)), ks_case(round(rnorm(40), 1), round(rnorm(25, 0.5), 1)), ks_case(c(1, 2), c(3, 4)))
qx <- sort(round(rnorm(17), 3)); qp <- c(0, 0.005, 0.1, 0.5, 0.777, 1)

cat("{\"command\":\"Rscript test/reference/statistics.R > test/reference/statistics.json\",\n")
cat("\"version\":", str(paste0(R.version.string, ", pROC ", packageVersion("pROC"))), ",\n", sep = "")
cat("\"auc\":[", paste(auc, collapse = ",\n"), "],\n", sep = "")
cat("\"calibration\":[", paste(cal, collapse = ",\n"), "],\n", sep = "")
cat("\"chiSquare\":[", paste(chi, collapse = ",\n"), "],\n", sep = "")
cat("\"benjaminiHochberg\":", obj(p = arr(ps), adjusted = arr(p.adjust(ps, "BH"))), ",\n", sep = "")
cat("\"wilson\":[", paste(wil, collapse = ","), "],\n", sep = "")
cat("\"kolmogorov\":[", paste(ks, collapse = ","), "],\n", sep = "")
cat("\"quantiles\":", obj(x = arr(qx), p = arr(qp), q = arr(unname(quantile(qx, qp)))), "}\n", sep = "")
