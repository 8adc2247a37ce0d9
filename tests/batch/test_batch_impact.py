"""What the largest change did, and the order of the series that it makes."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from changepoint import Model, batch, fit, likelihoods
from changepoint.batch.discovery import Discovery
from changepoint.batch.merge import _places
from changepoint.cli import main

T = 60


def shops(count, rng, flat=0):
    """Counts of shops, of which the first `flat` never change; some rows are missing."""
    tables = []
    for i in range(count):
        rate = np.full(T, 0.02)
        if i >= flat:
            rate[rng.integers(10, 25) :] *= rng.choice([3.0, 4.0])
            rate[rng.integers(35, 50) :] = 0.02 if i % 2 else rate[34]
        trials = rng.integers(300, 900, T).astype(float)
        count_ = rng.binomial(trials.astype(int), rate).astype(float)
        count_[rng.random(T) < 0.05] = np.nan
        days = pd.date_range("2025-01-01", periods=T, freq="2D")
        tables.append(
            pd.DataFrame({"day": days, "shop": f"s{i}", "count": count_, "trials": trials})
        )
    return pd.concat(tables)


WAYS = {
    "trials": (likelihoods.Binomial(), {"trials": "trials"}, lambda rows: rows["trials"].sum()),
    "exposure": (
        likelihoods.Poisson(),
        {"exposure": "trials"},
        lambda rows: rows["trials"].sum(),
    ),
    "rows": (likelihoods.Poisson(), {}, len),
}


@pytest.mark.parametrize("way", WAYS)
def test_events_are_the_difference_times_what_is_behind(way, tmp_path, out):
    family, columns, behind = WAYS[way]
    table = shops(8, np.random.default_rng(3))
    used = {"count": "count", **columns}
    table[["day", "shop", *used.values()]].to_csv(tmp_path / "t.csv", index=False)
    batch.run(
        tmp_path / "t.csv", Model(family), out, by="shop", columns={"time": "day", **used}
    )
    found, changes = batch.read(out), batch.read(out, "changes")
    assert len(found) == 8
    several = 0
    for row in found.itertuples():
        mine = changes[changes["series"] == row.series].sort_values("index")
        several += len(mine) > 1
        own = table[table["shop"] == row.series].reset_index()
        top = mine[mine["time"] == row.largest_change].iloc[0]
        ends = [*mine["index"], T]
        rows = own.iloc[top["index"] : min(end for end in ends if end > top["index"])]
        expected = top["difference"] * behind(rows.dropna(subset="count"))
        assert row.impact == pytest.approx(expected, rel=1e-9)
    assert several  # of which the next change ends it


def test_values_are_told_in_standard_deviations(tmp_path, out):
    rng = np.random.default_rng(4)
    y = np.where(np.arange(T) < 30, 100.0, 108.0) + 2 * rng.normal(size=T)
    data = pd.DataFrame({"time": np.arange(T), "value": y})
    data.to_csv(tmp_path / "t.csv", index=False)
    batch.run(tmp_path / "t.csv", Model(likelihoods.Normal()), out)
    (impact,) = batch.read(out)["impact"]
    posterior = fit(Model(likelihoods.Normal()), data)
    noise = y - posterior.marginals["level_mean"].values
    difference = posterior.changes[0].difference.mean
    assert impact == pytest.approx(difference / np.sqrt(np.mean(noise**2)), rel=1e-6)
    assert impact == pytest.approx(8 / 2, rel=0.3)


@pytest.mark.parametrize("seed", range(20))
def test_the_flagged_come_first_by_impact_then_the_surest(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 60))
    p = rng.choice([0.2, 0.5, 0.99, 0.999, np.nan], n)
    flagged = (p > 0.9) & (rng.random(n) < 0.8)
    impact = rng.choice([-30.0, 30.0, 2.0, np.nan], n)  # with ties, either way
    failed = np.isnan(p) & (rng.random(n) < 0.5)
    impact[failed] = np.nan
    places = _places(Discovery(0.1, p, flagged, 0.0), impact, failed)
    assert sorted(places) == list(range(n))
    order = np.argsort(places)

    def rank(i):
        """Return a key that is spelled out: what is smaller stands first."""
        size = -1.0 if np.isnan(impact[i]) else abs(impact[i])
        sure = -1.0 if np.isnan(p[i]) else p[i]
        if failed[i]:
            return (3, 0.0, 0.0)
        if flagged[i]:
            return (0, -size, -sure)
        return (1, -sure, 0.0) if sure >= 0 else (2, -size, 0.0)

    keys = [rank(i) for i in order]
    assert keys == sorted(keys)
    for a, b in pairwise(order):
        assert rank(a) != rank(b) or a < b  # equal ones as in the input


def test_the_command_names_all_flagged_or_how_many_more(tmp_path, out, capsys):
    table = shops(26, np.random.default_rng(5), flat=2)
    table.to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(SystemExit) as ended:
        main(["batch", str(tmp_path / "t.csv"), "--by", "shop", "--likelihood", "binomial",
              "--out", str(out)])  # fmt: skip
    assert not ended.value.code
    told = capsys.readouterr().out
    frame = batch.read(out)
    flagged = frame[frame["flagged"]]
    assert len(flagged) > 20
    shown = [line.split()[0] for line in told.splitlines() if " flagged " in line][:20]
    assert shown == flagged["series"].head(20).tolist()
    assert f"and {len(flagged) - 20} more flagged: see series.csv" in told
    assert flagged["impact"].dropna().abs().is_monotonic_decreasing
    for row in flagged.head(20).itertuples():
        line = next(line for line in told.splitlines() if line.split()[:1] == [row.series])
        assert (" up " if row.after > row.before else " down ") in line
