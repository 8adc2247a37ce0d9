"""Coefficients of effects where segments have a closed form: by recursions over their starts.

A row less its effects is what the segments are made of, so the evidence at some coefficients is
that of other values; and its derivative by a value is minus what the segment pulls the row
with, the precision of its noise times the row's distance from its line.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from changepoint.errors import EngineError
from changepoint.exact import outer_quadrature as outer
from changepoint.exact import segment_mixture
from changepoint.exact.effect_mixture import summed
from changepoint.exact.effect_nodes import Gaussians, without
from changepoint.exact.effect_surface import Height, Surface
from changepoint.exact.hyper_mixture import Condition
from changepoint.exact.hyper_nodes import HyperNodes
from changepoint.exact.segment_chain import Chain, Counted
from changepoint.exact.segment_mixture import Segments, chain_of, search, statistics_of
from changepoint.likelihoods.base import ClosedForm
from changepoint.likelihoods.segment_statistics import Lines
from changepoint.likelihoods.series import Shifts
from changepoint.model import Model
from changepoint.observations import Observations

Floats = NDArray[np.float64]

OVERHEAD = 5e3  # segments that are weighed while a pass is prepared


def infer(model: Model, observations: Observations, condition: Condition) -> Segments:
    """Return the posterior of a resolved model, with effects or without.

    Raises
    ------
    EngineError
        If segments have no closed form, or coefficients can't be summed out.
    """
    if not model.effects:
        return segment_mixture.infer(model, observations, condition)
    return summed(SegmentProblem(model, observations, condition))[1]


class SegmentProblem:
    """A model and a series of closed-form segments; see `effect_mixture.Problem`."""

    def __init__(self, model: Model, observations: Observations, condition: Condition) -> None:
        shifts = model.shifts(observations)
        assert shifts is not None  # who asks knows
        self.model, self.observations, self.condition = model, observations, condition
        self.shifts = shifts
        self._plain = SegmentSurface(model, observations, condition, shifts)

    def surface(self, shifts: Shifts) -> SegmentSurface:
        """Return the surface of some of the coefficients."""
        return SegmentSurface(self.model, self.observations, self.condition, shifts)

    def without(self) -> Gaussians:
        """Return where the posterior is without any effect."""
        none = np.zeros(len(self.shifts.sigma))
        return without(
            self._plain.nodes, lambda hyper: self._plain.pass_at(hyper, none)[1].log_sum
        )

    def work(self, nodes: HyperNodes) -> float:
        """Return how many segments a sum over these nodes weighs, as if each pass had more."""
        return len(nodes.values) * (len(self.observations) ** 2 / 2 + OVERHEAD)

    def inference(self, nodes: HyperNodes) -> Segments:
        """Return the inference on these nodes."""
        return Segments(self.model, self.observations, self.condition, nodes)


class SegmentSurface(Surface):
    """Log p(beta, y | hyper) of linear segments.

    Parameters
    ----------
    model
        Resolved.
    observations
        T rows.
    condition
        What is known of the number of changes.
    shifts
        Of the effects, by row.
    """

    def __init__(
        self, model: Model, observations: Observations, condition: Condition, shifts: Shifts
    ) -> None:
        super().__init__(shifts, condition.number == 0)
        family = model.likelihood
        if not isinstance(family, ClosedForm) or family.response != "value":
            raise EngineError(f"{family} has no closed form with effects")
        self.model, self.observations, self.condition = model, observations, condition
        self.closed, self.family = family, model.likelihood

    @property
    def unit(self) -> float:
        """How far eta goes: that depends on the measurements."""
        return float(self.sigma.min())

    def without_changes(self) -> SegmentSurface:
        """Return the same where nothing changes."""
        return SegmentSurface(self.model, self.observations, Condition(0), self.shifts)

    def median(self) -> Floats:
        """Return the family's hyperparameters in the middle of their prior."""
        hyper = self.family.hyper
        return np.empty(0) if hyper is None else np.atleast_1d(hyper.median())

    def nodes(self, fineness: float) -> outer.Search:
        """Return the search for nodes of the family's hyperparameters."""
        return search(self.family, fineness)

    def estimates(self) -> tuple[Floats, Floats]:
        """Return what observed rows tell of eta, one by one, (n,); and their design, (n, d)."""
        y = self.observations.column("value")
        seen = ~np.isnan(y)
        return y[seen], self.shifts.patterns[seen]

    def pass_at(self, hyper: Floats, beta: Floats) -> tuple[Lines, Chain | Counted]:
        """Return the statistics of the rows less their effects, and the forward pass."""
        rows = segment_mixture.less(self.observations, self.shifts, beta)
        st = statistics_of(self.closed, rows, float(self.family.own(hyper)))
        assert isinstance(st, Lines)  # as values are
        return st, chain_of(st, self.model, self.condition, len(rows), keep=True)

    def at(self, hyper: Floats, beta: Floats) -> Height:
        """Return the height at some hyperparameters of the family and coefficients."""
        st, chain = self.pass_at(hyper, beta)
        whole, begin = chain.pulls()
        rows = np.flatnonzero(~np.isnan(self.observations.column("value")))
        y, x, design = st.begin[rows, 3], st.x[rows], self.shifts.patterns[rows]
        # Rows that go on, less what they keep of the one before, and rows that begin.
        going, begin = whole[:, rows] - begin[:, rows], begin[:, rows]
        kept = np.append(0.0, st.correlation ** np.diff(rows).astype(float))
        precision, one = 1 / (1 - kept**2), 1 - kept
        ahead = [part - (kept * np.roll(part, 1, axis=0).T).T for part in (y, x, design)]
        pull = precision * (ahead[0] * going[0] - one * going[1] - ahead[1] * going[2])
        pull_begin = y * begin[0] - begin[1] - x * begin[2]
        worth = precision * going[0]
        information = (ahead[2].T * worth) @ ahead[2] + (design.T * begin[0]) @ design
        if st.columns:  # what is common to all rows is the level's
            common = ahead[2].T @ (worth * one) + design.T @ begin[0]
            information -= np.outer(common, common) / (worth @ one**2 + begin[0].sum())
        return Height(
            chain.log_sum + float(self.shifts.log_prior(beta)),
            ahead[2].T @ pull + design.T @ pull_begin - beta / self.sigma**2,
            information + np.diag(self.sigma**-2),
        )
