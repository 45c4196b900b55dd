# Reference values for test/shared/statistics/calibration-curve.test.ts: R's glm on Hmisc's restricted cubic spline, and R's loess.
# Made with:  Rscript test/reference/calibration.R > test/reference/calibration.json && npx biome format --write test/reference/calibration.json
# (Debian 12: apt-get install r-base-core r-cran-hmisc; R 4.2.2)
suppressPackageStartupMessages(library(Hmisc))
num <- function(x) ifelse(is.na(x), "null", sprintf("%.17g", x))
arr <- function(x) paste0("[", paste(num(x), collapse = ","), "]")
obj <- function(...) {
  parts <- list(...)
  paste0("{", paste(sprintf("\"%s\":%s", names(parts), unlist(parts)), collapse = ","), "}")
}
str <- function(x) sprintf("\"%s\"", x)
strict <- glm.control(epsilon = 1e-15, maxit = 200)
quantiles <- list("3" = c(.1, .5, .9), "4" = c(.05, .35, .65, .95), "5" = c(.05, .275, .5, .725, .95))

# Restricted cubic spline with Harrell's normalisation (norm = 2: divided by the squared distance of the outer knots).
spline_case <- function(name, p, y, k) {
  l <- qlogis(p)
  knots <- unname(quantile(l, quantiles[[as.character(k)]]))
  basis <- function(x) rcspline.eval(x, knots = knots, inclx = TRUE, norm = 2)
  X <- basis(l)
  fit <- glm(y ~ X, family = binomial, control = strict)
  at <- as.numeric(quantile(p, .01) + diff(quantile(p, c(.01, .99))) * (0:4) / 4)
  Z <- cbind(1, basis(qlogis(at)))
  eta <- as.numeric(Z %*% coef(fit))
  se <- sqrt(diag(Z %*% vcov(fit) %*% t(Z)))
  d <- abs(fitted(fit) - p)
  # Covariance of the coefficients where every prediction is right.
  W <- cbind(1, X)
  V0 <- solve(t(W) %*% (W * (p * (1 - p))))
  nullSe <- sqrt(diag(Z %*% V0 %*% t(Z)))
  obj(name = str(name), p = arr(p), y = arr(y), k = num(k), knots = arr(knots), at = arr(at),
      fit = arr(plogis(eta)), low = arr(plogis(eta - qnorm(.975) * se)), high = arr(plogis(eta + qnorm(.975) * se)),
      nullSe = arr(nullSe), ici = num(mean(d)), e50 = num(median(d)), e90 = num(unname(quantile(d, .9))))
}
loess_case <- function(name, p, y, degree, span) {
  control <- loess.control(surface = "direct")
  fit <- loess(y ~ p, degree = degree, span = span, control = control)
  at <- as.numeric(quantile(p, .01) + diff(quantile(p, c(.01, .99))) * (0:4) / 4)
  # The smoother's rows, one indicator outcome at a time.
  L <- sapply(seq_along(y), function(i) {
    e <- as.numeric(seq_along(y) == i)
    suppressWarnings(predict(loess(e ~ p, degree = degree, span = span, control = control), data.frame(p = at)))
  })
  v <- pmin(1, pmax(0, fitted(fit)))
  se <- sqrt(as.numeric(L^2 %*% (v * (1 - v))))
  value <- as.numeric(predict(fit, data.frame(p = at)))
  d <- abs(fitted(fit) - p)
  cut <- function(x) pmin(1, pmax(0, x))
  obj(name = str(name), p = arr(p), y = arr(y), degree = num(degree), span = num(span), at = arr(at), fit = arr(cut(value)),
      low = arr(cut(value - qnorm(.975) * se)), high = arr(cut(value + qnorm(.975) * se)),
      ici = num(mean(d)), e50 = num(median(d)), e90 = num(unname(quantile(d, .9))))
}
set.seed(77)
make <- function(n, mean, shift, stretch, digits) {
  l <- rnorm(n, mean, 1.2)
  p <- round(plogis(l), digits)
  list(p = pmin(1 - 10^-digits, pmax(10^-digits, p)), y = rbinom(n, 1, plogis(shift + stretch * l)))
}
a <- make(220, -1, 0, 1, 4); b <- make(260, -.5, .4, .6, 2); c <- make(300, -2.6, -.2, 1.2, 3)
spline <- c(spline_case("calibrated, 5 knots", a$p, a$y, 5), spline_case("too extreme with ties, 4 knots", b$p, b$y, 4),
            spline_case("rare events, 3 knots", c$p, c$y, 3))
local <- c(loess_case("calibrated, degree 2", a$p, a$y, 2, .75), loess_case("ties, degree 1", b$p, b$y, 1, .75),
           loess_case("rare events with ties, narrow", c$p, c$y, 2, .5))
cat("{\"command\":\"Rscript test/reference/calibration.R > test/reference/calibration.json\",\n")
cat("\"version\":", str(paste0(R.version.string, ", Hmisc ", packageVersion("Hmisc"))), ",\n", sep = "")
cat("\"spline\":[", paste(spline, collapse = ",\n"), "],\n", sep = "")
cat("\"local\":[", paste(local, collapse = ",\n"), "]}\n", sep = "")
