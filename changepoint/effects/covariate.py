"""A column that is known in each row: a price, a temperature, a region."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from changepoint.effects.base import Design, Effect, Floats, no_effect, of_levels, with_response
from changepoint.errors import DataError, ModelError, Problem
from changepoint.observations import Observations

MOST = 50  # categories
STEP = 0.95  # of a column's variance explained by one split: it looks like a change


@dataclass(frozen=True)
class Covariate(Effect):
    """An effect of a further column: of numbers in proportion, of text one for each category.

    Effects of categories add up to 0.

    Parameters
    ----------
    column
        Its name among the covariates of the data (`--covariate`, `covariates=` of the readers).
    standardise
        Whether numbers are taken from their mean, in units of their standard deviation: the
        level is that at the mean, the coefficient the effect of one standard deviation. Else
        numbers are taken as they are: the level is that at 0, the coefficient that of 1 more.

    Examples
    --------
    >>> from changepoint import Observations
    >>> data = Observations(count=[5, 4, 9, 8], covariates={"price": [2.0, 2.0, 1.0, 1.0]})
    >>> Covariate("price").design(data).rows[:, 0]
    array([ 1.,  1., -1., -1.])
    """

    column: str
    standardise: bool = True

    name: ClassVar = "covariate"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.column, str) or not self.column:
            raise ModelError(
                f"a Covariate needs the name of a column as text, not {self.column!r}"
            )
        if not isinstance(self.standardise, bool):
            raise ModelError(
                f"standardise of a Covariate is True or False, not {self.standardise!r}"
            )

    def words(self, term: str, size: str) -> str:
        """Return the effect with its largest term, and a verb."""
        return f"The {self.title} ({term} {size}) is"

    def design(self, observations: Observations) -> Design:
        """Return the numbers, or contrasts of the categories; 0 in rows without a response."""
        column, seen = self._known(observations)
        if len(np.unique(column[seen])) < 2:
            return no_effect(len(column), self.column)
        if column.dtype.kind == "U":
            return self._of_categories(column, seen)
        centre = column[seen].mean() if self.standardise else 0.0
        unit = column[seen].std() if self.standardise else 1.0
        rows = np.where(np.isfinite(column), (column - centre) / unit, 0.0)[:, None]
        return Design(rows, (f"{unit:.3g} more",), np.ones((1, 1)))

    def _of_categories(self, column: NDArray[Any], seen: NDArray[np.bool_]) -> Design:
        found = np.unique(column[seen])
        if len(found) > min(MOST, seen.sum() / 2):
            raise DataError(
                f"the covariate {self.column!r} has {len(found)} categories in {seen.sum()} "
                f"rows, such as {str(found[0])!r}: at most {MOST}, and half as many as rows, "
                "can be told apart. If these are numbers, write all of them as numbers"
            )
        level = np.searchsorted(found, column).clip(max=len(found) - 1)
        design = of_levels(self.title, level, tuple(map(str, found)))
        known = found[level] == column  # others stand in rows without a response
        return design._replace(rows=np.where(known[:, None], design.rows, 0.0))

    def _known(self, observations: Observations) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Return the column, and which rows count: those with a response.

        Raises
        ------
        DataError
            If there is no such column, or if it is missing in a row that counts.
        """
        column = observations.covariates.get(self.column)
        if column is None:
            there = ", ".join(map(repr, observations.covariates)) or "none"
            raise DataError(
                f"the model needs the covariate {self.column!r}, and the data have {there}: "
                f"name the column (--covariate, in Python covariates=[{self.column!r}])"
            )
        seen = with_response(observations)
        text = column.dtype.kind == "U"
        lacks = np.flatnonzero(seen & ((column == "") if text else ~np.isfinite(column)))
        if len(lacks):
            rows = "1 row" if len(lacks) == 1 else f"{len(lacks)} rows"
            raise DataError(
                f"the covariate {self.column!r} isn't known in {rows}, which can't be used so:",
                [self._lack(observations, int(row)) for row in lacks],
            )
        return column, seen

    def _lack(self, observations: Observations, row: int) -> Problem:
        lines = observations.lines
        return Problem(
            observations.file,
            None if lines is None else int(lines[row]),
            f"row {row}" if observations.time is None else observations.label(row),
            self.column,
            None,
            f"a response without its {self.column}",
            "Fill it in, or leave the row out (--exclude), or the covariate",
        )

    def cautions(self, observations: Observations) -> Iterator[str]:
        """Warn of a column that is always the same, or that is itself a change."""
        column, seen = self._known(observations)
        if len(np.unique(column[seen])) < 2:
            yield f"the {self.title} is the same in every row: it changes nothing"
            return
        rows = np.flatnonzero(seen)
        split, share = best_split(self.design(observations).rows[rows])
        if share > STEP:
            yield (
                f"the {self.title} is a step at {observations.label(rows[split])}, or nearly "
                "so: it can't be told from a change there but by the priors"
            )

    @property
    def title(self) -> str:
        """What tells it from other effects."""
        return f"covariate {self.column}"


def best_split(rows: Floats) -> tuple[int, float]:
    """Return where columns split best into a mean before and one after, and how much it says.

    The first row after the split, and the share of the variance of all columns, (n, d), that
    the two means explain.
    """
    centred = rows - rows.mean(axis=0)
    n, before = len(rows), np.arange(1, len(rows))
    squares = np.sum(np.cumsum(centred, axis=0)[:-1] ** 2, axis=1)
    explained = squares * n / (before * (n - before))
    best = int(np.argmax(explained))
    return best + 1, float(explained[best] / np.sum(centred**2))
