"""Control charts: limits against the formulas of books, and what chance makes of them."""

import json
import math
import re

import numpy as np
import pytest
from matplotlib.figure import Figure

from changepoint import DataError, Model, Observations, fit, likelihoods
from changepoint.cli import main
from changepoint.report.control_chart import chart_note
from changepoint.report.control_limits import attributes, chart_of, individuals
from changepoint.report.page_one import single

ONE = np.array([0])


def by_hand(kind, events, n):
    """Return mean and limits of one stage, a row at a time, as Montgomery writes them."""
    pairs = [(c, m) for c, m in zip(events, n, strict=True) if not math.isnan(c) and m > 0]
    mean = sum(c for c, _ in pairs) / sum(m for _, m in pairs)
    limits = []
    for m in n:
        variance = mean * (1 - mean) if kind == "p" else mean
        half = 3 * math.sqrt(variance / m) if m > 0 else math.nan
        top = 1.0 if kind == "p" else math.inf
        limits.append((max(mean - half, 0.0), min(mean + half, top)))
    return mean, limits


@pytest.mark.parametrize("kind", ["p", "u", "c"])
@pytest.mark.parametrize("seed", range(5))
def test_limits_follow_the_trials(kind, seed):
    rng = np.random.default_rng(seed)
    n = np.ones(30) if kind == "c" else rng.integers(20, 400, 30).astype(float)
    events = (
        rng.binomial(n.astype(int), 0.1).astype(float)
        if kind == "p"
        else rng.poisson(0.2 * n + 2) * 1.0
    )
    events[[3, 17]] = np.nan
    found = attributes(events, n, ONE, kind)
    mean, limits = by_hand(kind, events, n)
    seen = np.isfinite(events)
    assert np.isnan(found.y[[3, 17]]).all()
    assert found.y[seen] == pytest.approx(events[seen] / n[seen])
    assert found.centre == pytest.approx(np.full(30, mean))
    assert found.lower[seen] == pytest.approx([low for low, _ in np.array(limits)[seen]])
    assert found.upper[seen] == pytest.approx([high for _, high in np.array(limits)[seen]])


@pytest.mark.parametrize("kind", ["p", "u"])
def test_laneys_limits_are_sigma_z_times_as_wide(kind):
    rng = np.random.default_rng(1)
    n = rng.integers(2000, 9000, 60).astype(float)
    events = rng.binomial(n.astype(int), rng.beta(30, 70, 60)).astype(float)
    events[10] = np.nan
    found = attributes(events, n, np.array([0, 30]), kind)
    z, ranges = {}, []
    for first, last in ((0, 30), (30, 60)):
        mean, _ = by_hand(kind, events[first:last], n[first:last])
        for t in range(first, last):
            sd = math.sqrt(mean * ((1 - mean) if kind == "p" else 1) / n[t])
            z[t] = (events[t] / n[t] - mean) / sd
        ranges += [abs(z[t] - z[t - 1]) for t in range(first + 1, last)]
    ranges = [r for r in ranges if not math.isnan(r)]
    assert len(ranges) == 58 - 2  # none across the missing row, none across the stages
    sigma = sum(ranges) / len(ranges) / 1.128379167
    assert found.sigma_z == pytest.approx(sigma)
    half = found.upper - found.centre
    seen = np.isfinite(events)
    assert (found.wide_upper - found.centre)[seen] == pytest.approx((half * sigma)[seen])


@pytest.mark.parametrize("starts", [[0], [0, 20], [0, 12, 13, 30]])
def test_individuals(starts):
    y = np.random.default_rng(2).normal(50, 4, 40)
    y[[5, 25]] = np.nan
    found = individuals(y, np.array(starts))
    for first, last in zip(starts, [*starts[1:], 40], strict=True):
        mine = [v for v in y[first:last] if not math.isnan(v)]
        ranges = [
            abs(a - b) for a, b in zip(y[first : last - 1], y[first + 1 : last], strict=True)
        ]
        ranges = [r for r in ranges if not math.isnan(r)]
        assert found.centre[first:last] == pytest.approx(
            [sum(mine) / len(mine)] * (last - first)
        )
        if not ranges:  # a stage of one row has no limits
            assert np.isnan(found.upper[first:last]).all()
            continue
        half = 3 / 1.128379167 * sum(ranges) / len(ranges)
        assert (found.upper - found.centre)[first:last] == pytest.approx(half, rel=1e-5)
        assert (found.centre - found.lower)[first:last] == pytest.approx(half, rel=1e-5)
    assert not found.beyond[[5, 25]].any()


