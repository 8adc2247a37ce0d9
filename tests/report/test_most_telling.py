"""Headline, table and page tell the same change of several."""

from __future__ import annotations

from dataclasses import make_dataclass

import numpy as np
import pytest

from changepoint.results.reported import Interval, most_telling

Told = make_dataclass("Told", ["probability", "before", "after", "ratio"])


def told(probability, before, after, ratio=True):
    def about(mean):
        return Interval(mean, mean - 0.1, mean + 0.1)

    return Told(
        probability, about(before), about(after), about(after / before) if ratio else None
    )


@pytest.mark.parametrize("seed", range(20))
def test_a_sure_change_goes_before_larger_ones_that_are_not(seed):
    rng = np.random.default_rng(seed)
    found = [
        told(*x) for x in np.column_stack([rng.uniform(0.5, 1, 6), rng.uniform(1, 9, (6, 2))])
    ]
    top = most_telling(found)
    steps = {i: abs(np.log(c.after.mean / c.before.mean)) for i, c in enumerate(found)}
    sure = {i for i, c in enumerate(found) if c.probability >= 0.95} or set(steps)
    assert found.index(top) == max(sure, key=steps.get)
    assert most_telling(found[::-1]) is top
    backwards = [told(c.probability, c.after.mean, c.before.mean) for c in found]
    assert backwards.index(most_telling(backwards)) == found.index(top)


def test_by_difference_where_one_has_no_ratio():
    small, large = told(1, 1, 3), told(1, 100, 150)
    assert most_telling([small, large]) is small
    none = told(1, 2, 2.5, ratio=False)
    assert most_telling([small, large, none]) is large
