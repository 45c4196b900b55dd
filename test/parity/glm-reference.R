# Reference for glm-r.test.ts: Rscript test/parity/glm-reference.R
# Made with R 4.2.2, MASS 7.3-58.2, nnet and survival 3.5-3. The rows are integer arithmetic, so that both languages have the same ones; see rowOf in the test.
i <- 0:239
age <- 40 + (i * 37 + 11) %% 41
rate <- 60 + (i * i * 13 + i * 7) %% 97
pain <- factor((i * 5 + i %/% 7) %% 3, labels = c("none", "some", "much"))
rate[i %% 17 == 3] <- NA
missing <- as.numeric(is.na(rate))
rate[is.na(rate)] <- 100
noise <- (i * 7919 + 104729) %% 1009 / 1009
score <- (age - 60) / 15 - (rate - 100) / 40 + 0.8 * (pain == "much") + 0.5 * missing
disease <- as.numeric(score + 4 * (noise - 0.5) > 0.2)
stay <- 10 + 2 * score + 6 * (noise - 0.5)
x <- data.frame(age = (age - 60) / 12, some = 1 * (pain == "some"), much = 1 * (pain == "much"), rate = (rate - 100) / 30, missing)
options(digits = 12)
print(coef(glm(disease ~ ., data = cbind(x, disease), family = binomial, control = list(epsilon = 1e-14, maxit = 100))))
print(coef(lm(stay ~ ., data = cbind(x, stay))))
grade <- cut(score + 4 * (noise - 0.5), c(-Inf, -1.1, 0.2, 1.4, Inf), labels = FALSE)
times <- 1 + floor(20 * exp(-score / 2) * (0.3 + ((i * 4231 + 17) %% 307) / 307))
died <- as.numeric((i * 31 + 7) %% 10 >= 3)
suppressMessages({ library(MASS); library(nnet); library(survival) })
exact <- list(reltol = 1e-16, maxit = 5000)
proportional <- polr(factor(grade) ~ ., data = cbind(x, grade = factor(grade)), control = exact)
print(c(coef(proportional), proportional$zeta))
print(t(coef(multinom(factor(grade) ~ ., data = cbind(x, grade), reltol = 1e-16, maxit = 5000, trace = FALSE))))
for (ties in c("efron", "breslow")) print(coef(coxph(Surv(times, died) ~ ., data = x, ties = ties, control = coxph.control(eps = 1e-13, toler.chol = 1e-14, iter.max = 200))))
print(c(events = sum(disease), sum = sum(stay), grades = tabulate(grade), times = sum(times), distinct = length(unique(times)), died = sum(died)))