def test_of_a_stable_process_0_27_percent_lie_beyond():
    rng = np.random.default_rng(3)
    T = 200_000
    expected = math.erfc(3 / math.sqrt(2))
    error = 4 * math.sqrt(expected / T) + 2e-5  # of the share; the estimate of sd adds little
    assert individuals(rng.normal(5, 2, T), ONE).beyond.mean() == pytest.approx(
        expected, abs=error
    )
    n = rng.integers(4000, 9000, T)
    normal = attributes(rng.binomial(n, 0.5).astype(float), n.astype(float), ONE, "p")
    assert normal.beyond.mean() == pytest.approx(expected, abs=error)
    assert ((normal.y < normal.lower) | (normal.y > normal.upper)).mean() == pytest.approx(
        expected, abs=error
    )


@pytest.mark.parametrize("inflation", [1.0, 2.0, 5.0])
@pytest.mark.parametrize("kind", ["p", "u"])
def test_sigma_z_is_the_root_of_the_overdispersion(kind, inflation):
    rng = np.random.default_rng(4)
    T, n = 50_000, 2000
    if kind == "p":
        rate = np.full(T, 0.2)
        if inflation > 1:  # variance n p q (1 + (n - 1) / (a + b + 1))
            size = (n - 1) / (inflation - 1) - 1
            rate = rng.beta(0.2 * size, 0.8 * size, T)
        events = rng.binomial(n, rate)
    else:
        mean = np.full(T, 0.2 * n)
        if inflation > 1:  # variance m (1 + m / shape)
            shape = 0.2 * n / (inflation - 1)
            mean = rng.gamma(shape, 0.2 * n / shape, T)
        events = rng.poisson(mean)
    found = attributes(events.astype(float), np.full(T, float(n)), ONE, kind)
    assert found.sigma_z == pytest.approx(math.sqrt(inflation), rel=0.015)
    assert found.beyond.mean() < 0.006
    plain = ((found.y < found.lower) | (found.y > found.upper)).mean()
    expected = math.erfc(3 / math.sqrt(2 * inflation))
    error = (
        4 * math.sqrt(expected / T) + 0.1 * expected
    )  # counts are whole, and not quite normal
    assert plain == pytest.approx(expected, abs=error)


def counts(*rates, rows=40, **more):
    rate = np.repeat(rates, rows)
    events = np.random.default_rng(5).binomial(1000, rate).astype(float)
    return Observations(count=events, trials=np.full(len(rate), 1000.0), **more)


def test_limits_begin_anew_at_the_sure_changes():
    posterior = fit(Model(likelihoods.Binomial()), counts(0.02, 0.08, 0.03))
    (one, two) = (change.index for change in posterior.sure_changes())
    found = chart_of(posterior)
    assert found.starts.tolist() == [0, one, two]
    events = posterior.observations.count
    for first, last in ((0, one), (one, two), (two, 120)):
        assert found.centre[first:last] == pytest.approx(
            events[first:last].sum() / (1000 * (last - first))
        )
    note = " ".join(chart_note(posterior, found))
    assert f"begin anew at the changes that are sure: {one}, {two}." in note
    assert "screening device" in note
    assert "P(any change) > 0.9999" in note


