# Reference for glm-r.test.ts: Rscript test/parity/glm-reference.R
# Made with R 4.2.2. The rows are integer arithmetic, so that both languages have the same ones; see rowOf in the test.
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
print(c(events = sum(disease), sum = sum(stay)))
