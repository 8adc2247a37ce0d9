"""Long tables: the rows of a series find together, wherever they stand."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from made import long_table
from pyarrow import parquet

from changepoint import (
    DataError,
    Model,
    Observations,
    batch,
    fit,
    from_frame,
    likelihoods,
    read_csv,
)
from changepoint.batch import plan as plans
from changepoint.batch.plan import Settings, plan
from changepoint.reading.long import Piece, long_file, long_parquet

BINOMIAL = Model(likelihoods.Binomial())
TABLE = long_table(12, 30, changed=4, step="1D")


def write(table, path, rows=None):
    """Write a Parquet file with row groups of so many rows."""
    parquet.write_table(pa.Table.from_pandas(table, preserve_index=False), path, rows)


def solved(inputs, out, by="shop", model=BINOMIAL, **options):
    batch.run(inputs, model, out, by=by, **options)
    return batch.read(out).set_index("series").sort_index()


@pytest.fixture(scope="module")
def expected():
    """The log evidence of each shop, fitted alone."""
    alone = {
        shop: fit(BINOMIAL, from_frame(rows.drop(columns="shop"))).log_evidence
        for shop, rows in TABLE.groupby("shop")
    }
    return pd.Series(alone, name="log_evidence")


def agree(rows, expected):
    assert (rows["status"] == "ok").all()
    assert list(rows.index) == list(expected.index)
    np.testing.assert_allclose(rows["log_evidence"], expected, rtol=1e-8)


@pytest.mark.parametrize("rows", [7, 30, 45, 360])
def test_row_groups_may_end_anywhere(tmp_path, out, expected, rows):
    write(TABLE, tmp_path / "t.parquet", rows)
    agree(solved(tmp_path / "t.parquet", out), expected)


def test_tables_may_go_on_in_the_next_file(tmp_path, out, expected):
    for i, part in enumerate(np.array_split(np.arange(len(TABLE)), 5)):
        write(TABLE.iloc[part], tmp_path / f"{i}.parquet", 50)
    agree(solved(tmp_path, out), expected)


def test_tables_that_are_not_in_order(tmp_path, out, expected):
    by_day = TABLE.sort_values(["date", "shop"])
    write(by_day, tmp_path / "t.parquet", 50)
    agree(solved(tmp_path, out), expected)


def test_tables_out_of_order_must_fit_into_memory(tmp_path, out, monkeypatch):
    monkeypatch.setattr(plans, "IN_MEMORY", 100)
    write(TABLE.sort_values(["date", "shop"]), tmp_path / "t.parquet", 50)
    with pytest.raises(DataError, match="ordered by shop and time"):
        solved(tmp_path, out)
    write(TABLE, tmp_path / "t.parquet", 50)
    assert len(solved(tmp_path, out, fresh=True)) == 12  # in order: any size


def test_too_large_row_groups_are_refused(tmp_path, out, monkeypatch):
    monkeypatch.setattr(plans, "LARGEST_GROUP", 1000)
    write(TABLE, tmp_path / "t.parquet")
    rows = solved(tmp_path, out)
    assert rows["status"].tolist() == ["data_error"]
    assert "smaller row groups" in rows["error"].iloc[0]


def test_tables_without_rows(tmp_path, out):
    write(TABLE.iloc[:0], tmp_path / "none.parquet")
    (tmp_path / "none.csv").write_text("shop,date,count,trials\n")
    rows = solved(tmp_path, out)
    assert rows["status"].tolist() == ["data_error"] * 2
    assert rows["error"].str.contains("no rows").all()


def test_too_large_text_is_refused(tmp_path, out, monkeypatch):
    monkeypatch.setattr(plans, "LARGEST_TEXT", 1000)
    TABLE.to_csv(tmp_path / "t.csv", index=False)
    rows = solved(tmp_path, out)
    assert rows["status"].tolist() == ["data_error"]
    assert "Parquet" in rows["error"].iloc[0]


def test_partitioned_folders(tmp_path, out, expected):
    for shop, rows in TABLE.groupby("shop"):
        place = tmp_path / f"shop={shop.replace(' ', '%20')}"
        place.mkdir()
        write(rows.drop(columns="shop"), place / "part-0.parquet", 20)
    agree(solved(tmp_path, out), expected)


def test_text_files(tmp_path, out, expected):
    # In any order of series: within one, rows keep theirs.
    TABLE.sort_values(["date", "shop"]).to_csv(tmp_path / "t.csv", index=False, sep=";")
    agree(solved(tmp_path, out), expected)


def test_several_key_columns(tmp_path, out):
    table = TABLE.assign(region=np.where(TABLE.date < "2024-01-16", "north", "south"))
    table = table.sort_values(["shop", "region"], kind="stable")
    write(table, tmp_path / "t.parquet", 40)
    rows = solved(tmp_path, out, by=["shop", "region"])
    assert len(rows) == 24
    assert rows.loc["shop 0003, south", ["shop", "region"]].tolist() == ["shop 0003", "south"]
    assert (rows["n"] == 15).all()


def test_key_columns_named_like_ours(tmp_path, out):
    write(TABLE.rename(columns={"shop": "model"}), tmp_path / "t.parquet")
    rows = solved(tmp_path, out, by="model")
    assert set(rows["by_model"]) == set(TABLE["shop"])
    assert rows["model"].str.startswith("Binomial").all()


def test_numbers_and_gaps_as_keys(tmp_path, out):
    table = TABLE.iloc[:90].assign(shop=np.repeat([7, 11, 0], 30))
    table["shop"] = table["shop"].replace(0, np.nan).astype("Int64")
    write(table, tmp_path / "t.parquet", 40)
    assert solved(tmp_path, out).index.tolist() == ["(missing)", "11", "7"]


def test_keys_keep_their_zeros(tmp_path, out):
    text = "shop,date,count,trials\n" + "".join(
        f"{shop},2024-01-{day:02d},1,10\n" for shop in ("007", "7") for day in range(1, 9)
    )
    (tmp_path / "t.csv").write_text(text)
    assert solved(tmp_path, out).index.tolist() == ["007", "7"]


def test_a_bad_cell_is_the_problem_of_its_series(tmp_path, out):
    lines = TABLE.to_csv(index=False).splitlines()
    lines[35] = lines[35].replace("2024-01-05", "2024-13-05")
    lines[100] += "x"
    (tmp_path / "t.csv").write_text("\n".join(lines))
    rows = solved(tmp_path, out)
    failed = rows[rows["status"] == "data_error"]
    assert failed.index.tolist() == ["shop 0001", "shop 0003"]
    assert "t.csv, line 36" in failed["error"].iloc[0]
    assert "line 101" in failed["error"].iloc[1]
    assert (rows["status"] == "ok").sum() == 10


def test_a_bad_cell_in_the_second_of_two_files(tmp_path, out):
    for i, part in enumerate((TABLE.iloc[:60], TABLE.iloc[60:120])):
        part = part.astype({"count": str})
        if i:
            part.iloc[40, part.columns.get_loc("count")] = "abc"
        write(part, tmp_path / f"{i}.parquet", 25)
    rows = solved(tmp_path, out)
    failed = rows[rows["status"] != "ok"]
    assert failed.index.tolist() == ["shop 0003"]
    assert f"{tmp_path}/1.parquet, line 41" in failed["error"].iloc[0]
    assert (rows["n"].dropna() == 30).all()


def test_a_file_without_the_column_of_counts_loses_no_series(tmp_path, out):
    write(TABLE.iloc[:180], tmp_path / "a.parquet", 50)
    write(TABLE.iloc[180:].drop(columns="count"), tmp_path / "b.parquet", 50)
    batch.run(tmp_path, BINOMIAL, out, by="shop")
    rows = batch.read(out)
    assert len(rows) == 12
    assert (rows["status"] == "ok").sum() >= 4  # jobs across the border fail


def test_keys_that_are_equal_as_text(tmp_path, out):
    table = TABLE.iloc[:90].assign(shop=np.repeat(["a", "(missing)", None], 30))
    write(table, tmp_path / "t.parquet")
    batch.run(tmp_path, BINOMIAL, out, by="shop")
    rows = batch.read(out).set_index("series")["status"]
    assert rows.to_dict() == {"a": "ok", "(missing)": "data_error"}  # each day twice


def test_counts_that_can_not_be_are_the_problem_of_their_series(tmp_path, out):
    table = TABLE.copy()
    table.loc[35, "count"] = -1
    table.loc[66, "count"] = 100_000
    table = table.drop(index=95)  # a day that is absent becomes a missing row
    write(table, tmp_path / "t.parquet", 50)
    rows = solved(tmp_path, out)
    assert rows["status"].value_counts().to_dict() == {"ok": 10, "data_error": 2}
    assert "line 36" in rows.loc["shop 0001", "error"]
    assert "negative" in rows.loc["shop 0001", "error"]
    assert rows.loc["shop 0003", "missing"] == 1
    assert "absent" in rows.loc["shop 0003", "warnings"]


def test_days_or_months_first_is_settled_by_the_whole_file(tmp_path, out):
    table = TABLE.assign(date=TABLE["date"].dt.strftime("%d/%m/%Y"))
    table.to_csv(tmp_path / "t.csv", index=False)
    assert set(solved(tmp_path, out)["end"]) == {"2024-01-30"}
    early = table[TABLE["date"] < "2024-01-12"]
    early.to_csv(tmp_path / "t.csv", index=False)
    rows = solved(tmp_path, out, fresh=True)
    assert (rows["status"] == "data_error").all()
    assert rows["error"].str.contains("--date-format").all()


def test_the_same_series_in_two_text_files(tmp_path, out):
    TABLE.iloc[:60].to_csv(tmp_path / "a.csv", index=False)
    TABLE.iloc[45:90].to_csv(tmp_path / "b.csv", index=False)
    batch.run(tmp_path, BINOMIAL, out, by="shop")
    rows = batch.read(out)
    failed = rows[rows["status"] == "data_error"]
    assert failed["series"].tolist() == ["shop 0001"]
    assert "a.csv too" in failed["error"].iloc[0]
    assert len(rows) == 4


def test_files_without_the_key_column(tmp_path, out):
    TABLE.to_csv(tmp_path / "a.csv", index=False)
    TABLE.drop(columns="shop").to_csv(tmp_path / "b.csv", index=False)
    write(TABLE.drop(columns="shop"), tmp_path / "c.parquet")
    rows = solved(tmp_path, out)
    for name in ("b.csv", "c.parquet"):
        row = rows.loc[str(tmp_path / name)]
        assert row["status"] == "data_error"
        assert "no column 'shop', asked for as by" in row["error"]
    assert (rows["status"] == "ok").sum() == 12


def test_sums_by_week(tmp_path, out):
    write(TABLE, tmp_path / "t.parquet", 50)
    rows = solved(tmp_path, out, aggregate="week")
    assert (rows["n"] == 4).all()  # the fifth week has two days only
    assert set(rows["start"]) == {"2024-01-01"}


def test_outcomes(tmp_path, out):
    table = TABLE.assign(bought=TABLE["count"], left=TABLE["trials"] - TABLE["count"])
    table = table.drop(columns=["count", "trials"])
    write(table, tmp_path / "t.parquet", 50)
    rows = solved(tmp_path, out, model=None, columns={"outcomes": ["bought", "left"]})
    assert rows["model"].str.startswith("Multinomial").all()
    assert (rows["number"] == [1] * 4 + [0] * 8).all()


def test_jobs_hold_each_series_once():
    """Whatever row groups and portions are, pieces join without gap or overlap."""
    rng = np.random.default_rng(1)
    for _ in range(50):
        lengths = rng.integers(1, 30, rng.integers(1, 60))
        starts = np.concatenate([[0], np.cumsum(lengths)])
        groups = np.unique(np.append(rng.integers(0, starts[-1], 6), [0, starts[-1]]))
        runs = [
            plans._Run(
                Piece("f", g, 0, int(b - a)),
                starts[:-1][(starts[:-1] >= a) & (starts[:-1] < b)] - a,
                np.zeros(0, np.uint64),
            )
            for g, (a, b) in enumerate(pairwise(groups))
        ]
        jobs = list(plans._in_order(runs, int(rng.integers(1, 100)), 50))
        at, series = 0, 0
        for job in jobs:
            assert at in starts
            for piece in job.pieces:
                assert groups[piece.group] + piece.first == at
                at = int(groups[piece.group] + piece.end)
            series += len(job)
            assert starts[series] == at
        assert series == len(lengths)
        assert at == starts[-1]


def test_portions_are_bounded(monkeypatch, tmp_path):
    monkeypatch.setattr(plans, "SERIES", 5)
    write(TABLE, tmp_path / "t.parquet")
    jobs = plan([str(tmp_path / "t.parquet")], Settings.of({}, "shop"), fast=True)
    assert [len(job) for job in jobs] == [1] * 12
    monkeypatch.setattr(plans, "SHARES", 1)
    jobs = plan([str(tmp_path / "t.parquet")], Settings.of({}, "shop"), fast=True)
    assert max(len(job) for job in jobs) == 5
    assert sum(len(job) for job in jobs) == 12


def test_lines_are_those_of_the_file(tmp_path):
    write(TABLE, tmp_path / "t.parquet", 50)
    pieces = [Piece(str(tmp_path / "t.parquet"), 1, 10, 50)]
    found = long_parquet(pieces, ["shop"], {})
    assert found.keys == [("shop 0002",), ("shop 0003",)]
    assert found.observations(0).lines.tolist() == list(range(61, 91))
    assert isinstance(found.observations(1), Observations)


def test_one_series_reads_as_it_does_alone(tmp_path):
    one = TABLE.iloc[:30]
    one.drop(columns="shop").to_csv(tmp_path / "alone.csv", index=False)
    alone = read_csv(tmp_path / "alone.csv")
    one.to_csv(tmp_path / "t.csv", index=False)
    together = long_file(str(tmp_path / "t.csv"), ["shop"], {}).observations(0)
    assert alone.fingerprint() == together.fingerprint()
    assert alone.lines.tolist() == together.lines.tolist()


@pytest.mark.parametrize(
    "by", [["part"], ["row"], ["place"], ["changes"], ["curve"], ["n"], ["n", "by_n"]]
)
def test_a_key_may_be_called_as_a_column_of_the_tables(tmp_path, out, by):
    table = TABLE.rename(columns={"shop": by[0]})
    for name in by[1:]:
        table[name] = "all"
    write(table, tmp_path / "table.parquet")
    batch.run(tmp_path / "table.parquet", BINOMIAL, out, by=by)
    rows = batch.read(out)
    assert sorted(rows[f"by_{by[0]}"]) == sorted(TABLE["shop"].unique())
    assert len(set(batch.read(out, "changes").columns)) == len(
        batch.read(out, "changes").columns
    )
    assert rows["series"].tolist() == [
        ", ".join([shop, *["all"] * (len(by) - 1)]) for shop in rows[f"by_{by[0]}"]
    ]
