"""Limits of a control chart: p, u or individuals, rebased at the changes that are sure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from changepoint.errors import DataError

if TYPE_CHECKING:
    from changepoint.answer import Answer

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

SIGMAS = 3.0
D2 = 2 / np.sqrt(np.pi)  # mean range of two standard normal numbers: 1.128
ROUNDED = 1e-9  # differences that are rounding, relative


class Chart(NamedTuple):
    """What a chart shows of T rows in S stages; NaN where a row has no number or no limits.

    kind
        "p" (events per trial), "u" (events per exposure), "c" (events a row) or "XmR".
    y, centre, lower, upper
        The points, the mean of their stage, and its 3-sigma limits, (T,) each.
    wide_lower, wide_upper
        Laney's limits, (T,): those of the p' or u' chart. None for XmR, and where sigma Z isn't
        known.
    sigma_z
        By how much the points vary more than the distribution says, 1 if they don't; its square
        estimates the variance inflation. NaN for XmR, or without two rows in succession.
    starts
        The first row of each stage, 0 the first, (S,).
    """

    kind: str
    y: Floats
    centre: Floats
    lower: Floats
    upper: Floats
    wide_lower: Floats | None
    wide_upper: Floats | None
    sigma_z: float
    starts: Integers

    @property
    def limits(self) -> tuple[Floats, Floats]:
        """The limits that points are judged by: Laney's where they are known."""
        if self.wide_lower is None or self.wide_upper is None:
            return self.lower, self.upper
        return self.wide_lower, self.wide_upper

    @property
    def beyond(self) -> NDArray[np.bool_]:
        """Which points lie beyond these, (T,)."""
        lower, upper = self.limits
        slack = ROUNDED * np.abs(self.centre)  # of a stage whose rows are all the same
        return (self.y < lower - slack) | (self.y > upper + slack)


def chart_of(posterior: Answer) -> Chart:
    """Return the chart of a posterior's data, its stages split at the sure changes.

    Raises
    ------
    DataError
        If the data are several outcomes a trial.
    """
    observations, family = posterior.observations, posterior.model.likelihood
    starts = np.array([0, *(change.index for change in posterior.sure_changes())], np.int64)
    if family.response == "outcomes":
        raise DataError(
            "there is no control chart of several outcomes a trial: choose one of them as "
            "count, and their sum as trials"
        )
    if family.response != "count":
        return individuals(observations.column(family.response), starts)
    n = family.worth(observations)
    return attributes(observations.column("count"), n, starts, kind_of(posterior))


def kind_of(posterior: Answer) -> str:
    """Return which chart counts have."""
    family = posterior.model.likelihood
    by = family.divisor(posterior.observations)
    if by == "trials" or family.name == "bernoulli":
        return "p"
    return "c" if by is None else "u"


def attributes(count: Floats, n: Floats, starts: Integers, kind: str) -> Chart:
    """Return a p, u or c chart, and with it Laney's p' or u'.

    With m the events of a stage divided by its trials (or exposure), and n_t those of row t,

        sd_t = sqrt(m (1 - m) / n_t)  (p),   sqrt(m / n_t)  (u, c),   limits m -+ 3 sd_t,

    cut to what is possible. With z_t = (y_t - m) / sd_t,

        sigma_Z = mean |z_t - z_(t-1)| / 1.128,

    over pairs of successive rows of one stage, all stages together; Laney's limits are
    m -+ 3 sd_t sigma_Z.

    Parameters
    ----------
    count, n
        Events, and trials or exposure, of each row, (T,); NaN where missing.
    starts
        First row of each stage, (S,), ascending from 0.
    kind
        "p", "u" or "c".

    References
    ----------
    D. Montgomery, Introduction to Statistical Quality Control, chapter 7: p and u charts.
    D. Laney (2002), Improved control charts for attributes, Quality Engineering 14, 531.

    Examples
    --------
    >>> found = attributes(np.array([4.0, 6, 5]), np.full(3, 100.0), np.array([0]), "p")
    >>> print(found.centre[0], found.upper[0].round(4))  # 0.05 + 3 sqrt(0.05 0.95 / 100)
    0.05 0.1154
    """
    seen = np.isfinite(count) & np.isfinite(n) & (n > 0)
    size = np.where(seen, n, np.nan)
    y = np.where(seen, count, np.nan) / size
    stage = _stages(len(y), starts)
    m = np.full(len(y), np.nan)
    for mine in _rows(stage, seen):
        m[stage == stage[mine[0]]] = count[mine].sum() / n[mine].sum()
    sd = np.sqrt(m * (1 - m if kind == "p" else 1.0) / size)
    z = np.divide(y - m, sd, out=np.full(len(y), np.nan), where=sd > 0)
    ranges = _ranges(z, stage)
    sigma_z = float(ranges.mean() / D2) if len(ranges) else np.nan
    top = 1.0 if kind == "p" else np.inf
    lower, upper = (np.clip(m + side * SIGMAS * sd, 0, top) for side in (-1, 1))
    if not sigma_z > ROUNDED:  # unknown, or of rows that are all the same
        return Chart(kind, y, m, lower, upper, None, None, np.nan, starts)
    wide = SIGMAS * sigma_z * sd
    cut = np.clip(m - wide, 0, top), np.clip(m + wide, 0, top)
    return Chart(kind, y, m, lower, upper, *cut, sigma_z, starts)


def individuals(y: Floats, starts: Integers) -> Chart:
    """Return an individuals chart (XmR): mean -+ 2.66 mean moving range of each stage.

    2.66 is 3 / 1.128. Moving ranges are those of successive rows that both have a number; a
    stage without any has no limits.

    References
    ----------
    D. Wheeler (2000), Understanding Variation.

    Examples
    --------
    >>> found = individuals(np.array([10.0, 12, 11, 13]), np.array([0]))
    >>> print(found.centre[0], found.upper[0].round(2))  # 11.5 + 2.66 (2 + 1 + 2) / 3
    11.5 15.93
    """
    stage = _stages(len(y), starts)
    centre, half = np.full(len(y), np.nan), np.full(len(y), np.nan)
    for mine in _rows(stage, np.isfinite(y)):
        here = stage == stage[mine[0]]
        centre[here] = y[mine].mean()
        ranges = _ranges(np.where(here, y, np.nan), stage)
        if len(ranges):
            half[here] = SIGMAS / D2 * ranges.mean()
    return Chart("XmR", y, centre, centre - half, centre + half, None, None, np.nan, starts)


def _stages(T: int, starts: Integers) -> Integers:
    """Return which stage each row belongs to, (T,)."""
    found: Integers = np.searchsorted(starts, np.arange(T), side="right") - 1
    return found


def _rows(stage: Integers, seen: NDArray[np.bool_]) -> list[Integers]:
    """Return the rows with a number of each stage that has any."""
    return [np.flatnonzero(seen & (stage == s)) for s in np.unique(stage[seen])]


def _ranges(y: Floats, stage: Integers) -> Floats:
    """Return the distances of successive rows of one stage that both have a number."""
    distance = np.abs(np.diff(y))
    together = (np.diff(stage) == 0) & np.isfinite(distance)
    found: Floats = distance[together]
    return found
