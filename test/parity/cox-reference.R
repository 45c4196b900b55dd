# Reference for `losses-pytorch.test.ts`: Cox's log partial likelihood at given log hazard ratios, and its gradient by them, by R's survival.
#
#   Rscript test/parity/cox-reference.R > test/parity/generated/cox-r.json
#
# Made with R 4.2.2 and survival 3.5-3. coxph with the score as its one column, init = 1 and no iterations gives the log likelihood there; the gradient
# by each score is a central difference with a step of 1e-4 (error about 1e-9).
library(survival)
set.seed(5)
loglik <- function(time, event, score, ties) {
  fit <- coxph(Surv(time, event) ~ score, init = 1, ties = ties, control = coxph.control(iter.max = 0))
  fit$loglik[2]
}
case <- function(title, time, event, score) {
  one <- function(ties) {
    value <- loglik(time, event, score, ties)
    gradient <- vapply(seq_along(score), function(row) {
      moved <- function(by) { changed <- score; changed[row] <- changed[row] + by; loglik(time, event, changed, ties) }
      (moved(1e-4) - moved(-1e-4)) / 2e-4
    }, numeric(1))
    sprintf('{"loss":%.12g,"gradient":[%s]}', -value, paste(sprintf("%.9g", -gradient), collapse = ","))
  }
  numbers <- function(x) paste(sprintf("%.9g", x), collapse = ",")
  sprintf('{"title":"%s","time":[%s],"event":[%s],"score":[%s],"breslow":%s,"efron":%s}', title, numbers(time),
    numbers(event), numbers(score), one("breslow"), one("efron"))
}
n <- 40
score <- round(rnorm(n), 4)
cat(sprintf('{"survival":"%s","cases":[%s]}\n', packageVersion("survival"), paste(c(
  case("distinct times", sample(n), rbinom(n, 1, 0.6), score),
  case("few times, many ties", sample(6, n, TRUE), rbinom(n, 1, 0.7), score),
  case("all at one time", rep(3, n), rbinom(n, 1, 0.5), score),
  case("every row an event", sample(9, n, TRUE), rep(1, n), 2 * score)
), collapse = ",")))
