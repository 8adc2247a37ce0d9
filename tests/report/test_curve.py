"""Series as bytes, and the marks on their axis of time."""

import numpy as np
import pytest

from changepoint import Observations, likelihoods
from changepoint.report.sparkline import Tick, curve, ticks_of


def rows_of(found):
    return np.frombuffer(found.data, np.uint8).astype(float).reshape(5, found.n)


@pytest.mark.parametrize("zero", [True, False])
@pytest.mark.parametrize("offset", [0.0, 3.0, -7.0, 1e6])
def test_bytes_are_the_values_to_half_a_level(offset, zero):
    rng = np.random.default_rng(1)
    y = offset + rng.uniform(size=80)
    y[rng.random(80) < 0.2] = np.nan
    band = offset + np.sort(rng.uniform(size=(3, 80)), axis=0)
    p = rng.uniform(size=80)
    found = curve(y, *band, p, zero=zero)
    observed, *levels, change = rows_of(found)
    half = (found.high - found.low) / 254 / 2 * (1 + 1e-9)
    assert np.array_equal(observed == 255, np.isnan(y))
    seen = ~np.isnan(y)
    told = found.low + np.array([observed, *levels]) / 254 * (found.high - found.low)
    assert abs(told[0] - y)[seen].max() <= half
    assert abs(told[1:] - band).max() <= half
    assert abs(change / 255 * found.peak - p).max() <= found.peak / 255 / 2 * (1 + 1e-9)
    assert found.clipped == 0
    if zero:
        assert found.low == min(0, np.nanmin([y, *band]))


def test_what_lies_far_away_is_clipped_and_counted():
    y = np.full(100, 0.01)
    y[[3, 4]] = 0.5, np.inf
    mean = np.full(100, 0.01)
    found = curve(y, mean * 0.9, mean, mean * 1.1, np.zeros(100))
    assert found.clipped == 2
    assert 0.011 < found.high < 0.1
    assert rows_of(found)[0][[3, 4]].tolist() == [254, 254]


def test_ordinary_noise_is_not_clipped():
    rng = np.random.default_rng(2)
    for trials in (20, 300, 5000):
        y = rng.binomial(trials, 0.009, 365) / trials
        band = np.full(365, 0.009)
        found = curve(y, band * 0.9, band, band * 1.1, band)
        assert found.clipped <= 4


@pytest.mark.parametrize("value", [0.0, 2.5, -1.0])
def test_a_constant_series_has_a_scale(value):
    same = np.full(5, value)
    for zero in (True, False):
        found = curve(same, same, same, same, np.zeros(5), zero=zero)
        assert found.high > found.low


def test_nothing_observed():
    nothing, band = np.full(4, np.nan), np.ones(4)
    found = curve(nothing, band, band, band, np.zeros(4))
    assert rows_of(found)[0].tolist() == [255] * 4


def test_a_small_probability_of_change_stays_small():
    band = np.ones(10)
    found = curve(band, band, band, band, np.full(10, 0.01))
    assert found.peak == 0.1
    assert curve(band, band, band, band, np.full(10, 0.5)).peak == 0.5


def days(first, last, unit="D"):
    return np.arange(first, last, dtype=f"datetime64[{unit}]")


TIMES = {
    "a day of hours": days("2025-03-01T00", "2025-03-02T00", "h"),
    "seconds": days("2025-03-01T10:00:01", "2025-03-01T10:00:40", "s"),
    "three days": days("2025-03-01", "2025-03-04"),
    "a month": days("2025-03-01", "2025-04-01"),
    "a year": days("2025-01-01", "2026-01-01"),
    "months": days("1841-01", "1849-03", "M"),
    "years": days("1851", "1963", "Y"),
    "centuries": days("0800", "2020", "Y"),
    "irregular": np.array(["2025-01-01", "2025-01-02", "2025-07-01"], "datetime64[D]"),
}


@pytest.mark.parametrize("stride", [1, 3])
@pytest.mark.parametrize("most", [2, 4, 7])
@pytest.mark.parametrize("time", TIMES.values(), ids=TIMES)
def test_dates_stand_where_they_are(time, most, stride):
    found = ticks_of(time, stride, most)
    assert 1 <= len(found) <= most
    rows = np.array([tick.position for tick in found]) * stride
    told = np.array([tick.label.replace(" ", "T") for tick in found], "datetime64[us]")
    us = time.astype("datetime64[us]").astype(float)
    at = np.interp(rows, np.arange(len(time)), us)
    distance = np.diff(us).max()  # of rows; places are rounded to 0.01 points
    assert abs(at - told.astype(float)).max() <= 0.006 * stride * distance
    assert np.all(np.diff(rows) > 0)


def test_weeks_begin_on_mondays():
    found = ticks_of(days("2025-03-01", "2025-04-10"))
    weekdays = {np.datetime64(tick.label).astype("datetime64[D]").item().weekday()
                for tick in found}  # fmt: skip
    assert weekdays == {0}


@pytest.mark.parametrize("time", [
    np.arange(1851, 1963), np.array([0.1, 0.2, 0.35]), np.array([-5e5, 1e6]),
    np.array([3.0]), np.array([2e-9, 5e-9, 1e-8]),
], ids=str)  # fmt: skip
def test_numbers_stand_where_they_are(time):
    found = ticks_of(time)
    assert 1 <= len(found) <= 8
    at = np.interp([t.position for t in found], np.arange(len(time)), time.astype(float))
    assert [float(tick.label) for tick in found] == pytest.approx(at, abs=0.01 * np.ptp(time))


def test_rows_without_times_are_numbered():
    assert ticks_of(40) == (
        Tick(0.0, "0"),
        Tick(10.0, "10"),
        Tick(20.0, "20"),
        Tick(30.0, "30"),
    )
    assert [tick.label for tick in ticks_of(2)] == ["0", "1"]
    assert ticks_of(0) == ()


def test_a_single_date():
    assert ticks_of(days("2025-03-01", "2025-03-02")) == (Tick(0.0, "2025-03-01"),)


COUNTED = [f() for f in likelihoods.FAMILIES.values() if f().response in ("count", "outcomes")]


@pytest.mark.parametrize("family", COUNTED, ids=lambda family: family.name)
@pytest.mark.parametrize("seed", range(3))
def test_a_point_of_several_rows_is_what_their_sums_estimate(family, seed):
    """Events by what the family divides them by, and by nothing that it doesn't use."""
    rng = np.random.default_rng(seed)
    T, starts = 60, np.array([0, 7, 20, 21])
    n, exposure = rng.integers(1, 1000, T), rng.uniform(0.1, 9, T)
    if family.response == "outcomes":
        outcomes = rng.integers(1, 9, (T, 3))
        data = Observations(outcomes=outcomes)
        events, by = outcomes[:, -1], outcomes.sum(axis=1)
    else:
        events = rng.binomial(1 if family.name == "bernoulli" else n, 0.3, T)
        data = Observations(count=events, trials=n, exposure=exposure)
        used = {*family.needs, *family.uses}
        by = n if "trials" in used else exposure if "exposure" in used else np.ones(T)
    pooled = family.pooled_by(family.estimates(data), data, starts)
    sums = np.add.reduceat(events, starts) / np.add.reduceat(by, starts)
    assert pooled == pytest.approx(sums, rel=1e-12)