KINDS = {
    "p": lambda: (likelihoods.BetaBinomial(), counts(0.02)),
    "bernoulli": lambda: (
        likelihoods.Bernoulli(),
        Observations(count=np.random.default_rng(6).binomial(1, 0.3, 80).astype(float)),
    ),
    "u": lambda: (
        likelihoods.Poisson(),
        Observations(count=np.arange(20.0) % 7, exposure=np.arange(20.0) + 3),
    ),
    "c": lambda: (likelihoods.Poisson(), Observations(count=np.arange(20.0) % 7)),
    "values": lambda: (likelihoods.Normal(), Observations(value=np.arange(20.0) % 7)),
    "rates": lambda: (likelihoods.Beta(), Observations(rate=(np.arange(20.0) % 7 + 1) / 50)),
    "all alike": lambda: (likelihoods.Poisson(), Observations(count=np.zeros(9))),
    "gaps": lambda: (
        likelihoods.Poisson(),
        Observations(count=np.array([3, np.nan, 2, np.nan, 1])),
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_drawn_and_told(kind):
    family, data = KINDS[kind]()
    posterior = fit(Model(family), data)
    titles = {"p": "p chart", "bernoulli": "p chart", "u": "u chart"}
    titles |= dict.fromkeys(("c", "all alike", "gaps"), "c chart")
    ax = posterior.plot_chart(target=0.5, ax=Figure().subplots())
    assert ax.get_title(loc="left") == titles.get(kind, "individuals chart (XmR)")
    shares = kind in ("p", "bernoulli", "rates")
    assert f"target {'50.0 %' if shares else '0.500'}" in [text.get_text() for text in ax.texts]
    ax.figure.draw_without_rendering()
    page = single(posterior)
    told = " ".join(chart_note(posterior, chart_of(posterior)))
    assert "lie beyond the limits" in told or "lies beyond the limits" in told
    assert ("add up by day or week" in told) == (kind == "bernoulli")
    assert not re.search(r"\bnan\b", told)
    assert 'id="chart"' in page


def test_several_outcomes_are_refused_in_words():
    data = Observations(outcomes=np.tile([3.0, 4.0, 5.0], (20, 1)))
    posterior = fit(Model(likelihoods.Multinomial()), data)
    with pytest.raises(DataError, match="no control chart of several outcomes"):
        posterior.plot_chart()
    assert 'id="chart"' not in single(posterior)


@pytest.mark.parametrize("target", [math.nan, math.inf, "2 %", True, [1]])
def test_a_target_is_a_number(target):
    posterior = fit(Model(likelihoods.Binomial()), counts(0.02, rows=5))
    with pytest.raises(DataError, match="target must be a"):
        posterior.plot_chart(target=target)


def test_long_series_point_to_the_file():
    posterior = fit(Model(likelihoods.Binomial()), counts(0.02, rows=2001))
    assert "The chart of 2,001 rows is in chart.png beside this file." in single(posterior)


COUNT = np.array([3.0, 5, 4, 6, 2, 4, 3, 5, 4, 3, 5, 4])
TRIALS = np.full(12, 1000.0)


def test_the_chart_is_of_what_the_model_explains():
    """A column that it makes no use of isn't drawn, and divides nothing."""
    data = Observations(count=COUNT, trials=TRIALS, value=COUNT / 7)
    by = {
        name: chart_of(fit(Model(likelihoods.FAMILIES[name]()), data))
        for name in ("poisson", "binomial", "normal")
    }
    assert {name: chart.kind for name, chart in by.items()} == {
        "poisson": "c", "binomial": "p", "normal": "XmR",
    }  # fmt: skip
    assert by["poisson"].y == pytest.approx(COUNT)
    assert by["binomial"].y == pytest.approx(COUNT / TRIALS)
    assert by["normal"].y == pytest.approx(COUNT / 7)


@pytest.mark.parametrize("level", [0.1, 0.3, 0.7, 1e-9, 1e9])
@pytest.mark.parametrize("rows", [2, 3, 30])
def test_rows_that_are_all_the_same_lie_on_the_line(level, rows):
    assert not individuals(np.full(rows, level), ONE).beyond.any()
    for kind in ("u", "c"):
        found = attributes(np.full(rows, 3.0), np.full(rows, level), ONE, kind)
        assert not found.beyond.any()
        assert found.wide_lower is None  # a sigma Z of 0 tells nothing


def test_the_command_draws_a_target_on_the_page(tmp_path, capsys):
    file, out = tmp_path / "a.csv", tmp_path / "out"
    file.write_text("count,trials\n" + "".join(f"{3 + i % 3},100\n" for i in range(20)))
    plain = tmp_path / "plain"
    for asked in (["--out", str(plain)], ["--out", str(out), "--target", "0.08"]):
        with pytest.raises(SystemExit) as stopped:
            main(["fit", str(file), *asked])
        assert stopped.value.code == 0
    told = [
        json.loads(re.search(r'id="data"[^>]*>(.*?)</script>', page, re.DOTALL)[1])
        for page in ((folder / "report.html").read_text() for folder in (plain, out))
    ]
    assert [one["chart"]["target"] for one in told] == [None, 0.08]
    assert "target 0.0800" in (out / "report.html").read_text()
    assert (out / "chart.png").read_bytes() != (plain / "chart.png").read_bytes()


@pytest.mark.parametrize(
    ("asked", "status", "told"),
    [
        (["--target", "0.08"], 2, "--target is a line of the control chart that --out writes"),
        (["--target", "nan", "--out", "x"], 3, "target must be a finite number"),
    ],
)
def test_a_target_that_says_nothing_is_refused(tmp_path, capsys, asked, status, told):
    file = tmp_path / "a.csv"
    file.write_text("count,trials\n3,100\n4,100\n")
    with pytest.raises(SystemExit) as stopped:
        main(["fit", str(file), *asked])
    assert stopped.value.code == status
    assert told in " ".join(capsys.readouterr().err.split())
