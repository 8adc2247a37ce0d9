"""Scores of a segmentation against those of one or several annotators.

References
----------
G. J. J. van den Burg, C. K. I. Williams (2020), An evaluation of change point detection
algorithms, arXiv 2003.06222: covering, precision, recall and F1, and how annotators are
combined. P. Arbelaez, M. Maire, C. Fowlkes, J. Malik (2011), IEEE Transactions on Pattern
Analysis and Machine Intelligence 33, 898: covering. C. Truong, L. Oudre, N. Vayatis (2020),
Signal Processing 167, 107299: Hausdorff and annotation error.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from changepoint.scoring.points import (
    Annotations,
    Points,
    Rows,
    annotators,
    changes,
    check_whole,
    points,
)

Floats = NDArray[np.float64]

SCORES = ("covering", "f1", "precision", "recall", "hausdorff", "annotation_error")


def covering(annotations: Annotations, predicted: Rows, T: int) -> float:
    """Return how well the predicted segments cover the annotated ones, in (0, 1].

    The best overlap of each annotated segment A with a predicted one B, weighted by length:

        C = 1/T sum_A |A| max_B |A and B| / |A or B|,      mean over annotators

    Parameters
    ----------
    annotations
        Rows of changes of one annotator, or of several.
    predicted
        Rows of changes.
    T
        Number of rows, missing ones included.

    Raises
    ------
    DataError
        If something isn't the row of a change, 1..T-1.

    References
    ----------
    van den Burg and Williams (2020), after Arbelaez et al. (2011).

    Examples
    --------
    >>> from changepoint import scoring
    >>> scoring.covering([5], [], T=10)  # each half covers half of the whole
    0.5
    >>> scoring.covering({"first": [5], "second": []}, [5], T=10)
    0.75
    """
    T = check_whole("T", T, 1)
    return _score("covering", annotations, predicted, T)


def precision(annotations: Annotations, predicted: Rows, margin: int = 5) -> float:
    """Return the share of predicted changes that an annotator saw too, in (0, 1].

        P = TP(U, X) / |X|

    X are the predicted changes, U those of any annotator; row 0 is added to both. TP(U, X)
    counts the elements of U that find one of X at most `margin` rows away, each its own:
    in ascending order, each takes the nearest that is still free, the earlier of two.

    Parameters
    ----------
    annotations
        Rows of changes of one annotator, or of several.
    predicted
        Rows of changes.
    margin
        The largest distance of a hit, in rows.

    Raises
    ------
    DataError
        If something isn't the row of a change, from 1 on.

    References
    ----------
    van den Burg and Williams (2020); the order is that of the sets written down.

    Examples
    --------
    >>> from changepoint import scoring
    >>> scoring.precision([10, 40], [12, 20, 43])  # 0, 12 and 43 of 0, 12, 20 and 43
    0.75
    """
    return _score("precision", annotations, predicted, None, margin)


def recall(annotations: Annotations, predicted: Rows, margin: int = 5) -> float:
    """Return the share of annotated changes that were predicted, in (0, 1].

        R = TP(A, X) / |A|,      mean over annotators

    A are the changes of an annotator, X the predicted ones; row 0 is added to both. TP counts
    hits as in `precision`.

    Parameters
    ----------
    annotations
        Rows of changes of one annotator, or of several.
    predicted
        Rows of changes.
    margin
        The largest distance of a hit, in rows.

    Raises
    ------
    DataError
        If something isn't the row of a change, from 1 on.

    References
    ----------
    van den Burg and Williams (2020).

    Examples
    --------
    >>> from changepoint import scoring
    >>> scoring.recall([10, 40, 70], [12])  # 0 and 10 of 0, 10, 40 and 70
    0.5
    >>> scoring.recall([[10, 40, 70], []], [12])
    0.75
    """
    return _score("recall", annotations, predicted, None, margin)


def f1(annotations: Annotations, predicted: Rows, margin: int = 5) -> float:
    """Return the harmonic mean of precision and recall, in (0, 1].

        F1 = 2 P R / (P + R)

    P is `precision` (against the changes of any annotator) and R `recall` (mean over
    annotators). Row 0 is added to both sides, so that no change predicted where none was
    seen scores 1.

    Parameters
    ----------
    annotations
        Rows of changes of one annotator, or of several.
    predicted
        Rows of changes.
    margin
        The largest distance of a hit, in rows.

    Raises
    ------
    DataError
        If something isn't the row of a change, from 1 on.

    References
    ----------
    van den Burg and Williams (2020).

    Examples
    --------
    >>> from changepoint import scoring
    >>> scoring.f1([10, 40, 70], [12])  # P = 2/2, R = 2/4
    0.6666666666666666
    >>> scoring.f1([], [])
    1.0
    """
    return _score("f1", annotations, predicted, None, margin)


def hausdorff(annotations: Annotations, predicted: Rows, T: int) -> float:
    """Return the largest distance of a change to the nearest on the other side, in rows.

        H = max( max_a min_x |a - x|, max_x min_a |a - x| ),      mean over annotators

    0 where neither side has a change; T where only one has.

    Parameters
    ----------
    annotations
        Rows of changes of one annotator, or of several.
    predicted
        Rows of changes.
    T
        Number of rows, missing ones included.

    Raises
    ------
    DataError
        If something isn't the row of a change, 1..T-1.

    References
    ----------
    Truong, Oudre and Vayatis (2020).

    Examples
    --------
    >>> from changepoint import scoring
    >>> scoring.hausdorff([10, 40], [12, 20, 43], T=50)  # 20 is 10 rows from 10
    10.0
    >>> scoring.hausdorff([10], [], T=50)
    50.0
    """
    T = check_whole("T", T, 1)
    return _score("hausdorff", annotations, predicted, T)


def annotation_error(annotations: Annotations, predicted: Rows) -> float:
    """Return the difference between the predicted and the annotated number of changes.

        E = | |X| - |A| |,      mean over annotators

    Parameters
    ----------
    annotations
        Rows of changes of one annotator, or of several.
    predicted
        Rows of changes.

    Raises
    ------
    DataError
        If something isn't the row of a change, from 1 on.

    References
    ----------
    Truong, Oudre and Vayatis (2020).

    Examples
    --------
    >>> from changepoint import scoring
    >>> scoring.annotation_error([[10, 40], []], [12])
    1.0
    """
    return _score("annotation_error", annotations, predicted)


def _score(
    score: str, annotations: Annotations, predicted: Rows, T: int | None = None, margin: int = 0
) -> float:
    margin = check_whole("margin", margin, 0)
    truth = annotators(annotations, T)
    prediction = points([changes("predicted", predicted, T)])
    return float(against(score, truth, prediction, T or 0, margin)[0])


def against(
    score: str, truth: list[list[int]], predicted: Points, T: int, margin: int
) -> Floats:
    """Return the score of every predicted segmentation against all annotators, (D,)."""
    if score == "f1":
        p = against("precision", truth, predicted, T, margin)
        r = against("recall", truth, predicted, T, margin)
        harmonic: Floats = 2 * p * r / (p + r)
        return harmonic
    if score == "precision":  # against the changes of any annotator
        truth = [[row for rows in truth for row in rows]]
    mean: Floats = pairwise(score, points(truth), predicted, T, margin).mean(axis=0)
    return mean


def pairwise(score: str, truth: Points, predicted: Points, T: int, margin: int) -> Floats:
    """Return the score of every predicted segmentation against every true one, (K, D)."""
    from changepoint.kernels import scores as kernels

    if score == "annotation_error":
        return abs(truth.number[:, None] - predicted.number).astype(np.float64)
    if score == "covering":
        table: Floats = kernels.covered(*truth, *predicted, T)
        return table
    if score == "hausdorff":
        distances: Floats = kernels.farthest(*truth, *predicted, T).astype(np.float64)
        return distances
    # With one annotator F1 = 2 TP / (|A| + |X|).
    true, found = truth.number[:, None] + 0.0, predicted.number + 0.0
    of = {"precision": found, "recall": true, "f1": (true + found) / 2}[score]
    ratio: Floats = kernels.matched(*truth, *predicted, margin) / of
    return ratio
