"""One call of PyMC's sampler: steps, starts and seeds stated, nothing picked silently."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pymc as pm
import xarray as xr

from changepoint.errors import ChangepointError, EngineError

# What of NUTS and Metropolis is worth keeping; the rest is PyMC's book-keeping.
STATS = (
    "diverging", "energy", "lp", "tree_depth", "n_steps", "step_size", "acceptance_rate",
    "max_energy_error", "reached_max_treedepth",
)  # fmt: skip


class Sampled(NamedTuple):
    """Draws, statistics of the sampler, and whether draws are missing."""

    posterior: xr.Dataset
    sample_stats: xr.Dataset
    interrupted: bool


def compound(
    pm_model: pm.Model, repeats: int, gibbs: Any = None, nuts: list[Any] | None = None
) -> list[Any]:
    """Return the steps of one iteration: switchpoints first, then NUTS on what is continuous.

    Parameters
    ----------
    repeats
        Metropolis steps on discrete variables in an iteration; they are cheap.
    gibbs
        A step method that takes the place of Metropolis.
    """
    discrete, continuous = pm_model.discrete_value_vars, pm_model.continuous_value_vars
    with pm_model:
        steps: list[Any] = [] if gibbs is None else [gibbs]
        if gibbs is None and discrete:
            steps += [pm.Metropolis(discrete, blocked=True) for _ in range(repeats)]
        if continuous:
            steps.append(pm.NUTS(continuous))
    return steps


def run(
    pm_model: pm.Model,
    steps: list[Any] | None,
    starts: Any,
    *,
    draws: int,
    tune: int,
    chains: int,
    cores: int | None,
    seed: int,
    nuts: str = "pymc",
) -> Sampled:
    """Sample a PyMC model; without steps, by NUTS alone.

    Raises
    ------
    EngineError
        If PyMC can't start.
    KeyboardInterrupt
        If it was interrupted before any draw was made.
    """
    cores = min(chains, cores or os.cpu_count() or 1)
    options: dict[str, Any] = {"step": steps} if steps else {"nuts_sampler": nuts}
    if not steps and nuts == "pymc" and starts is not None:
        options["init"] = "adapt_diag"  # without jitter: the starts are over-dispersed
    if cores == 1 and nuts == "pymc":
        options["callback"] = _HandOn(draws + tune)
    if nuts == "nutpie":
        starts = starts and starts[0]  # it takes one for all chains, and jitters it
    with quiet() as progress, pm_model:
        try:
            tree = pm.sample(
                draws,
                tune=tune,
                chains=chains,
                cores=cores,
                random_seed=seed,
                initvals=starts,
                progressbar=progress,
                compute_convergence_checks=False,
                **options,
            )
        except ChangepointError:
            raise
        except Exception as error:  # of any kind: the model may be the user's own
            if isinstance(error, ValueError) and "Not enough samples" in str(error):
                raise KeyboardInterrupt from None
            raise EngineError(
                f"PyMC can't sample this model: {type(error).__name__}: {_first_line(error)}; "
                "check_pymc(the pm.Model) says what is impossible"
            ) from error
    groups = (tree[name].dataset for name in ("posterior", "sample_stats"))
    # After an interrupt, chains that are left keep their old numbers.
    posterior, stats = (g.assign_coords(chain=np.arange(g.sizes["chain"])) for g in groups)
    kept = [name for name in STATS if name in stats and stats[name].dims == ("chain", "draw")]
    short = posterior.sizes["draw"] < draws or posterior.sizes["chain"] < chains
    return Sampled(posterior, stats[kept], short)


class _HandOn:
    """Hands an interrupt on where chains run in turn: PyMC would end one and start the next."""

    def __init__(self, iterations: int) -> None:
        self.iterations, self.chain, self.done = iterations, 0, 0

    def __call__(self, trace: Any, draw: Any) -> None:
        if draw.chain != self.chain and self.done < self.iterations:
            raise KeyboardInterrupt
        self.chain, self.done = draw.chain, draw.draw_idx + 1


@contextlib.contextmanager
def quiet() -> Iterator[bool]:
    """Silence PyMC's log; yield whether to draw a progress bar, which is on a terminal.

    It goes to standard error, because standard output is for the answer.
    """
    logger = logging.getLogger("pymc")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with (
            contextlib.redirect_stdout(sys.stderr),
            warnings.catch_warnings(),
            np.errstate(over="ignore", invalid="ignore"),  # of rejected proposals
        ):
            # PyMC forks, whatever other threads there are; its children compute and no more.
            warnings.filterwarnings("ignore", ".*use of fork", DeprecationWarning)
            # What PyTensor has no compiled form of, such as draws of a switchpoint.
            warnings.filterwarnings("ignore", "Numba will use object mode", UserWarning)
            yield sys.stderr.isatty()
    finally:
        logger.setLevel(level)


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or ["no message"])[0].rstrip(".")
