"""Figures show the numbers they are about, at every length, and nothing overlaps."""

import itertools
import re

import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.dates import date2num
from matplotlib.figure import Figure

from changepoint import (
    Changes,
    DataError,
    Model,
    Observations,
    fit,
    likelihoods,
    priors,
    read_csv,
)
from changepoint.likelihoods import FAMILIES
from changepoint.report.figure_style import SIZES

PLOTS = ["plot_rate", "plot_changes", "plot_number", "plot_prior"]
SHAPES = [(12, 0), (12, 1), (12, 5), *itertools.product((180, 10_000), (0, 1, 12))]


def series(T, number, dates=True):
    """Counts whose rate alternates between 0.01 and 0.03, a change every so many rows."""
    rng = np.random.default_rng(T + number)
    segment = np.arange(T) * (number + 1) // T
    trials = np.full(T, 6000.0 if T == 12 else 1000.0)
    count = rng.binomial(trials.astype(int), np.where(segment % 2, 0.03, 0.01)).astype(float)
    time = np.datetime64("2023-01-01") + np.arange(T) if dates else None
    return Observations(count=count, trials=trials, time=time)


@pytest.fixture(scope="module", params=SHAPES, ids=str)
def posterior(request):
    T, number = request.param
    told = fit(Model(likelihoods.Binomial()), series(T, number))
    assert told.number == number
    return told


@pytest.fixture(scope="module")
def one():
    rate = priors.Beta(2, 200)
    return fit(Model(likelihoods.Binomial(rate=rate), Changes()), series(180, 1, dates=False))


@pytest.mark.parametrize("dates", [True, False])
def test_a_change_is_drawn_where_its_first_row_begins(dates):
    data = series(12, 1, dates)
    posterior = fit(Model(likelihoods.Binomial()), data)
    top, below = posterior.plot().axes
    row = posterior.changes[0].index
    first = date2num(data.time[row]) if dates else row
    (line,) = [one for one in top.lines if one.get_linestyle() == "--"]
    at = line.get_xdata()[0]
    assert (date2num(at) if dates else at) == first
    edges = below.patches[-1].get_data().edges
    assert edges[row] == first
    dots = top.collections[0].get_offsets()[:, 0]
    assert dots[row] == first + 0.5


@pytest.fixture
def ax():
    figure = Figure(figsize=(9, 4), layout="constrained")
    return figure.subplots()


def boxes(ax):
    """Return the places of all text on the axes, drawn."""
    ax.figure.draw_without_rendering()
    texts = [*ax.get_xticklabels(), *ax.texts]
    left, right = sorted(ax.get_xlim())
    shown = [t for t in texts if t.get_text() and left <= t.get_position()[0] <= right]
    return [t.get_window_extent() for t in shown + ax.texts]


@pytest.mark.parametrize("plot", PLOTS)
def test_drawn_on_the_axes_given_without_overlaps(posterior, plot, ax):
    assert getattr(posterior, plot)(ax=ax) is ax
    drawn = boxes(ax)
    assert drawn or plot in ("plot_prior", "plot_rate")
    unique = {(round(box.x0), round(box.y0)): box for box in drawn}.values()
    for a, b in itertools.combinations(unique, 2):
        assert a.x1 <= b.x0 or b.x1 <= a.x0 or a.y1 <= b.y0 or b.y1 <= a.y0


def test_dates_can_be_read(posterior, ax):
    posterior.plot_changes(ax=ax)
    ax.figure.draw_without_rendering()
    labels = [label.get_text() for label in ax.get_xticklabels()]
    assert 4 <= len(labels) <= 14
    assert any("20" in label for label in [*labels, ax.xaxis.get_offset_text().get_text()])


@pytest.mark.parametrize("plot", PLOTS)
def test_without_axes_a_figure_of_pyplot_is_made(one, plot):
    try:
        made = getattr(one, plot)()
        assert made.figure.number in pyplot.get_fignums()
    finally:
        pyplot.close("all")


def test_bars_are_the_probabilities_of_the_number_and_lines_those_before(one, ax):
    one.plot_number(ax=ax)
    bars = {round(bar.get_x() + bar.get_width() / 2): bar.get_height() for bar in ax.patches}
    assert len(bars) >= 3
    for k, height in bars.items():
        assert height == pytest.approx(one.number_probability[k])
    # Even odds: every row changes with the same probability p, (1 - p)^(T - 1) = 1/2.
    p = 1 - 0.5 ** (1 / 179)
    before = [segment[0, 1] for segment in ax.collections[0].get_segments()]
    assert before[:3] == pytest.approx([0.5, 179 * p * 0.5 / (1 - p), before[2]], rel=1e-9)


def test_densities_are_those_of_prior_and_posterior(one, ax):
    one.plot_prior(ax=ax)
    first, last = ax.get_xlim()
    x = np.linspace(first, last, 400)
    prior = priors.Beta(2, 200)
    outline = ax.collections[0].get_paths()[0].vertices
    times = int(re.search(r"drawn ([\d,]+) times", ax.collections[0].get_label())[1])
    area = abs(np.trapezoid(outline[:, 1], outline[:, 0])) / times
    assert area == pytest.approx(
        float(np.diff(prior.cdf(np.array([first, last])))[0]), abs=0.03
    )
    means = one.marginals["rate_segment_mean"].values
    for line, mean in zip(ax.lines, means, strict=True):
        assert np.trapezoid(line.get_ydata(), x) == pytest.approx(1, abs=0.02)
        told = np.trapezoid(line.get_ydata() * x, x)
        assert told == pytest.approx(mean, rel=0.02)


