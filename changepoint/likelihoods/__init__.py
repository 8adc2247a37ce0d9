"""Likelihood families, by name. Reached as `likelihoods.BetaBinomial` and so on.

To add one: a file with one subclass of `Likelihood`, and a line here. The laws in the tests
run over every entry of FAMILIES.
"""

from changepoint.likelihoods.base import Likelihood as Likelihood
from changepoint.likelihoods.bernoulli import Bernoulli as Bernoulli
from changepoint.likelihoods.beta import Beta as Beta
from changepoint.likelihoods.beta_binomial import BetaBinomial as BetaBinomial
from changepoint.likelihoods.binomial import Binomial as Binomial
from changepoint.likelihoods.exponential import Exponential as Exponential
from changepoint.likelihoods.negative_binomial import NegativeBinomial as NegativeBinomial
from changepoint.likelihoods.normal import Normal as Normal
from changepoint.likelihoods.poisson import Poisson as Poisson
from changepoint.likelihoods.student_t import StudentT as StudentT

FAMILIES: dict[str, type[Likelihood]] = {
    family.name: family
    for family in (
        Binomial,
        BetaBinomial,
        Bernoulli,
        Beta,
        NegativeBinomial,
        Poisson,
        Normal,
        StudentT,
        Exponential,
    )
}
