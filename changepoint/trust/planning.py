"""Before there are data: how small a change would be found, in how many rows and trials."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from changepoint.answer import Answer
from changepoint.errors import ModelError
from changepoint.model import Model, default_likelihood
from changepoint.observations import Observations
from changepoint.trust.design import HIGHEST, Design
from changepoint.trust.detection import (
    SURE,
    Share,
    Smallest,
    check_runs,
    share_of,
    smallest,
    told,
    trials_of_screening,
)

if TYPE_CHECKING:
    import pandas as pd

    from changepoint.trust.chances import Chances

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Mask = NDArray[np.bool_]

RATIOS = (1.02, 1.05, 1.1, 1.15, 1.2, 1.3, 1.4, 1.6, 2.0, 3.0, 5.0, 10.0)  # looked through
AT_ONCE = 64  # series
MEASURED = 30  # series whose credible set is measured, at most: that takes a whole answer


class PowerAt(NamedTuple):
    """What is found of changes of one ratio.

    found
        Share of series in which P(any change) is above 0.95.
    width, width_error
        Mean number of rows in the 95 % credible set of the largest change, in the first 30
        series that were found, and its standard error; None where none was, or only one.
    """

    ratio: float
    found: Share
    width: float | None
    width_error: float | None


@dataclass(frozen=True)
class Power:
    """How small a change would be found.

    Parameters
    ----------
    model
        Under which it is looked for, priors filled.
    runs, seed
        Series of each ratio; of the simulation.
    false_alarms
        Share of series without a change in which one would be found all the same.
    ratios
        What is found of each ratio asked for.
    smallest_increase, smallest_decrease
        What is found in 80 % of the series; None where no ratio that was tried is, or where
        it wasn't asked for.
    """

    model: Model
    rows: int
    runs: int
    seed: int
    false_alarms: Share
    ratios: tuple[PowerAt, ...]
    smallest_increase: Smallest | None
    smallest_decrease: Smallest | None

    @property
    def sought_up(self) -> bool:
        """Whether the smallest increase was looked for."""
        return not self.ratios or any(at.ratio > 1 for at in self.ratios)

    @property
    def sought_down(self) -> bool:
        """Whether the smallest decrease was."""
        return any(at.ratio < 1 for at in self.ratios)

    @property
    def table(self) -> pd.DataFrame:
        """A row per ratio, the first of them 1: no change."""
        import pandas as pd

        every = [PowerAt(1.0, self.false_alarms, None, None), *self.ratios]
        rows = [(*at.found[:2], at.width, at.width_error) for at in every]
        index = pd.Index([at.ratio for at in every], name="ratio")
        names = ["found", "found_error", "width", "width_error"]
        return pd.DataFrame(rows, index=index, columns=names, dtype=float)

    def to_dict(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        return {
            "model": {
                "likelihood": self.model.likelihood.name,
                "priors": self.model.likelihood.priors(),
                "changes": self.model.changes.to_dict(),
            },
            "rows": self.rows,
            "runs": self.runs,
            "seed": self.seed,
            "threshold": SURE,
            "false_alarms": told(self.false_alarms),
            "ratios": [{**at._asdict(), "found": told(at.found)} for at in self.ratios],
            "smallest_increase": told(self.smallest_increase),
            "smallest_decrease": told(self.smallest_decrease),
        }


def power(
    rate: float,
    *,
    rows: int,
    trials: ArrayLike | None = None,
    exposure: ArrayLike | None = None,
    ratios: Sequence[float] = (),
    dispersion: float = 1.0,
    at: int | None = None,
    model: Model | None = None,
    runs: int = 1000,
    seed: int = 0,
    progress: Callable[[int, int], None] = lambda done, every: None,
) -> Power:
    """Return how small a change would be found in data that are still to come.

    Series are simulated, without a change and with one, and each is answered. The model's
    priors are filled from what is expected.

    Parameters
    ----------
    rate
        Before the change: events a trial, or per unit of exposure.
    rows
        How many there will be.
    trials, exposure
        Of each row: a number, or one a row. Without either, each row counts the events of one
        unit of exposure.
    ratios
        Of the rate after a change to that before it.
    dispersion
        The variance of rows as a multiple of that of independent trials, or events.
    at
        The first row after the change, from 0; a random one in each series, when None.
    model
        Under which the change is looked for; None for the default one.
    runs
        Series for each ratio.
    seed
        Of the simulation.
    progress
        Is told how many series are done, of how many at most.

    Raises
    ------
    ModelError
        If there can be no such data.

    Examples
    --------
    >>> from changepoint import Model, likelihoods, trust
    >>> model = Model(likelihoods.Binomial())
    >>> found = trust.power(
    ...     0.009, trials=1000, rows=60, ratios=[1.1, 2], model=model, runs=50
    ... )
    >>> found.table["found"].round(1).tolist()
    [0.0, 0.0, 1.0]
    """
    design = Design.of(rate, rows, trials, exposure, dispersion, at)
    _check(design, ratios, runs, seed)
    study = _Study(design, model, np.random.default_rng(seed), runs, progress)
    ways = [sorted(r for r in RATIOS if design.possible(r))]
    ways.append([1 / r for r in RATIOS])
    up = not ratios or any(ratio > 1 for ratio in ratios)
    down = any(ratio < 1 for ratio in ratios)
    study.expect(len(ratios), up + down)
    false_alarms = share_of(study.found(np.ones(runs)))
    told = tuple(study.at(float(ratio)) for ratio in ratios)
    every = [
        smallest(study.found, way, runs, study.rng) if asked and way else None
        for way, asked in zip(ways, (up, down), strict=True)
    ]
    if study.answered < study.every:  # a search may need fewer
        study.done(study.every)
    return Power(study.model, rows, runs, seed, false_alarms, told, *every)


def _check(design: Design, ratios: Sequence[float], runs: int, seed: int) -> None:
    for ratio in ratios:
        if not (0 < ratio < math.inf) or ratio == 1:
            raise ModelError(f"a ratio must be above 0 and not 1, which is no change: {ratio}")
        if not design.possible(ratio):
            raise ModelError(
                f"a rate of {design.rate:g} can't become {ratio:g} times as large: that is "
                f"above {HIGHEST:g}"
            )
    check_runs(runs, seed)


class _Study:
    """Series simulated by a design, and answered under one model."""

    def __init__(
        self,
        design: Design,
        model: Model | None,
        rng: np.random.Generator,
        runs: int,
        progress: Callable[[int, int], None],
    ) -> None:
        from changepoint.trust.chances import Chances

        expected = design.expected()
        model = Model(default_likelihood(expected)) if model is None else model
        _check_model(model, design)
        self.design, self.model, self.rng = design, model.resolve(expected), rng
        self.runs, self.progress = runs, progress
        self.chances: Chances = Chances(self.model)
        self.answered, self.every = 0, 0

    def expect(self, ratios: int, searches: int) -> None:
        """Say how many series there will be at most."""
        self.every = self.runs * (1 + ratios + searches)
        self.every += trials_of_screening(RATIOS) * searches
        self.progress(0, self.every)

    def done(self, answered: int) -> None:
        """Say how many are answered."""
        self.answered = answered
        self.progress(answered, self.every)

    def found(self, ratios: Floats) -> Mask:
        """Return whether a change is found in a series of each of some ratios."""
        return np.array([p for _, p in self._answered(ratios)]) > SURE

    def at(self, ratio: float) -> PowerAt:
        """Return what is found of one ratio."""
        seen, kept = list[bool](), list[Observations]()
        for one, p in self._answered(np.full(self.runs, ratio)):
            seen.append(p > SURE)
            if seen[-1] and len(kept) < MEASURED:
                kept.append(one)
        widths = [_width(Answer(result)) for result in self.chances.results(kept)]
        found = share_of(np.array(seen))
        if len(widths) < 2:
            return PowerAt(ratio, found, None, None)
        error = float(np.std(widths, ddof=1) / np.sqrt(len(widths)))
        return PowerAt(ratio, found, float(np.mean(widths)), error)

    def _answered(self, ratios: Floats) -> Iterator[tuple[Observations, float]]:
        """Yield series and their P(any change)."""
        m, T = self.model.changes.min_length, len(self.design)
        for start in range(0, len(ratios), AT_ONCE):
            some = ratios[start : start + AT_ONCE]
            places = self.rng.integers(m, T - m + 1, len(some))
            if self.design.at is not None:
                places[:] = self.design.at
            series = [
                self.design.draw(ratio, place, self.rng)
                for ratio, place in zip(some.tolist(), places.tolist(), strict=True)
            ]
            yield from zip(series, self.chances(series).tolist(), strict=True)
            self.done(self.answered + len(some))


def _check_model(model: Model, design: Design) -> None:
    """Refuse what can't be looked for in such data, in words."""
    if not isinstance(model, Model):
        raise ModelError(f"model must be a Model, such as Model(BetaBinomial()), not {model!r}")
    if model.effects:
        raise ModelError("power is about models without effects: leave them out")
    if model.changes.exactly is not None or not model.changes.possible:
        raise ModelError(
            f"{model.changes} leaves nothing to find: power needs a model that doesn't know "
            "the number of changes"
        )
    if model.likelihood.response != "count":
        raise ModelError(
            f"the likelihood {model.likelihood.name!r} is about {model.likelihood.response}s; "
            "power is about counts: choose binomial or beta-binomial with trials, poisson or "
            "negative-binomial with exposure"
        )
    expected = design.expected()
    model.check(design.observed(np.rint(expected.column("count"))))


def _width(answer: Answer) -> float:
    """Return how many rows the credible set of the largest change has; all if none is told."""
    if not answer.changes:
        return float(len(answer.observations))
    largest = max(answer.changes, key=lambda change: abs(change.difference.mean))
    return float(sum(last - first + 1 for first, last in largest.credible))