def test_the_prior_of_a_line_is_about_its_middle(ax):
    data = read_csv("data/signups.csv", value="signups")
    model = Model(likelihoods.Trend(), Changes(exactly=0))
    fit(model, data).plot_prior(ax=ax)
    line = ax.lines[0]
    peak = line.get_xdata()[line.get_ydata().argmax()]
    assert peak == pytest.approx(np.nanmean(data.value), rel=0.05)


def test_shared_parameters_have_a_prior_too(ax):
    told = fit(Model(likelihoods.BetaBinomial()), read_csv("data/conversions.csv"))
    assert told.plot_prior("dispersion", ax=ax).get_xlabel() == "dispersion"
    with pytest.raises(DataError, match="there are rate, dispersion"):
        told.plot_prior("noise")


EXAMPLES = {
    "count": {"count": np.array([3.0, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8])},
    "rate": {"rate": np.linspace(0.01, 0.02, 12) + np.tile([0.001, -0.001, 0.0], 4)},
    "value": {"value": np.array([3.1, 1.2, 4.4, 1.5, 5.9, 2.6, 5.3, 5.8, 9.7, 9.3, 2.3, 8.4])},
    "outcomes": {
        "outcomes": np.array([[3.0, 5, 2], [4, 4, 2], [5, 3, 2], [2, 6, 2]] * 3),
        "outcome_names": ("left", "carted", "bought"),
    },
}


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_can_be_drawn(name, ax):
    family = FAMILIES[name]
    columns = dict(EXAMPLES[family.response])
    if name == "bernoulli":
        columns = {"count": np.tile([0.0, 1, 1], 4)}
    if name == "categorical":
        columns["outcomes"] = np.tile(np.eye(3), (4, 1))
    if "trials" in family.needs:
        columns["trials"] = np.full(12, 20.0 if name != "bernoulli" else 1.0)
    told = fit(Model(family(), Changes(at_most=2, min_length=2)), Observations(**columns))
    for plot in PLOTS:
        ax.clear()
        getattr(told, plot)(ax=ax)
        ax.figure.draw_without_rendering()
        assert ax.has_data()


def test_two_posteriors_over_each_other(one, ax):
    other = fit(Model(likelihoods.Poisson()), series(180, 1, dates=False))
    with pytest.raises(DataError, match="different data"):
        one.plot_compare(fit(None, read_csv("data/coal_disasters.csv")))
    one.plot_compare(other, ax=ax)
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["data", "exact, binomial", "exact, poisson"]


@pytest.mark.parametrize("size", SIZES)
def test_sizes(one, size):
    figure = one.plot(size)
    assert figure.get_size_inches()[0] == SIZES[size][0]
    assert figure._suptitle.get_fontsize() == SIZES[size][2]
    assert one.plot()._repr_png_().startswith(b"\x89PNG")


def widths(figure):
    """Return all widths of lines, and all sizes of points, of the data's panel."""
    ax = figure.axes[0]
    lines = [line.get_linewidth() for line in (*ax.lines, *ax.patches, *ax.spines.values())]
    return np.array(lines), np.concatenate([c.get_sizes() for c in ax.collections])


@pytest.mark.parametrize("size", SIZES)
def test_lines_and_points_are_as_thick_for_the_text_in_every_size(one, size):
    found, screen = widths(one.plot(size)), widths(one.plot())
    for a, b, power in zip(found, screen, (1, 2), strict=True):
        assert a == pytest.approx(b * (SIZES[size][2] / SIZES["screen"][2]) ** power)


@pytest.mark.parametrize("plot", PLOTS)
def test_axes_are_one(one, plot, ax):
    with pytest.raises(DataError, match="one Axes, not an array of 2: give one of them"):
        getattr(one, plot)(ax=np.array([ax, ax]))
    with pytest.raises(DataError, match="one Axes of matplotlib, not Figure"):
        getattr(one, plot)(ax=ax.figure)


@pytest.mark.parametrize("name", ["binomial", "normal", "poisson"])
def test_the_prior_is_seen(name, ax):
    """Whatever the data say: it takes a quarter of the height, or its own more."""
    columns = EXAMPLES["value"] if name == "normal" else {"count": np.full(400, 40.0)}
    if name == "binomial":
        columns["trials"] = np.full(400, 900.0)
    fit(Model(FAMILIES[name](), Changes(exactly=0)), Observations(**columns)).plot_prior(ax=ax)
    prior = ax.collections[0].get_paths()[0].vertices[:, 1].max()
    assert prior > 0.25 * max(line.get_ydata().max() for line in ax.lines) * (1 - 1e-9)


def test_there_is_no_other_size(one):
    with pytest.raises(DataError, match="screen, paper, slide"):
        one.plot("poster")
