# Reference values for test/shared/statistics/{univariate-shift,multivariate-shift,shift-reading}.test.ts, by R.
# Made with:  Rscript test/reference/shift.R > test/reference/shift-r.json && npx biome format --write test/reference
# (Debian 12: apt-get install r-base-core r-cran-energy; R 4.2.2)
suppressPackageStartupMessages(library(energy))

num <- function(x) ifelse(is.na(x), "null", sprintf("%.17g", x))
arr <- function(x) paste0("[", paste(num(x), collapse = ","), "]")
str <- function(x) sprintf("\"%s\"", x)
obj <- function(...) {
  parts <- list(...)
  paste0("{", paste(sprintf("\"%s\":%s", names(parts), unlist(parts)), collapse = ","), "}")
}
list_of <- function(x) paste0("[", paste(x, collapse = ","), "]")

# Fisher --------------------------------------------------------------------
fisher2 <- function(a, b, c, d) {
  obj(a = num(a), b = num(b), c = num(c), d = num(d), p = num(fisher.test(matrix(c(a, b, c, d), 2, byrow = TRUE))$p.value))
}
two <- list_of(c(fisher2(3, 1, 1, 3), fisher2(8, 2, 1, 5), fisher2(10, 90, 30, 70), fisher2(0, 12, 7, 3), fisher2(1, 0, 0, 1),
  fisher2(500, 1500, 700, 1300), fisher2(4, 4, 4, 4), fisher2(2, 15, 9, 3), fisher2(300, 20, 100, 400)))
fisherrc <- function(name, rows) {
  t <- do.call(rbind, rows)
  obj(name = str(name), table = list_of(apply(t, 1, arr)), p = num(fisher.test(t, workspace = 2e7)$p.value))
}
rxc <- list_of(c(fisherrc("two by three", list(c(3, 5, 9), c(8, 4, 2))), fisherrc("three by three", list(c(4, 1, 0), c(2, 5, 3), c(0, 2, 6))),
  fisherrc("two by four, alike", list(c(10, 12, 8, 5), c(9, 13, 7, 6))),
  fisherrc("four by four", list(c(1, 2, 3, 1), c(2, 2, 0, 4), c(5, 1, 1, 0), c(0, 3, 2, 2)))))

# Rank test with ties -------------------------------------------------------
wilcox <- function(a, b) {
  x <- rep(seq_along(a), a); y <- rep(seq_along(b), b)
  w <- suppressWarnings(wilcox.test(y, x, exact = FALSE, correct = FALSE))
  obj(a = arr(a), b = arr(b), u = num(unname(w$statistic)), p = num(w$p.value))
}
ranks <- list_of(c(wilcox(c(5, 10, 20, 7), c(1, 8, 30, 15)), wilcox(c(100, 3, 2), c(40, 5, 9)), wilcox(c(0, 4, 4), c(3, 3, 0))))

# Energy --------------------------------------------------------------------
set.seed(20240512)
x <- round(matrix(rnorm(40), 20), 3); y <- round(matrix(rnorm(28, 0.8), 14), 3)
e <- eqdist.etest(rbind(x, y), c(20, 14), R = 0)
energy <- obj(columns = "2", x = arr(as.vector(t(x))), y = arr(as.vector(t(y))), statistic = num(unname(e$statistic)))

# Reading of a shift: Rao's score tests and likelihood ratios ----------------
reading <- function(name, n, m, shift, base, effect, integers = FALSE) {
  make <- function(k, shift, base, effect) {
    x1 <- rnorm(k) + shift; x2 <- rnorm(k); x3 <- rbinom(k, 1, 0.4)
    if (integers) x2 <- round(x2)
    x1 <- round(x1, 3); x2 <- round(x2, 3)
    y <- rbinom(k, 1, plogis(base + effect * x1 - 0.6 * x2))
    p <- pmin(0.99, pmax(0.01, round(plogis(-0.3 + 0.9 * x1 - 0.6 * x2 + 0.3 * x3 * x1), 2)))
    data.frame(x1, x2, x3, y, p)
  }
  s <- make(n, 0, -0.3, 0.9); t <- make(m, shift, base, effect)
  all <- rbind(s, t)
  all$d <- rep(0:1, c(n, m)); all$l <- qlogis(all$p)
  strict <- glm.control(epsilon = 1e-14, maxit = 100)
  rao <- function(data) {
    a <- glm(d ~ 1, binomial, data, control = strict); b <- glm(d ~ l + x1 + x2 + x3, binomial, data, control = strict)
    # The permutation variance divides by n - 1 where the score test divides by n.
    r <- anova(a, b, test = "Rao")
    c(r$Rao[2] * (nrow(data) - 1) / nrow(data), r$Df[2])
  }
  whole <- rao(all); ev <- rao(all[all$y == 1, ]); non <- rao(all[all$y == 0, ])
  r0 <- glm(y ~ l, binomial, all, control = strict); r1 <- glm(y ~ l + d + d:l, binomial, all, control = strict)
  lr <- anova(r0, r1, test = "LRT")
  f0 <- glm(y ~ l + x1 + x2 + x3, binomial, all, control = strict)
  f1 <- glm(y ~ l + x1 + x2 + x3 + d + d:l, binomial, all, control = strict)
  z <- scale(all[, c("l", "x1", "x2", "x3")])
  dz <- z * all$d
  f2 <- glm(y ~ l + x1 + x2 + x3 + dz, binomial, all, control = strict)
  o <- anova(f0, f1, test = "Rao"); g <- anova(f0, f2, test = "Rao")
  co <- summary(r1)$coefficients
  side <- function(k) obj(features = arr(as.vector(t(as.matrix(k[, c("x1", "x2", "x3")])))), labels = arr(k$y), probabilities = arr(k$p))
  obj(name = str(name), source = side(s), target = side(t), featuresStatistic = num(whole[1]), featuresDf = num(whole[2]),
      withinStatistic = num(ev[1] + non[1]), withinDf = num(ev[2] + non[2]), lr = num(lr$Deviance[2]),
      intercept = num(co["d", 1]), interceptSe = num(co["d", 2]), slope = num(co["l:d", 1]), slopeSe = num(co["l:d", 2]),
      overall = num(o$Rao[2]), overallDf = num(o$Df[2]), single = num(g$Rao[2]), singleDf = num(g$Df[2]),
      prevalence = num(mean(t$y) - mean(s$y)))
}
readings <- list_of(c(reading("covariate", 90, 70, 0.6, -0.3, 0.9), reading("concept, ties", 80, 80, 0, -0.3, -0.4, TRUE)))

cat(obj(command = str("Rscript test/reference/shift.R"), fisher2 = two, fisherTables = rxc, ranks = ranks, energy = energy, readings = readings), "\n")
