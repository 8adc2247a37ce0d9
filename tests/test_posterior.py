"""The answer: as a table, in words, as a picture, by time, on disk."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import stats

from changepoint import (
    Changes,
    DataError,
    DataWarning,
    Exact,
    Model,
    Observations,
    Posterior,
    fit,
    likelihoods,
    priors,
    read_csv,
)
from changepoint.report.numbers import ranges
from changepoint.report.tables import text

DRAWS = Exact(draws=400)


def counts(*rates, rows=30, trials=1000, **more):
    """Return observations whose rate changes after so many rows."""
    rate = np.repeat(rates, rows)
    count = np.random.default_rng(3).binomial(trials, rate).astype(float)
    return Observations(count=count, trials=np.full(len(rate), float(trials)), **more)


def months(T):
    return np.datetime64("2020-01", "M") + np.arange(T)


def answer(observations, changes=None, likelihood=likelihoods.Binomial, engine=DRAWS):
    return fit(Model(likelihood, changes or Changes()), observations, engine)


@pytest.fixture(scope="module")
def none():
    return answer(counts(0.02, 0.02))


@pytest.fixture(scope="module")
def one():
    return answer(counts(0.02, 0.06, time=months(60)))


@pytest.fixture(scope="module")
def several():
    return answer(counts(0.02, 0.06, 0.01, 0.05, time=months(120)))


@pytest.fixture(scope="module")
def exactly():
    return answer(counts(0.06, 0.02, time=months(60)), Changes(exactly=1))


# -- the table --------------------------------------------------------------------------------

COLUMNS = ["time", "most_probable", "probability", "credible_set"]
COLUMNS += [
    f"{name}_{key}"
    for name in ("before", "after", "difference", "ratio")
    for key in ("mean", "lower", "upper")
]
COLUMNS.append("probability_of_increase")


@pytest.mark.parametrize("name", ["none", "one", "several", "exactly"])
def test_summary_has_a_row_per_change(name, request):
    posterior = request.getfixturevalue(name)
    table = posterior.summary()
    assert list(table.columns) == COLUMNS
    assert table.index.name == "index"
    assert table.index.to_list() == [change.index for change in posterior.changes]
    assert len(table) == posterior.number
    time = posterior.observations.time
    kind = "O" if time is None else time.dtype.kind  # no rows, no times
    assert [table[name].dtype.kind for name in ("time", "most_probable")] == [kind, kind]


def test_summary_tells_what_was_put_in(several):
    table = several.summary()
    assert np.abs(table.index - [30, 60, 90]).max() <= 1
    assert (table["time"].to_numpy() == several.observations.time[table.index]).all()
    assert (table["probability_of_increase"].round() == [1, 0, 1]).all()
    for name in ("before", "after", "difference", "ratio"):
        assert (table[f"{name}_lower"] < table[f"{name}_mean"]).all()
        assert (table[f"{name}_mean"] < table[f"{name}_upper"]).all()


def test_summary_of_a_level_has_no_ratio():
    values = np.repeat([-1.0, 3.0], 15) + np.random.default_rng(1).normal(0, 0.5, 30)
    table = answer(Observations(value=values), likelihood=likelihoods.Normal).summary()
    assert len(table) == 1
    assert table[["ratio_mean", "ratio_lower", "ratio_upper"]].isna().all(axis=None)


def test_after_one_change_is_before_the_next(several):
    for earlier, later in zip(several.changes, several.changes[1:], strict=False):
        assert earlier.after == later.before


def test_numbers_of_changes_sum_to_one(several):
    assert several.number_probability.sum() == pytest.approx(1)
    assert several.probability_of_change == pytest.approx(1 - several.number_probability[0])


def test_change_probability_is_a_series_by_time(one):
    series = one.change_probability
    assert isinstance(series, pd.Series)
    assert len(series) == 60
    assert series.iloc[0] == 0
    assert series.idxmax() == pd.Timestamp(one.changes[0].most_probable)


# -- in words ---------------------------------------------------------------------------------


def about(posterior):
    """Return the rate that the sentence tells, in percent."""
    return float(re.search(r"the rate is about ([\d.]+) % ", posterior.sentence())[1])


def pooled(posterior):
    data = posterior.observations
    return 100 * np.nansum(data.count) / np.sum(data.trials[np.isfinite(data.count)])


def test_sentence_without_change(none):
    assert none.sentence().startswith(
        "There is no sign of a change in the rate (P(any change) = 0."
    )
    assert about(none) == pytest.approx(pooled(none), rel=0.02)


def test_sentence_with_one_change(one):
    told = one.sentence()
    assert told.startswith("The rate changed once (P(any change) > 0.9999, P(exactly 1) ")
    assert f"at {one.changes[0].time}" in told
    assert " up to " in told
    assert told.endswith("P(increase) > 0.9999.")


def test_sentence_with_several_changes(several):
    told = several.sentence()
    assert told.startswith("The rate changed 3 times (")
    assert told.count("P(increase)") == 2
    assert told.count("P(decrease)") == 1


def test_sentence_that_assumes_a_number(exactly):
    told = exactly.sentence()
    assert told.startswith("Assuming exactly 1 change: at ")
    assert "P(any change)" not in told
    assert " down to " in told
    assert told.endswith("P(decrease) > 0.9999.")


def test_sentence_that_assumes_no_change(one):
    told = answer(one.observations, Changes(exactly=0))
    assert told.sentence().startswith("Assuming exactly 0 changes: the rate is about ")
    assert about(told) == pytest.approx(pooled(told), rel=0.02)


def test_a_weak_change_is_not_called_sure():
    posterior = answer(counts(0.02, 0.024, rows=20))
    assert 0.2 < posterior.probability_of_change < 0.95
    assert "The rate changed" not in posterior.sentence()


def test_text_has_sentence_table_model_and_data(several):
    told = str(several)
    assert all(str(change.time) in told for change in several.changes)
    for part in ("The rate changed 3 times", "rate before", "Model: Binomial(", "Data: arrays"):
        assert part in told
    assert max(map(len, told.splitlines())) <= 120


def test_repr_is_one_line(several):
    assert repr(several) == f"Posterior: {several.sentence()}"
    assert "\n" not in repr(several)


HOSTILE = "<script>alert('&')</script>"


def test_html_escapes_what_it_is_given():
    observations = counts(
        0.02,
        0.06,
        file=HOSTILE,
        columns={"count": HOSTILE, "trials": HOSTILE},
        warnings=(HOSTILE,),
    )
    html = answer(observations)._repr_html_()
    assert "<script" not in html
    assert "&lt;script&gt;" in html


def test_html_holds_sentence_table_and_figure(several):
    html = several._repr_html_()
    assert html.startswith(f"<p><strong>{several.headline()}</strong></p>")
    assert "<p>The rate changed 3 times" in html
    assert "<table" in html
    assert html.count("<svg") == 1


def test_html_without_change_has_no_table_of_changes(none, one):
    assert "<th>credible_set</th>" in one._repr_html_()
    assert "<th>credible_set</th>" not in none._repr_html_()


# -- by time ----------------------------------------------------------------------------------


def test_probability_between_is_a_sum_for_one_change(exactly):
    p = exactly.change_probability
    months = p.index.strftime("%Y-%m")
    for first, last in ((0, 59), (25, 31), (30, 30), (1, 29)):
        told = exactly.probability_between(months[first], months[last])
        assert told == pytest.approx(p.iloc[first : last + 1].sum(), abs=1e-9)


def test_probability_between_takes_rows_where_there_are_no_times(none):
    assert none.probability_between(0, 59) == pytest.approx(none.probability_of_change)
    with pytest.warns(DataWarning, match="widened to whole rows, 5$"):
        assert none.probability_between(5.2, 5.7) == none.probability_between(5, 5) > 0
    assert str(none.probability_between(0, 0)) == "0.0"


def test_probability_between_never_falls_where_a_window_grows(exactly):
    """Windows inside a month: the month; a window that holds another is as probable."""
    p = exactly.change_probability
    with pytest.warns(DataWarning, match="widened to whole rows, 2022-05-01$"):
        inside = exactly.probability_between("2022-05-10", "2022-05-20")
    assert inside == pytest.approx(p["2022-05-01"], abs=1e-9)
    with pytest.warns(DataWarning, match="rows, 2022-05-01 to 2022-06-01$"):
        longer = exactly.probability_between("2022-05-10", "2022-06-02")
    assert longer == pytest.approx(p["2022-05-01":"2022-06-01"].sum(), abs=1e-9)
    with pytest.warns(DataWarning, match="rows, 2024-12-01$"):  # the last row lasts a month
        exactly.probability_between("2024-12-10", "2024-12-20")


@pytest.mark.parametrize(
    ("window", "said"),
    [
        (("2022-07", "2022-05"), "ends, at 2022-05, before it begins, at 2022-07"),
        (("2010", "2011"), "no rows between 2010 and 2011; the data have 2020-01-01 to "),
        (("2025-03", "2030"), "no rows between 2025-03 and 2030; the data have 2020-01-01 to "),
    ],
)
def test_probability_between_refuses_a_window_without_rows(exactly, window, said):
    with pytest.raises(DataError, match=said):
        exactly.probability_between(*window)


def test_probability_between_agrees_with_the_draws(one):
    """By a binomial test: 1e-6 by chance."""
    posterior = answer(one.observations, engine=Exact(draws=4000))
    changed = posterior.trajectories()["changed"].values[..., 28:31].any(axis=-1)
    told = posterior.probability_between("2022-05-01", "2022-07-01")
    assert stats.binomtest(int(changed.sum()), 4000, min(told, 1.0)).pvalue > 1e-6


@pytest.mark.parametrize("end", ["spring", None, [1, 2], 30, np.nan])
def test_probability_between_needs_times(one, end):
    with pytest.raises(DataError, match="first and last must be times such as 2020-01-01"):
        one.probability_between(end, "2022-07")


@pytest.mark.parametrize("name", ["none", "several", "exactly"])
def test_trajectories_have_a_value_a_row(name, request):
    posterior = request.getfixturevalue(name)
    T = len(posterior.observations)
    paths = posterior.trajectories()
    assert dict(paths.sizes) == {"chain": 4, "draw": 100, "time": T}
    assert paths["changed"].dtype == np.int8
    assert not paths["changed"].isel(time=0).any()
    assert posterior.trajectories(draws=7).sizes["draw"] == 7


@pytest.mark.parametrize("name", ["none", "several", "exactly"])
def test_trajectories_change_where_the_draws_do(name, request):
    posterior = request.getfixturevalue(name)
    paths = posterior.trajectories()
    stored = posterior.tree["posterior"].dataset
    changed = paths["changed"].values
    if name == "exactly":
        T = changed.shape[-1]
        wanted = np.arange(T) == stored["switchpoint"].values
        assert np.array_equal(changed.astype(bool), wanted)
    else:
        assert np.array_equal(changed.sum(axis=-1), stored["n_changes"].values)
    moves = np.diff(paths["rate"].values, axis=-1) != 0
    assert np.array_equal(moves, changed[..., 1:].astype(bool))


# -- the tree ---------------------------------------------------------------------------------


def test_an_unknown_number_is_a_variable(several):
    stored = several.tree["posterior"].dataset
    assert set(stored.data_vars) == {"n_changes"}
    assert stored["n_changes"].dims == ("chain", "draw")


def test_a_known_number_gives_variables_by_change_and_segment(exactly):
    stored = exactly.tree["posterior"].dataset
    assert stored["switchpoint"].dims == ("chain", "draw", "change")
    assert stored["rate"].dims == ("chain", "draw", "segment")
    assert dict(stored.sizes) == {"chain": 4, "draw": 100, "change": 1, "segment": 2}


def test_attributes_are_text_and_numbers(several):
    assert all(isinstance(value, str | int | float) for value in several.tree.attrs.values())


SINGLE = [
    name
    for name, family in likelihoods.FAMILIES.items()
    if family.candidates is likelihoods.SegmentLikelihood.candidates  # else an average
]


@pytest.mark.parametrize("name", SINGLE)
def test_built_groups_have_their_dimensions(name):
    family = likelihoods.FAMILIES[name]
    y = np.random.default_rng(2).uniform(0.01, 0.05, 12)
    y[5] = np.nan
    columns = {"rate": y, "value": y, "trials": np.full(12, 900.0), "count": np.round(900 * y)}
    if name == "bernoulli":
        columns["count"] = np.minimum(columns["count"] % 3, 1)
    columns["outcomes"] = np.where(np.isnan(y), np.nan, np.eye(3)[:, np.arange(12) % 3]).T
    observations = Observations(**{role: columns[role] for role in family.needs})
    posterior = answer(observations, likelihood=family(nu=3) if name == "student-t" else family)
    tree = posterior.build("log_likelihood", "posterior_predictive", "prior")
    y = observations.column(family.response)
    for group in ("log_likelihood", "posterior_predictive"):
        values = tree[group]["y"]
        cells = ("outcome",) if y.ndim > 1 and group == "posterior_predictive" else ()
        assert values.dims == ("chain", "draw", "observation", *cells)
        assert values.shape == (4, 100, 11, *y.shape[1:][: len(cells)])
        assert np.isfinite(values).all()
        assert np.array_equal(tree[group]["time"], np.delete(np.arange(12), 5))
    assert set(tree["prior"].data_vars) == set(tree["posterior"].data_vars)
    assert dict(tree["prior"].sizes) == dict(tree["posterior"].sizes)


@pytest.mark.parametrize("group", ["log_likelihood", "posterior_predictive", "prior"])
def test_an_average_has_no_single_likelihood(group):
    observations = Observations(value=np.random.default_rng(2).normal(0, 1, 12))
    posterior = answer(observations, likelihood=likelihoods.Auto)
    with pytest.raises(DataError, match="'auto' is an average over several: fit the one"):
        posterior.build(group)


def test_building_again_changes_nothing(exactly):
    first = exactly.build("prior")["prior"].dataset
    assert exactly.build("prior")["prior"].dataset.identical(first)


def test_build_refuses_other_groups(one):
    with pytest.raises(DataError, match="can't build 'posterior'; there are log_likelihood"):
        one.build("posterior")


# -- on disk ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["none", "several", "exactly"])
def test_what_is_saved_is_what_is_loaded(name, request, tmp_path):
    posterior = request.getfixturevalue(name)
    posterior.save(tmp_path / "posterior.nc")
    loaded = Posterior.load(tmp_path / "posterior.nc")
    assert loaded.tree.identical(posterior.tree)
    assert loaded.to_dict() == posterior.to_dict()
    assert loaded.model == posterior.model
    assert loaded.observations.fingerprint() == posterior.observations.fingerprint()


def test_saving_over_a_file_replaces_it(none, one, tmp_path):
    for posterior in (none, one):
        posterior.save(tmp_path / "posterior.nc")
    assert Posterior.load(tmp_path / "posterior.nc").to_dict() == one.to_dict()


def test_built_groups_are_saved(tmp_path):
    posterior = answer(counts(0.02, 0.06))
    posterior.build("log_likelihood")
    posterior.save(tmp_path / "posterior.nc")
    assert "log_likelihood" in Posterior.load(tmp_path / "posterior.nc").tree.children


def test_loading_a_missing_file(tmp_path):
    with pytest.raises(DataError, match=r"there is no file 'lost\.nc'"):
        Posterior.load(tmp_path / "lost.nc")


@pytest.mark.parametrize("content", [b"", b"not netCDF at all", b"\x89HDF\r\n\x1a\n damaged"])
def test_loading_a_damaged_file(tmp_path, content):
    (tmp_path / "damaged.nc").write_bytes(content)
    with pytest.raises(DataError, match=r"'damaged\.nc' can't be read as a posterior"):
        Posterior.load(tmp_path / "damaged.nc")


def test_loading_half_a_file(one, tmp_path):
    one.save(tmp_path / "whole.nc")
    content = (tmp_path / "whole.nc").read_bytes()
    (tmp_path / "half.nc").write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match=r"'half\.nc' can't be read as a posterior"):
        Posterior.load(tmp_path / "half.nc")


def test_loading_somebody_elses_file(tmp_path):
    xr.Dataset({"x": ("n", [1.0, 2.0])}).to_netcdf(tmp_path / "other.nc", engine="h5netcdf")
    with pytest.raises(DataError, match=r"'other\.nc' isn't a posterior"):
        Posterior.load(tmp_path / "other.nc")


def test_loading_a_folder(tmp_path):
    with pytest.raises(DataError, match="can't be read"):
        Posterior.load(tmp_path)


def test_saving_under_another_suffix(one, tmp_path):
    with pytest.raises(DataError, match=r"must end in \.nc or \.zarr"):
        one.save(tmp_path / "posterior.csv")
    assert not list(tmp_path.iterdir())


def test_saving_into_no_folder(one, tmp_path):
    with pytest.raises(DataError, match="can't write"):
        one.save(tmp_path / "no" / "folder" / "posterior.nc")


# -- the picture ------------------------------------------------------------------------------


def panels(posterior):
    """Draw, and return the labels of the panels."""
    figure = posterior.plot()
    figure.draw_without_rendering()
    return [axes.get_ylabel() for axes in figure.axes]


def test_without_change_the_second_panel_tells_the_probability(none):
    assert panels(none) == ["rate: count / trials, %", "P(change)"]


def test_an_assumed_absence_of_change_can_be_drawn(none):
    assert len(panels(answer(none.observations, Changes(exactly=0)))) == 2


def test_each_change_has_a_panel(one, several):
    assert panels(one) == ["rate: count / trials, %", "change"]
    assert panels(several) == ["rate: count / trials, %", "change 1", "change 2", "change 3"]


def test_many_changes_share_a_panel():
    posterior = answer(counts(*[0.01, 0.08] * 6, 0.01, rows=12))
    assert posterior.number == 12
    assert panels(posterior) == ["rate: count / trials, %", "P(change)"]
    assert len(posterior.plot().axes[0].lines) == 12


@pytest.mark.parametrize("T", [2, 12, 180, 5000])
@pytest.mark.parametrize("kind", ["days", "years", "none"])
def test_every_length_and_kind_of_time_can_be_drawn(T, kind):
    time = {
        "days": np.datetime64("2025-01-01") + np.arange(T),
        "years": np.arange(T),
        "none": None,
    }
    observations = counts(0.01, 0.05, rows=T // 2, time=time[kind])
    assert len(panels(answer(observations, Changes(exactly=1)))) == 2


def test_missing_rows_are_drawn_as_gaps():
    observations = counts(0.01, 0.05)
    count = observations.count.copy()
    count[10:20] = np.nan
    figure = answer(replace(observations, count=count)).plot()
    assert len(figure.axes) == 2
    drawn = figure.axes[0].collections[0].get_offsets()
    assert np.ma.getmaskarray(drawn)[:, 1].sum() + np.isnan(np.asarray(drawn)[:, 1]).sum() >= 10


def test_dates_stand_on_the_axis(one):
    figure = one.plot()
    figure.draw_without_rendering()
    labels = [label.get_text() for label in figure.axes[-1].get_xticklabels()]
    assert {"2021", "2022", "2023"} <= set(labels)


def test_a_single_row_among_thousands_is_seen():
    axes = answer(counts(0.01, 0.05, rows=2500), Changes(exactly=1)).plot().axes[1]
    assert all(bars.get_edgecolor()[3] > 0 and bars.get_linewidth() for bars in axes.patches)


@pytest.mark.parametrize("changes", [Changes(), Changes(exactly=3)], ids=str)
def test_no_word_is_cut_off_in_80_columns(changes):
    shop = read_csv(Path(__file__).parents[1] / "data/conversions.csv")
    found = fit(Model(likelihoods.Binomial(), changes), shop, Exact(draws=100))
    told = text(found, width=80)
    assert max(map(len, told.splitlines())) <= 80
    assert "P(up)" in told
    for change in found.changes:
        assert set(ranges(change, most=3).split()) <= set(told.split())


def test_the_text_is_the_same_in_a_notebook(one, monkeypatch, capsys):
    """Where rich would rather show it, and leave nothing to print."""
    outside = str(one)
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    assert str(one) == outside != ""
    assert capsys.readouterr() == ("", "")


def test_the_title_is_the_headline(one, none, several, exactly):
    for posterior in (one, none, several, exactly):
        title = posterior.plot()._suptitle.get_text()
        assert " ".join(title.split()) == posterior.headline()


def test_a_prior_that_matters_is_told(one):
    model = Model(likelihoods.Binomial(rate=priors.Beta(2, 50)))
    assert "Beta(alpha=2, beta=50)" in str(fit(model, one.observations, DRAWS))


class Louder:
    """An engine of one's own: a name, whether it's exact, and `run`."""

    name, exact = "louder", True

    def run(self, model, observations, notes=()):
        return DRAWS.run(model, observations, (*notes, "louder"))


def test_an_engine_is_whatever_gives_a_result(one):
    found = answer(one.observations, engine=Louder())
    assert found.warnings == (*one.warnings, "louder")
    assert found.log_evidence == one.log_evidence
