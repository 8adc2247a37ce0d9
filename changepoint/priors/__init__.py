"""Prior distributions of one parameter, with PyMC's names and parameters.

Each states its density, its support, its cumulative distribution and its quantiles. They are
reached through this module (`priors.Beta`), because some names are likelihoods as well.
"""

from changepoint.priors.base import Prior as Prior
from changepoint.priors.distributions import Beta as Beta
from changepoint.priors.distributions import Exponential as Exponential
from changepoint.priors.distributions import Gamma as Gamma
from changepoint.priors.distributions import HalfNormal as HalfNormal
from changepoint.priors.distributions import InverseGamma as InverseGamma
from changepoint.priors.distributions import Logistic as Logistic
from changepoint.priors.distributions import LogNormal as LogNormal
from changepoint.priors.distributions import Normal as Normal
from changepoint.priors.distributions import Uniform as Uniform
