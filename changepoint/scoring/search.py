"""The segmentation to report: the one whose expected score over a posterior is best."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from changepoint.errors import DataError
from changepoint.scoring.expectation import Placements, placements
from changepoint.scoring.points import Points, check_whole, points
from changepoint.scoring.scores import pairwise

if TYPE_CHECKING:
    from changepoint.answer import Answer

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

LOSSES = ("covering", "f1", "hausdorff", "annotation_error")
DRAWN = 1000  # of the most frequent segmentations among draws are candidates
STARTS = 5  # best candidates, from each of which the search climbs
ALL = 12  # rows up to which every segmentation is a candidate
HELD = 10**7  # scores held at a time
DIGITS = 12  # of a gain: those that differ by rounding are equal


def estimate(posterior: Answer, loss: str = "covering", margin: int = 5) -> list[int]:
    """Return the segmentation with the best expected score, the Bayes estimate.

        argmax_x E[score(Z, x)],      Z a draw from the posterior, taken as true

    (argmin of the distances.) What is best depends on how errors count. "covering" is for
    levels, what held when: errors count by the rows that they put into the wrong segment, so
    that a sure change of unsure place is told. "f1" is for events, what happened when: a
    change is told if its probability, to within `margin` rows, is above about half the F1
    that can be had. "hausdorff" avoids the worst error of place; "annotation_error" asks for
    the median number of changes and leaves their places to their probabilities. Precision
    alone would be best with no change, recall alone with one at every row, so neither is
    offered.

    The changes that a `Posterior` reports, the most probable number at their medians, answer
    another question; they come close where number and places are sure.

    The search climbs from the best of the draws, the reported changes, the most probable rows
    and no change, and adds, removes or moves single changes until nothing is gained: a local
    optimum. Up to 12 rows every segmentation is tried. The prior's min_length, or number,
    doesn't bind it.

    Parameters
    ----------
    posterior
        Of T rows.
    loss
        "covering", "f1", "hausdorff" or "annotation_error".
    margin
        The largest distance of a hit, in rows; of "f1".

    Returns
    -------
    list of int
        Rows of the changes, ascending, in 1..T-1.

    Raises
    ------
    DataError
        If there is no such loss.

    References
    ----------
    J. O. Berger (1985), Statistical Decision Theory and Bayesian Analysis, section 4.4. The
    same for clusterings: S. Wade, Z. Ghahramani (2018), Bayesian Analysis 13, 559. Half the
    best F1 as threshold: Z. C. Lipton, C. Elkan, B. Naryanaswamy (2014), ECML PKDD.

    Examples
    --------
    >>> from changepoint import Model, fit, likelihoods, read_csv, scoring
    >>> posterior = fit(Model(likelihoods.Normal()), read_csv("data/nile.csv"))
    >>> scoring.estimate(posterior)
    [28]
    """
    if loss not in LOSSES:
        raise DataError(f"loss must be one of {', '.join(LOSSES)}, not {loss!r}")
    margin, T = check_whole("margin", margin, 0), len(posterior.observations)
    drawn = placements(posterior)
    gain = Gain(loss, drawn, T, margin)
    starts = _starts(drawn, [change.index for change in posterior.changes], T, margin)
    order = np.argsort(-gain(starts), kind="stable")[:STARTS]
    places = gain.places()
    tops = points([_climb(starts.first[i, 1 : starts.number[i]], gain, places) for i in order])
    best = int(gain(tops).argmax())
    rows = tops.first[best, 1 : tops.number[best]]
    if loss == "hausdorff" and len(rows):  # its optimum may lie between the places drawn
        rows = _climb(rows, gain, np.arange(places.min(), places.max() + 1))
    found: list[int] = rows.tolist()
    return found


@dataclass(frozen=True)
class Gain:
    """The expected score of segmentations, scaled so that more is better, rounded.

    Parameters
    ----------
    loss
        One of LOSSES.
    drawn
        The posterior's.
    T
        Number of rows.
    margin
        Of F1.
    """

    loss: str
    drawn: Placements
    T: int
    margin: int

    def __call__(self, candidates: Points) -> Floats:
        """Return the gains of n segmentations, shape (n,)."""
        truth, share = self.drawn.points, self.drawn.share
        size = max(HELD // len(share), 1)
        parts = []
        for start in range(0, len(candidates.number), size):
            part = Points(*(array[start : start + size] for array in candidates))
            parts.append(share @ pairwise(self.loss, truth, part, self.T, self.margin))
        mean: Floats = np.concatenate(parts)
        if self.loss in ("hausdorff", "annotation_error"):
            mean = -mean / self.T
        rounded: Floats = np.round(mean, DIGITS)
        return rounded

    def places(self) -> Integers:
        """Return the rows where a change may be worth having, the most probable ones first.

        Between two neighbouring changes of the draws covering is a convex function of the
        place of a predicted one, so that it is largest at one of them. F1 steps up at
        `margin` before a drawn change and down at `margin` after it.
        """
        p = probability(self.drawn, self.T)
        rows = np.flatnonzero(p)
        if self.loss == "f1":
            rows = np.concatenate([rows, rows - self.margin, rows + self.margin])
            rows = np.unique(rows[(rows > 0) & (rows < self.T)])
        return rows[np.argsort(-p[rows], kind="stable")]


def probability(drawn: Placements, T: int) -> Floats:
    """Return the share of draws with a change at each row, shape (T,)."""
    first, number = drawn.points
    here = np.arange(first.shape[1]) < number[:, None]
    weight = np.broadcast_to(drawn.share[:, None], here.shape)
    p = np.bincount(first[here], weights=weight[here], minlength=T)
    p[0] = 0
    return p


def _starts(drawn: Placements, reported: list[int], T: int, margin: int) -> Points:
    """Return no change, the reported ones, the most probable rows and frequent draws."""
    if T <= ALL:
        subsets = (combinations(range(1, T), k) for k in range(T))
        return points([list(rows) for of_size in subsets for rows in of_size])
    frequent = np.argsort(-drawn.share, kind="stable")[:DRAWN]
    first, number = (array[frequent] for array in drawn.points)
    found: list[list[int]] = [
        [],
        reported,
        *_peaks(probability(drawn, T), margin, int(number.max())),
    ]
    found += [rows[1:n].tolist() for rows, n in zip(first, number, strict=True)]
    return points(found)


def _peaks(p: Floats, margin: int, most: int) -> list[list[int]]:
    """Return the 1, 2, ... most probable rows that are more than `margin` rows apart."""
    left = p.copy()
    rows: list[int] = []
    found: list[list[int]] = []
    while len(rows) < most and left.max() > 0:
        row = int(left.argmax())
        rows.append(row)
        found.append(rows.copy())
        left[max(row - margin, 0) : row + margin + 1] = 0
    return found


def _climb(rows: Integers, gain: Gain, places: Integers) -> Integers:
    """Return what removing, moving and adding single changes leads to.

    No step loses anything; among equals fewer changes are preferred, then the earlier of the
    places, which are the most probable ones: so it ends.
    """
    while True:
        before = rows
        for row in before:
            kept = rows[rows != row]
            low, high = np.append(0, kept)[(kept < row).sum()], gain.T
            if (kept > row).any():
                high = kept[kept > row][0]
            between = places[(places > low) & (places < high)]
            rows = _best(kept, np.append(between, row), gain)
        rows = _best(rows, places[~np.isin(places, rows)], gain)
        if np.array_equal(rows, before):
            return rows


def _best(kept: Integers, new: Integers, gain: Gain) -> Integers:
    """Return the rows kept, with the new one that gains most, or none; the first of equals."""
    options = np.zeros((len(new) + 1, len(kept) + 2), np.int64)
    options[1:, 1:-1], options[1:, -1] = kept, new
    options[1:].sort(axis=1)
    options[0, 1:-1] = kept
    number = np.full(len(options), len(kept) + 2)
    number[0] -= 1
    best = int(gain(Points(options, number)).argmax())
    return options[best, 1 : number[best]]
