"""The settings of the sampling engine, and how they are used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from changepoint.errors import ModelError
from changepoint.results.result import MOST_DRAWS

if TYPE_CHECKING:
    import pymc as pm

WAYS = ("metropolis", "gibbs", "sum-out")
SAMPLERS = ("pymc", "nutpie")


@dataclass(frozen=True)
class Settings:
    """The fields of `MCMC`, which explains them."""

    draws: int = 1000
    tune: int = 1000
    chains: int = 4
    cores: int | None = None
    seed: int = 0
    switchpoints: Literal["metropolis", "gibbs", "sum-out"] = "metropolis"
    repeats: int = 8
    nuts: Literal["pymc", "nutpie"] = "pymc"

    def __post_init__(self) -> None:
        lowest = {"draws": 4, "tune": 0, "chains": 1, "cores": 1, "seed": 0, "repeats": 1}
        for name, least in lowest.items():
            number = getattr(self, name)
            if name == "cores" and number is None:
                continue
            if isinstance(number, bool) or not isinstance(number, int | np.integer):
                raise ModelError(f"{name} of MCMC must be a whole number, not {number!r}")
            if number < least:
                raise ModelError(f"{name} of MCMC must be at least {least}, not {number}")
            most = 2**63 - 1 if name == "seed" else MOST_DRAWS
            if number > most:
                raise ModelError(f"{name} of MCMC must be at most {most}, not {number}")
            object.__setattr__(self, name, int(number))
        for name, choices in (("switchpoints", WAYS), ("nuts", SAMPLERS)):
            if getattr(self, name) not in choices:
                raise ModelError(
                    f"{name} of MCMC must be one of {', '.join(choices)}, not "
                    f"{getattr(self, name)!r}"
                )
        if self.nuts != "pymc" and self.switchpoints != "sum-out":
            raise ModelError(
                f"{self.nuts} samples continuous variables only: use switchpoints='sum-out'"
            )

    def sample(self, pm_model: pm.Model, steps: Any, begin: Any) -> Any:
        """Run the sampler with this engine's settings."""
        from changepoint.sampling import sampler

        return sampler.run(
            pm_model, steps, begin, draws=self.draws, tune=self.tune, chains=self.chains,
            cores=self.cores, seed=self.seed, nuts=self.nuts,
        )  # fmt: skip
