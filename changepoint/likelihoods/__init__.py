"""Likelihood families, by name. Reached as `likelihoods.BetaBinomial` and so on.

To add one: a file with one subclass of `SegmentLikelihood`, and a line here. The laws in the
tests run over every entry of FAMILIES.
"""

from changepoint.likelihoods.auto import Auto as Auto
from changepoint.likelihoods.autoregressive import Autoregressive as Autoregressive
from changepoint.likelihoods.autoregressive_trend import (
    AutoregressiveTrend as AutoregressiveTrend,
)
from changepoint.likelihoods.base import Likelihood as Likelihood
from changepoint.likelihoods.base import SegmentLikelihood as SegmentLikelihood
from changepoint.likelihoods.bernoulli import Bernoulli as Bernoulli
from changepoint.likelihoods.beta import Beta as Beta
from changepoint.likelihoods.beta_binomial import BetaBinomial as BetaBinomial
from changepoint.likelihoods.binomial import Binomial as Binomial
from changepoint.likelihoods.categorical import Categorical as Categorical
from changepoint.likelihoods.exponential import Exponential as Exponential
from changepoint.likelihoods.multinomial import Multinomial as Multinomial
from changepoint.likelihoods.negative_binomial import NegativeBinomial as NegativeBinomial
from changepoint.likelihoods.normal import Normal as Normal
from changepoint.likelihoods.normal_mean_variance import (
    NormalMeanVariance as NormalMeanVariance,
)
from changepoint.likelihoods.normal_variance import NormalVariance as NormalVariance
from changepoint.likelihoods.outcomes import (
    categorical_log_likelihood as categorical_log_likelihood,
)
from changepoint.likelihoods.poisson import Poisson as Poisson
from changepoint.likelihoods.spikes import SpikedBetaBinomial as SpikedBetaBinomial
from changepoint.likelihoods.spikes import SpikedBinomial as SpikedBinomial
from changepoint.likelihoods.spikes import SpikedNegativeBinomial as SpikedNegativeBinomial
from changepoint.likelihoods.spikes import SpikedPoisson as SpikedPoisson
from changepoint.likelihoods.student_t import StudentT as StudentT
from changepoint.likelihoods.trend import Trend as Trend

FAMILIES: dict[str, type[Likelihood]] = {
    family.name: family
    for family in (
        Binomial,
        BetaBinomial,
        Bernoulli,
        Multinomial,
        Categorical,
        Beta,
        NegativeBinomial,
        Poisson,
        SpikedBinomial,
        SpikedBetaBinomial,
        SpikedNegativeBinomial,
        SpikedPoisson,
        Exponential,
        Auto,
        Normal,
        NormalMeanVariance,
        NormalVariance,
        Trend,
        Autoregressive,
        AutoregressiveTrend,
        StudentT,
    )
}
