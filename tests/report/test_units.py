"""One answer is told in one unit, and what is told is the rate."""

import json
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from changepoint import DataError, Model, Observations, fit, likelihoods
from changepoint.report.events import event_heads, event_rows
from changepoint.report.page_one import _tables, _totals, single
from changepoint.report.units import Unit, unit_of
from changepoint.results.reported import Interval

NUMBER = r"[\d.]+(?:e-?\d+)?"
PERS = {0.1: 100.0, 0.02: 100.0, 0.002: 1000.0, 0.00003: 100_000.0}


def answer(rate: float, exposure: bool = False):
    """Twice the rate from the middle on, enough events to be sure."""
    rng, T = np.random.default_rng(1), 40
    n = np.full(T, 60 / rate)
    rates = rate * np.where(np.arange(T) < T // 2, 1.0, 2.0)
    told = {"exposure": n} if exposure else {"trials": np.rint(n)}
    family = likelihoods.Poisson() if exposure else likelihoods.Binomial()
    data = Observations(count=rng.poisson(rates * n).astype(float), **told)
    return fit(Model(family), data)


@given(st.floats(1e-7, 1), st.sampled_from([1, 100, 1000, 10_000, 100_000]))
def test_what_is_told_read_back_is_the_rate(rate, per):
    unit = Unit(float(per), "" if per == 1 else f" per {per:,}")
    told = unit.span(Interval(rate, 0.9 * rate, 1.1 * rate))
    found = re.findall(NUMBER, told.replace(unit.label, "", 1))
    for text, truth in zip(found, (rate, 0.9 * rate, 1.1 * rate), strict=True):
        assert float(text) / per == pytest.approx(truth, rel=0.0051)
        assert len(text.split("e")[0].replace(".", "").lstrip("0")) >= 3 or truth * per >= 99.5


@pytest.mark.parametrize("rate", PERS)
@pytest.mark.parametrize("per", [None, 1, 1000, 50_000])
def test_one_unit_throughout(rate, per):
    posterior = answer(rate).told_per(per)
    unit, (change,) = unit_of(posterior), posterior.changes
    assert unit.per == (PERS[rate] if per is None else per)
    posterior = posterior.with_events({change.index: "launch"})  # which keeps the unit
    assert unit_of(posterior) == unit

    def near(text: str, truth: float) -> bool:
        return float(text) / unit.per == pytest.approx(truth, rel=0.0051)

    label = re.escape(unit.label)
    percent = label if unit.label == " %" else ""
    before, after = change.before, change.after
    first = re.search(f"from ({NUMBER}){percent} to ({NUMBER}){label}", posterior.headline())
    assert near(first[1], before.mean) and near(first[2], after.mean)
    second = re.search(
        f"from ({NUMBER}){label} \\(({NUMBER}) to ({NUMBER}){percent}\\) up to",
        posterior.sentence(),
    )
    assert all(map(near, second.groups(), before))
    head = unit.head("rate before")
    assert head in " ".join(str(posterior).split())
    assert unit.cell(before).split()[0] in str(posterior)
    table = next(iter(_tables(posterior)))
    row = dict(zip(table.heads, table.rows[0], strict=True))
    assert all(map(near, re.findall(NUMBER, row[head]), before))
    difference = row[unit.difference("difference")]
    assert all(map(near, re.findall(NUMBER, difference), change.difference))
    totals = dict(_totals(posterior))
    assert totals["rate before"] == unit.text(before.mean)
    event = dict(zip(event_heads(posterior), event_rows(posterior)[0], strict=True))
    told = re.findall(NUMBER, event[unit.head("before")])
    assert all(map(near, told, posterior.events[0].effect.before))


@pytest.mark.parametrize("rate", PERS)
def test_axes_and_the_page_are_in_the_unit(rate):
    posterior = answer(rate)
    unit = unit_of(posterior)
    for draw in (posterior.plot_rate, posterior.plot_chart):
        ax = draw(ax=Figure().subplots())
        assert ax.get_ylabel().endswith(unit.label.strip())
        at = float(ax.get_yticks()[1])
        assert float(ax.yaxis.get_major_formatter()(at)) == pytest.approx(unit.per * at, 1e-5)
    ax = posterior.plot_prior(ax=Figure().subplots())
    assert ax.get_xlabel().endswith(unit.label.strip())
    page = single(posterior)
    block = re.search(r'<script[^>]*type="application/json"[^>]*>(.*?)</script>', page, re.S)
    told = json.loads(block[1])
    assert told["label"].endswith(unit.label.strip())
    centre = [x for x in told["chart"]["centre"] if x is not None]
    assert centre[0] == pytest.approx(unit.per * posterior.changes[0].before.mean, rel=0.05)


def test_events_by_exposure_are_as_they_are_unless_small():
    assert unit_of(answer(0.5, exposure=True)) == Unit()
    assert unit_of(answer(0.001, exposure=True)) == Unit(1000.0, " per 1,000")
    assert unit_of(answer(0.5, exposure=True).told_per(100)) == Unit(100.0, " per 100")


def test_json_states_the_unit_and_keeps_rates():
    posterior = answer(0.02)
    one, other = posterior.to_dict(), posterior.told_per(1000).to_dict()
    assert one["unit"] == {"per": 100.0, "label": "%"}
    assert other["unit"] == {"per": 1000.0, "label": "per 1,000"}
    assert one["changes"] == other["changes"]


def test_levels_have_no_unit():
    level = fit(Model(likelihoods.Normal()), Observations(value=np.arange(12.0)))
    assert unit_of(level) == Unit()
    with pytest.raises(DataError, match="unit of rates, and the level is none"):
        level.told_per(1000)


@pytest.mark.parametrize("per", [0, -1, float("nan"), float("inf"), "auto", True])
def test_a_unit_is_a_number_above_0(per):
    with pytest.raises(DataError, match="per must be a number above 0"):
        answer(0.1).told_per(per)
