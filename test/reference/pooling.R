# Reference values for test/shared/statistics/random-effects.test.ts, by metafor.
# Made with:  Rscript test/reference/pooling.R > test/reference/pooling.json && npx biome format --write test/reference/pooling.json
# (Debian 12: apt-get install r-cran-metafor; R 4.2.2)
suppressPackageStartupMessages(library(metafor))
num <- function(x) ifelse(is.na(x), "null", sprintf("%.17g", x))
arr <- function(x) paste0("[", paste(num(x), collapse = ","), "]")
obj <- function(...) {
  parts <- list(...)
  paste0("{", paste(sprintf("\"%s\":%s", names(parts), unlist(parts)), collapse = ","), "}")
}
str <- function(x) sprintf("\"%s\"", x)
sets <- list(
  list("seven hospitals", c(.81, .85, .78, .84, .88, .76, .83), c(.02, .03, .015, .04, .025, .02, .03)),
  list("no heterogeneity", c(1, 1.02, .99, 1.01), c(.1, .2, .15, .12)),
  list("two hospitals", c(.2, 1.1), c(.2, .3)),
  list("three, far apart", c(-2, 0.5, 4), c(.3, .2, .5)),
  list("equal errors", c(.1, .4, .35, .8, .2), rep(.15, 5)),
  list("one precise among many", c(.5, .9, 1.2, .7, 1.4, 1.1), c(.01, .4, .5, .3, .6, .2)))
methods <- c("reml" = "REML", "paule-mandel" = "PM", "dersimonian-laird" = "DL")
out <- c()
for (set in sets) for (method in names(methods)) for (hartung in c(TRUE, FALSE)) {
  fit <- rma(yi = set[[2]], sei = set[[3]], method = methods[[method]], test = if (hartung) "knha" else "z",
             control = list(threshold = 1e-14, maxiter = 10000, tol = 1e-14))
  k <- length(set[[2]])
  half <- if (k > 2) qt(.975, k - 2) * sqrt(fit$tau2 + fit$se^2) else NA
  out <- c(out, obj(name = str(set[[1]]), method = str(method), knappHartung = if (hartung) "true" else "false",
                    values = arr(set[[2]]), errors = arr(set[[3]]), mean = num(as.numeric(fit$beta)), se = num(fit$se),
                    low = num(fit$ci.lb), high = num(fit$ci.ub), tau2 = num(fit$tau2), i2 = num(fit$I2 / 100),
                    q = num(fit$QE), p = num(fit$QEp), predictionLow = num(as.numeric(fit$beta) - half),
                    predictionHigh = num(as.numeric(fit$beta) + half), weights = arr(unname(weights(fit)) / 100)))
}
# AUROC pooled on log odds, errors carried over by the delta method, as Snell et al. (2018) and Debray et al. (2017).
auc <- sets[[1]]
l <- qlogis(auc[[2]]); se <- auc[[3]] / (auc[[2]] * (1 - auc[[2]]))
fit <- rma(yi = l, sei = se, method = "REML", test = "knha", control = list(threshold = 1e-14, maxiter = 10000))
half <- qt(.975, 5) * sqrt(fit$tau2 + fit$se^2)
logit <- obj(values = arr(auc[[2]]), errors = arr(auc[[3]]), mean = num(plogis(as.numeric(fit$beta))),
             low = num(plogis(fit$ci.lb)), high = num(plogis(fit$ci.ub)), tau2 = num(fit$tau2),
             predictionLow = num(plogis(as.numeric(fit$beta) - half)), predictionHigh = num(plogis(as.numeric(fit$beta) + half)))
cat("{\"command\":\"Rscript test/reference/pooling.R > test/reference/pooling.json\",\n")
cat("\"version\":", str(paste0(R.version.string, ", metafor ", packageVersion("metafor"))), ",\n", sep = "")
cat("\"pooled\":[", paste(out, collapse = ",\n"), "],\n\"logit\":", logit, "}\n", sep = "")
