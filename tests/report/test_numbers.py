"""Numbers as text: digits enough to tell apart what isn't the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from changepoint.report.numbers import apart, number, span
from changepoint.results.reported import Interval

SIZES = some.floats(1e-7, 1e9)


@given(SIZES, some.floats(1e-8, 1), some.floats(0.01, 0.99))
def test_an_interval_that_has_a_width_looks_so(middle, width, at):
    """However narrow beside its mean: told, it is as wide as it is, to half of it."""
    low, high = middle, middle * (1 + width)
    mean = low + at * (high - low)
    told = [float(text) for text in apart(mean, low, high)]
    assert told[1] < told[2]
    assert told[2] - told[1] == pytest.approx(high - low, rel=0.51)
    assert told[1] <= told[0] <= told[2]
    assert told == pytest.approx([mean, low, high], rel=0.006)


@given(SIZES)
def test_what_is_the_same_has_three_digits(x):
    assert apart(x, x) == [number(x)] * 2


def test_wide_intervals_have_three_digits_each():
    assert span(Interval(12.94, 8.731, 119.2)) == "12.9 (8.73 to 119)"
    assert span(Interval(1.0052, 1.0042, 1.0063)) == "1.005 (1.004 to 1.006)"
