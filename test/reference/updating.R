# Reference values for test/shared/statistics/updating.test.ts: R's isoreg, and glm for the fits and likelihoods of the updates.
# Made with:  Rscript test/reference/updating.R > test/reference/updating.json && npx biome format --write test/reference/updating.json
# (Debian 12: apt-get install r-base-core; R 4.2.2)
num <- function(x) ifelse(is.na(x), "null", sprintf("%.17g", x))
arr <- function(x) paste0("[", paste(num(x), collapse = ","), "]")
obj <- function(...) {
  parts <- list(...)
  paste0("{", paste(sprintf("\"%s\":%s", names(parts), unlist(parts)), collapse = ","), "}")
}
str <- function(x) sprintf("\"%s\"", x)
strict <- glm.control(epsilon = 1e-15, maxit = 200)

closed_case <- function(name, p, y, z, alpha) {
  l <- qlogis(pmin(1 - 2^-24, pmax(2^-24, p)))
  none <- sum(dbinom(y, 1, plogis(l), log = TRUE))
  large <- glm(y ~ 1, offset = l, family = binomial, control = strict)
  logistic <- glm(y ~ l, family = binomial, control = strict)
  temperature <- glm(y ~ 0 + l, family = binomial, control = strict)
  revision <- glm(y ~ l + z + I(z^2), family = binomial, control = strict)
  ll <- function(fit) as.numeric(logLik(fit))
  upper <- function(top, low, df) pchisq(2 * (top - low), df, lower.tail = FALSE)
  top <- ll(logistic)
  step <- if (upper(top, none, 2) >= alpha) "none" else if (upper(top, ll(large), 1) >= alpha) "intercept" else "logistic"
  all <- ll(revision)
  stepRevised <- if (upper(all, none, 4) >= alpha) "none" else if (upper(all, ll(large), 3) >= alpha) "intercept" else
    if (upper(all, top, 2) >= alpha) "logistic" else "revision"
  obj(name = str(name), p = arr(p), y = arr(y), alpha = num(alpha), llNone = num(none), llIntercept = num(ll(large)),
      llLogistic = num(top), llRevision = num(all), intercept = num(coef(large)[[1]]), a = num(coef(logistic)[[1]]),
      b = num(coef(logistic)[[2]]), temperature = num(1 / coef(temperature)[[1]]), pNone = num(upper(top, none, 2)),
      pIntercept = num(upper(top, ll(large), 1)), pNoneRevised = num(upper(all, none, 4)),
      pInterceptRevised = num(upper(all, ll(large), 3)), pLogisticRevised = num(upper(all, top, 2)),
      step = str(step), stepRevised = str(stepRevised))
}
set.seed(404)
make <- function(n, shift, stretch, extra, digits) {
  l <- rnorm(n, -1, 1.1); z <- rnorm(n)
  p <- round(plogis(l), digits)
  list(p = p, y = rbinom(n, 1, plogis(shift + stretch * l + extra * z)), z = z)
}
closed <- c()
for (case in list(list("calibrated", 0, 1, 0, 6), list("shifted", .9, 1, 0, 2), list("too extreme", -.2, .45, 0, 3),
                  list("a predictor missing", 0, 1, 1.2, 3))) {
  d <- make(280, case[[2]], case[[3]], case[[4]], case[[5]])
  closed <- c(closed, closed_case(case[[1]], d$p, d$y, d$z, .05))
}
# isoreg keeps equal x apart unless they are pooled before: the means of equal x with their counts are given as repeated rows.
x <- round(runif(60), 1); y <- rbinom(60, 1, x)
means <- ave(y, x)
iso <- isoreg(x, means)
fitted <- numeric(60); fitted[if (is.null(iso$ord)) seq_along(x) else iso$ord] <- iso$yf
xr <- rnorm(40); yr <- 0.5 * xr + rnorm(40)
isoPlain <- isoreg(xr, yr)
fittedPlain <- numeric(40); fittedPlain[if (is.null(isoPlain$ord)) seq_along(xr) else isoPlain$ord] <- isoPlain$yf
cat("{\"command\":\"Rscript test/reference/updating.R > test/reference/updating.json\",\n")
cat("\"version\":", str(R.version.string), ",\n", sep = "")
cat("\"closed\":[", paste(closed, collapse = ",\n"), "],\n", sep = "")
cat("\"isoreg\":[", obj(x = arr(x), y = arr(y), fitted = arr(fitted)), ",\n",
    obj(x = arr(xr), y = arr(yr), fitted = arr(fittedPlain)), "]}\n", sep = "")
