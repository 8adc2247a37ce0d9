"""Log p(coefficients of effects, y), changes summed out: its gradient, and its modes.

Given the hyperparameter v of a family, the coefficients beta have nearly a Gaussian posterior:
its mode by Newton's method, with the gradient of Fisher's identity,

    d log p(y | beta) / d beta = sum_t x_t E[d log p(y_t | theta_t, beta) / d eta_t | y],

one pass back through all placements.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from changepoint.exact.outer_quadrature import Search
from changepoint.likelihoods.counts import LOG_2PI
from changepoint.likelihoods.series import Shifts

Floats = NDArray[np.float64]

EPSILON = 3e-4  # of the link's scale: less is no noise, more no derivative
NUDGE = 0.02  # of coefficients, in prior standard deviations, for that of gradients
STEPS = 40  # of Newton's method
LONGEST = 0.5  # step, in prior standard deviations
CLOSE = 1e-3  # squared length of the last Newton step, in posterior standard deviations
FAR = 0.5  # the same, for an approximation
APART = 4.0  # squared distance of modes that differ, in posterior standard deviations
HOPELESS = 12.0  # log evidence by which a mode may be behind
ROUNDS = 4  # of a guess, whose noise is what it leaves


class Height(NamedTuple):
    """Log p(beta) + log p(y | hyper, beta), its gradient, and the rows' information, (d, d)."""

    log_p: float
    gradient: Floats
    information: Floats


class Mode(NamedTuple):
    """A mode of the coefficients, and the curvature there: minus the Hessian."""

    beta: Floats
    log_p: float
    curvature: Floats

    @property
    def log_evidence(self) -> float:
        """Laplace's approximation."""
        _, log_det = np.linalg.slogdet(self.curvature)
        return float(self.log_p + 0.5 * (len(self.beta) * LOG_2PI - log_det))


class Surface(ABC):
    """Log p(beta, y | hyper) of one series with effects.

    Parameters
    ----------
    shifts
        Of its effects: the design, and the prior of the coefficients.
    steady
        Whether nothing changes.
    """

    def __init__(self, shifts: Shifts, steady: bool) -> None:
        self.shifts, self.steady = shifts, steady

    @abstractmethod
    def at(self, hyper: Floats, beta: Floats) -> Height:
        """Return the height at some hyperparameters of the family and coefficients."""

    @abstractmethod
    def without_changes(self) -> Surface:
        """Return the same where nothing changes."""

    @abstractmethod
    def estimates(self) -> tuple[Floats, Floats]:
        """Return what observed rows tell of eta, one by one, (n,); and their design, (n, d)."""

    @abstractmethod
    def median(self) -> Floats:
        """Return the family's hyperparameters in the middle of their prior."""

    @abstractmethod
    def nodes(self, fineness: float) -> Search:
        """Return the search for nodes of the family's hyperparameters."""

    @property
    def sigma(self) -> Floats:
        """Standard deviations of the coefficients a priori, (d,)."""
        return self.shifts.sigma

    @property
    def unit(self) -> float:
        """How far eta goes: of measurements that depends on theirs."""
        return 1.0

    def curvature(self, hyper: Floats, beta: Floats) -> Floats:
        """Return minus the Hessian, by differences of the gradient."""
        d, here = len(beta), self.at(hyper, beta).gradient
        found = np.empty((d, d))
        for i in range(d):
            step = np.zeros(d)
            step[i] = NUDGE * self.sigma[i]
            found[i] = (here - self.at(hyper, beta + step).gradient) / step[i]
        # At least the prior's in every direction.
        scale = np.outer(self.sigma, self.sigma)
        values, vectors = np.linalg.eigh((found + found.T) / 2 * scale)
        positive: Floats = (vectors * np.maximum(values, 1.0)) @ vectors.T / scale
        return positive

    def climb(self, hyper: Floats, beta: Floats, close: float = CLOSE) -> Mode:
        """Return the mode uphill from some coefficients, by damped Newton steps.

        With the information of the rows for the curvature, as if nothing changed.
        """
        now = self.at(hyper, beta)
        for _ in range(STEPS):
            step = np.linalg.solve(now.information, now.gradient)
            gain = float(step @ now.gradient)
            if gain < close:
                break
            length = min(1.0, LONGEST / float(np.abs(step / self.sigma).max()))
            while True:
                there = self.at(hyper, beta + length * step)
                if there.log_p > now.log_p + 0.1 * length * gain or length < 1e-3:
                    break
                length /= 2
            beta, now = beta + length * step, there
        return self._summit(beta, now, now.information)

    def _summit(self, beta: Floats, height: Height, curvature: Floats) -> Mode:
        """Return the top of the parabola at some coefficients close to it."""
        step = np.linalg.solve(curvature, height.gradient)
        top = height.log_p + 0.5 * float(step @ height.gradient)
        return Mode(beta + step, top, curvature)

    def glance(self, hyper: Floats, start: Floats | None = None) -> Mode:
        """Return where a mode may be, from one Newton step; from two places, or a start."""
        found = []
        for beta in (self.guess(), np.zeros(len(self.sigma))) if start is None else (start,):
            there = self.at(hyper, beta)
            found.append(self._summit(beta, there, there.information))
        return max(found, key=lambda mode: mode.log_evidence)

    def modes(self, hyper: Floats) -> list[Mode]:
        """Return the likeliest modes, one or two: those uphill from three places.

        A guess, the best without changes, and no effect: a change may explain an effect, or an
        effect a change.
        """
        starts = [self.guess(), np.zeros(len(self.sigma))]
        if not self.steady:
            starts.append(self.without_changes().climb(hyper, starts[0], FAR).beta)
        found = [self.climb(hyper, start) for start in starts]
        found.sort(key=lambda mode: -mode.log_evidence)
        top = found[0]
        for mode in found[1:]:
            off = top.beta - mode.beta
            apart = off @ mode.curvature @ off > APART
            if apart and top.log_evidence - mode.log_evidence < HOPELESS:
                return [top, mode]
        return [top]

    def guess(self) -> Floats:
        """Return coefficients by least squares on differences of neighbours.

        Which changes of the level leave alone, but for the rows where they happen.
        """
        eta, x = (np.diff(part, axis=0) for part in self.estimates())
        beta = np.zeros(len(self.sigma))
        for _ in range(ROUNDS):
            rest = eta - x @ beta
            noise = max(float(rest @ rest) / max(len(rest), 1), (EPSILON * self.unit) ** 2)
            worth = x.T @ x / noise + np.diag(self.sigma**-2)
            beta = np.linalg.solve(worth, x.T @ eta / noise)
        return beta
