"""Series solved many at a time have the rows of those solved one by one."""

import numpy as np
import pandas as pd
import pytest
from made import long_table
from pyarrow import parquet

from changepoint import Changes, Model, batch, likelihoods, priors
from changepoint.batch import solving
from changepoint.batch.schema import SERIES

EXACT = ("n", "missing", "line", "number", "file", "start", "end", "first_change",
         "last_change", "largest_change", "credible_set", "model", "warnings", "status",
         "error")  # fmt: skip
CLOSE = ("probability_of_change", "number_probability", "probability", "log_evidence",
         "log_bayes_factor", "before", "before_lower", "before_upper", "after", "after_lower",
         "after_upper", "difference", "difference_lower", "difference_upper", "ratio",
         "ratio_lower", "ratio_upper", "probability_of_increase", "impact")  # fmt: skip

MODELS = {
    "binomial": Model(likelihoods.Binomial()),
    "binomial with a prior": Model(likelihoods.Binomial(rate=priors.Beta(2, 90))),
    "constant hazard": Model(likelihoods.Binomial(), Changes(every=25)),
    "poisson": Model(likelihoods.Poisson()),
    "the default": Model(likelihoods.BetaBinomial()),
    "negative-binomial": Model(likelihoods.NegativeBinomial()),
}


def odd_table():
    """Series of many kinds: long, short, with gaps, monthly, bad, with several changes."""
    rng = np.random.default_rng(0)
    tables = [long_table(6, 50, changed=3)]
    for name, dates in {
        "two": pd.date_range("2024-01-01", periods=2),
        "three": pd.date_range("2024-01-01", periods=3),
        "months": pd.date_range("2020-01-01", periods=30, freq="MS"),
        "weekdays": pd.bdate_range("2024-01-01", periods=40),
        "gaps": pd.date_range("2024-01-01", periods=40).delete([7, 20]),
        "backwards": pd.date_range("2024-01-01", periods=30)[::-1],
        "shuffled": pd.date_range("2024-01-01", periods=9)[[3, 1, 2, 0, 4, 5, 6, 7, 8]],
        "long": pd.date_range("2010-01-01", periods=900),
        "hours": pd.date_range("2024-01-01 06:30", periods=60, freq="h"),
    }.items():
        n = rng.integers(50, 90, len(dates))
        rate = np.where(np.arange(len(dates)) % 300 < 150, 0.1, 0.3)
        columns = {"shop": name, "date": dates, "count": rng.binomial(n, rate), "trials": n}
        tables.append(pd.DataFrame(columns))
    table = pd.concat(tables, ignore_index=True).astype({"count": float, "trials": float})
    rows = {name: table.index[table["shop"] == name] for name in table["shop"].unique()}
    table.loc[rows["shop 0004"][5:9], "count"] = np.nan
    table.loc[rows["shop 0005"][3], "count"] = 0.5
    table.loc[rows["three"], "count"] = 0
    return table


def decoded(out):
    """Return the curve of each series: its scale, and the five rows of numbers."""
    found = {}
    for path in sorted((out / "parts").iterdir()):
        for row in parquet.read_table(path, columns=["series", "curve"]).to_pylist():
            if (told := row["curve"]) is not None:
                numbers = np.frombuffer(told["data"], np.uint8).reshape(5, -1).astype(float)
                numbers[0, numbers[0] == 255] = np.nan
                numbers[:4] *= told["high"] / 254
                numbers[4] *= told["peak"] / 255
                found[row["series"]] = told, numbers
    return found


@pytest.mark.parametrize("name", MODELS)
def test_rows_are_the_same(name, tmp_path, monkeypatch):
    """Sums in another order: to rounding, and to that of the outer search."""
    odd_table().to_parquet(tmp_path / "t.parquet", row_group_size=300)
    tables, curves, changes = [], [], []
    for at_once in (solving.AT_ONCE, 1):
        monkeypatch.setattr(solving, "AT_ONCE", at_once)
        out = tmp_path / f"{at_once}"
        batch.run(tmp_path / "t.parquet", MODELS[name], out, by="shop")
        tables.append(batch.read(out).set_index("series").sort_index())
        changes.append(batch.read(out, "changes").sort_values(["series", "index"]))
        curves.append(decoded(out))
    together, alone = tables
    assert set(EXACT) | set(CLOSE) == set(SERIES)
    assert (alone["status"] == "ok").sum() == 13
    pd.testing.assert_frame_equal(together[list(EXACT)], alone[list(EXACT)])
    pd.testing.assert_frame_equal(
        together[list(CLOSE)], alone[list(CLOSE)], rtol=1e-7, atol=1e-9
    )
    pd.testing.assert_frame_equal(*(c.reset_index(drop=True) for c in changes), rtol=1e-6)
    assert curves[0].keys() == curves[1].keys()
    for series, (told, numbers) in curves[0].items():
        other, wanted = curves[1][series]
        assert told["ticks"] == other["ticks"]
        np.testing.assert_allclose(numbers[:4], wanted[:4], atol=1.01 * told["high"] / 254)
        np.testing.assert_allclose(numbers[4], wanted[4], atol=1.01 * told["peak"] / 255)
