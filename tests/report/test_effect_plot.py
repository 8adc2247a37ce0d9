"""The figure of effects shows the numbers that are told, and every figure has its pattern."""

import itertools

import numpy as np
import pytest
from matplotlib.figure import Figure

from changepoint import Changes, DataError, Model, Observations, effects, fit, likelihoods

T = 56
DAY = np.datetime64("2025-01-06") + np.arange(T)
WEEKEND = np.arange(T) % 7 >= 5
SETS = {
    "week and more": [
        effects.Weekday(),
        effects.Pulse(first="2025-01-20", last="2025-01-24"),
        effects.Covariate("price"),
        effects.Covariate("price of a rival"),
    ],
    "pulse": [effects.Pulse(first="2025-01-20", last="2025-01-24", probability=0.999)],
    "categories": [effects.Weekday(), effects.Covariate("region")],
    "hours": [effects.Hourly()],
}
WEEK = [effects.Weekday()]


def data(family, hours=False):
    rng = np.random.default_rng(1)
    # Factors whose logarithms add up to 0, so that the level is that of Observations without.
    factor = np.where(WEEKEND, 0.6**2.5, 0.6**-1)
    shared = {
        "time": DAY.astype("datetime64[h]") + np.arange(T) * 5 if hours else DAY,
        "covariates": {
            "price": rng.normal(size=T),
            "price of a rival": rng.normal(size=T),
            "region": rng.choice(["north of the river", "south", "east"], T),
        },
    }
    if family == "normal":
        return Observations(value=10 + 4 * WEEKEND + 0.1 * rng.normal(size=T), **shared)
    return Observations(count=rng.poisson(200 * factor).astype(float), **shared)


def answer(family, some, hours=False):
    model = Model(likelihoods.FAMILIES[family](), Changes(at_most=1), some)
    return fit(model, data(family, hours))


@pytest.fixture(scope="module", params=SETS)
def told(request):
    return answer("poisson", SETS[request.param], hours=request.param == "hours")


def drawn(ax):
    """Means, and ends of intervals, from left to right."""
    means = np.concatenate([np.array(c.get_offsets())[:, 1] for c in ax.collections[1::2]])
    ends = np.concatenate([np.array(c.get_segments())[:, :, 1] for c in ax.collections[::2]])
    return np.column_stack([means, ends])


def test_it_shows_what_is_told_of_effects(told):
    ax = Figure().subplots()
    assert told.plot_effects(ax=ax) is ax
    terms = [term for effect in told.effects if effect.likely for term in effect.terms]
    expected = [[term.mean, term.lower, term.upper] for term in terms or told.effects[0].terms]
    assert drawn(ax) == pytest.approx(100 * (np.array(expected) - 1))
    assert ax.get_ylabel() == "effect, %"


def test_names_do_not_overlap(told):
    ax = Figure(figsize=(9, 2.6), layout="constrained").subplots()
    told.plot_effects(ax=ax)
    ax.figure.draw_without_rendering()
    for texts in (ax.get_xticklabels(), ax.texts):
        edges = sorted((box.x0, box.x1) for box in (t.get_window_extent() for t in texts))
        assert all(a[1] <= b[0] for a, b in itertools.pairwise(edges))


def test_the_figure_has_a_panel_where_an_effect_is_likely(told):
    likely = any(effect.likely for effect in told.effects)
    panels = 1 + max(len(told.changes), 1)
    axes = told.plot().axes
    assert len(axes) == panels + likely
    assert axes[1].get_shared_x_axes().joined(axes[0], axes[panels - 1])
    if likely:
        assert not axes[0].get_shared_x_axes().joined(axes[0], axes[-1])


@pytest.mark.parametrize("family", ["poisson", "normal"])
def test_the_mean_with_effects(family):
    """A week without noise to speak of: the fitted mean is that of the days' own means."""
    posterior = answer(family, WEEK)
    observed = data(family).column(posterior.model.likelihood.response)
    means = np.array([observed[np.arange(T) % 7 == day].mean() for day in range(7)])
    expected = means[np.arange(T) % 7]
    assert posterior.fitted == pytest.approx(expected, rel=0.05)
    ax = Figure().subplots()
    posterior.plot_rate(ax=ax, effects=True)
    (curve,) = [patch for patch in ax.patches if patch.get_label() == "with effects"]
    assert curve.get_data().values == pytest.approx(posterior.fitted)
    assert "with effects" not in {
        patch.get_label() for patch in posterior.plot_rate(Figure().subplots()).patches
    }


def test_added_effects_are_in_the_units_of_the_values():
    ax = answer("normal", WEEK).plot_effects(Figure().subplots())
    assert ax.get_ylabel() == "added to value"
    # 5 days of -8 / 7 and 2 of 20 / 7: they add up to 0.
    assert drawn(ax)[:, 0] == pytest.approx(
        np.where(np.arange(7) < 5, -8 / 7, 20 / 7), abs=0.15
    )


def test_without_effects_there_is_nothing_to_draw():
    counts = Observations(count=[3.0, 4.0, 5.0, 4.0] * 4)
    posterior = fit(Model(likelihoods.Poisson()), counts)
    assert posterior.fitted == pytest.approx(posterior.arrays.rows[0], abs=0)
    with pytest.raises(DataError, match="no effects to draw"):
        posterior.plot_effects()
