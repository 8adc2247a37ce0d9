"""Bayesian change points for small rates: counts and trials in, an exact posterior out.

A table of counts and trials goes in; what comes out is whether the rate changed, when, from
what to what, and how sure that is.
"""

from changepoint import batch as batch
from changepoint import effects as effects
from changepoint import likelihoods as likelihoods
from changepoint import priors as priors
from changepoint import scoring as scoring
from changepoint import trust as trust
from changepoint.changes import Changes as Changes
from changepoint.errors import AccessError as AccessError
from changepoint.errors import ChangepointError as ChangepointError
from changepoint.errors import ConvergenceWarning as ConvergenceWarning
from changepoint.errors import DataError as DataError
from changepoint.errors import DataWarning as DataWarning
from changepoint.errors import EngineError as EngineError
from changepoint.errors import ModelError as ModelError
from changepoint.errors import SupportError as SupportError
from changepoint.exact.engine import Exact as Exact
from changepoint.fitting import fit as fit
from changepoint.model import Model as Model
from changepoint.model_comparison import ModelComparison as ModelComparison
from changepoint.model_comparison import compare_models as compare_models
from changepoint.observations import Observations as Observations
from changepoint.posterior import Posterior as Posterior
from changepoint.reading import from_frame as from_frame
from changepoint.reading import read as read
from changepoint.reading import read_csv as read_csv
from changepoint.reading import read_parquet as read_parquet
from changepoint.sampling.check import check_pymc as check_pymc
from changepoint.sampling.check.report import PyMCCheck as PyMCCheck
from changepoint.sampling.engine import MCMC as MCMC
from changepoint.sampling.models.sum_out import draw_switchpoints as draw_switchpoints
from changepoint.sampling.models.sum_out import sum_out as sum_out
from changepoint.version import __version__ as __version__

__all__ = [
    "MCMC",
    "AccessError",
    "ChangepointError",
    "Changes",
    "ConvergenceWarning",
    "DataError",
    "DataWarning",
    "EngineError",
    "Exact",
    "Model",
    "ModelComparison",
    "ModelError",
    "Observations",
    "Posterior",
    "PyMCCheck",
    "SupportError",
    "batch",
    "check_pymc",
    "compare_models",
    "draw_switchpoints",
    "effects",
    "fit",
    "from_frame",
    "likelihoods",
    "priors",
    "read",
    "read_csv",
    "read_parquet",
    "scoring",
    "sum_out",
    "trust",
]
