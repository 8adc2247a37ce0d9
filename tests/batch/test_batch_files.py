"""A folder of files, each a series: all of them have a row, whatever is wrong with them."""

import os
import shutil

import pandas as pd
import pytest
from made import ROOT, long_table

import changepoint
from changepoint import DataError, Model, ModelError, batch, fit, likelihoods, read_csv
from changepoint.batch.inputs import find

# Files that can't be answered, and what their rows must say.
BROKEN = {
    "empty.csv": (b"", "data_error", "the file is empty"),
    "header.csv": (b"date,count,trials\n", "data_error", "no row has a count"),
    "nul.csv": (b"date,count,trials\n2024-01-01,1\0,10\n", "data_error", "NUL"),
    "no_response.csv": (b"date,price\n2024-01-01,3\n2024-01-02,4\n", "data_error", "no column"),
    "ragged.csv": (b"date,count,trials\n2024-01-01,1\n", "data_error", "cells"),
    "quote.csv": (b'date,count,trials\n"2024-01-01,1,10\n', "data_error", "quote"),
    "word.csv": (
        b"date,count,trials\n2024-01-01,one,10\n2024-01-02,1,10\n", "data_error", "line 2",
    ),
    "too_many.csv": (
        b"date,count,trials\n2024-01-01,11,10\n2024-01-02,1,10\n", "data_error", "more events",
    ),
    "twice.csv": (
        b"date,count,trials\n2024-01-01,1,10\n2024-01-01,1,10\n", "data_error", "a copy",
    ),
    "spreadsheet.xlsx": (b"PK\x03\x04", "data_error", "export the sheet"),
    "not.parquet": (b"PAR1 and nothing else", "data_error", "Parquet"),
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The project's own files and the broken ones."""
    place = tmp_path_factory.mktemp("data")
    for path in (ROOT / "data").glob("*"):
        shutil.copy(path, place)
    for name, (content, _, _) in BROKEN.items():
        (place / name).write_bytes(content)
    return place


@pytest.fixture(scope="module")
def table(folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("out")
    summary = batch.run(folder, None, out)
    return summary, batch.read(out).set_index("series"), out


def test_every_file_has_a_row(folder, table):
    summary, rows, _ = table
    names = {str(p) for p in folder.iterdir() if p.suffix in (".csv", ".xlsx", ".parquet")}
    assert set(rows.index) == names
    assert summary.series == len(names)
    assert summary.failed == (rows["status"] != "ok").sum()
    assert "simulate_funnel.py" in summary.notes[0]


@pytest.mark.parametrize("name", BROKEN)
def test_broken_files_say_what_is_wrong(folder, table, name):
    _, status, words = BROKEN[name]
    row = table[1].loc[str(folder / name)]
    assert row["status"] == status
    assert name in row["error"]
    assert words in row["error"]
    assert pd.isna(row["probability_of_change"])
    assert not row["flagged"]


@pytest.mark.parametrize("name", ["conversions.csv", "coal_disasters.csv", "nile.csv"])
def test_rows_say_what_fit_says(folder, table, name):
    data = read_csv(ROOT / "data" / name)
    posterior = fit(None, data)
    row = table[1].loc[str(folder / name)]
    assert row["status"] == "ok"
    assert row["n"] == len(data)
    assert row["number"] == posterior.number
    assert row["log_evidence"] == pytest.approx(posterior.log_evidence, abs=1e-9)
    assert row["probability_of_change"] == pytest.approx(posterior.probability_of_change)
    assert row["largest_change"] == str(posterior.changes[0].time)
    assert row["before"] == pytest.approx(posterior.changes[0].before.mean, rel=1e-2)
    assert row["model"] == str(posterior.model)


def test_changes_have_a_row_each(table):
    rows, changes = table[1], batch.read(table[2], "changes")
    counted = changes.groupby("series").size()
    expected = rows.loc[rows["number"].fillna(0) > 0, "number"]
    assert counted.to_dict() == expected.to_dict()


def test_some_columns(table):
    frame = batch.read(table[2], columns=["series", "number"])
    assert list(frame.columns) == ["series", "number"]
    with pytest.raises(DataError, match="no column colour; it has series"):
        batch.read(table[2], columns=["colour"])
    assert batch.scan(table[2], "changes").schema.names[0] == "series"


def test_the_failed_stand_last(table):
    failed = (table[1]["status"] != "ok").to_numpy()
    assert not failed[: (~failed).sum()].any()


def test_what_a_run_wrote_is_no_input(folder, tmp_path):
    mine = tmp_path / "mine"
    shutil.copytree(ROOT / "data", mine)
    first = batch.run([mine], Model(likelihoods.Poisson()), mine / "out")
    again = find([mine], mine / "out")
    assert len(again.files) == first.series
    assert not [file for file in again.files if "/out/" in file]


def test_globs_folders_and_repetitions(folder, out):
    found = find([f"{folder}/n*.csv", str(folder / "nile.csv"), folder], out)
    assert len(found.files) == len(set(found.files))
    assert found.files[0].endswith("nile.csv")
    assert find([f"{folder}/nothing*.csv"], out).files == []


def test_globs_without_files_are_told(tmp_path, out):
    (tmp_path / "a.csv").write_text("count\n" + "1\n2\n" * 5)
    (tmp_path / "empty").mkdir()
    nothing = [str(tmp_path / "no*.csv"), str(tmp_path / "empty")]
    done = batch.run([tmp_path / "a.csv", *nothing], Model(likelihoods.Poisson()), out)
    assert done.notes == (f"nothing to read in {nothing[0]}, {nothing[1]}",)


def test_folders_of_other_batches_are_no_input(tmp_path, out):
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.csv").write_text("count\n" + "1\n2\n" * 5)
    batch.run(tmp_path / "in", Model(likelihoods.Poisson()), tmp_path / "in/deep/other")
    found = find([tmp_path / "in"], out)
    assert (found.files, found.left_out) == ([str(tmp_path / "in/a.csv")], [])


def test_hidden_files_are_left_alone(tmp_path, out):
    for name in (".hidden.csv", "_SUCCESS.csv", "good.csv"):
        (tmp_path / name).write_text("count\n1\n")
    assert find([tmp_path], out).files == [str(tmp_path / "good.csv")]


def test_pipes_and_names_that_are_no_text(tmp_path, out):
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / os.fsdecode(b"bad\xff.csv")).write_text("count\n" + "1\n2\n" * 5)
    long_name = "x" * 500 + ".csv"
    batch.run([tmp_path, long_name], Model(likelihoods.Poisson()), out)
    rows = batch.read(out)
    assert sorted(rows["status"]) == ["access_error", "ok"]


def test_nothing_to_read(tmp_path, out):
    with pytest.raises(DataError, match="nothing to read"):
        batch.run([tmp_path], None, out)
    assert not out.exists()


def test_files_without_rows(tmp_path, out):
    (tmp_path / "none.csv").write_text("date,count,trials\n")
    one = long_table(1, 60, changed=1).drop(columns="shop")
    for name in ("a", "z"):
        one.to_csv(tmp_path / f"{name}.csv", index=False)
    for model in (None, Model(likelihoods.Binomial())):
        batch.run(tmp_path, model, out, fresh=True)
        rows = batch.read(out).set_index("series")
        assert rows.loc[str(tmp_path / "none.csv"), "status"] == "data_error"
        assert rows["number"].dropna().tolist() == [1, 1]


def test_files_of_other_file_systems(out):
    import fsspec

    memory = fsspec.filesystem("memory")
    for name in ("nile", "coal_disasters"):
        memory.pipe(f"/series/{name}.csv", (ROOT / "data" / f"{name}.csv").read_bytes())
    table = long_table(3, 40)
    table.to_parquet("memory://long/table.parquet")
    try:
        batch.run(["memory://series", "memory://series/absent.csv"], None, out)
        rows = batch.read(out).set_index("series")
        assert rows.loc["memory://series/nile.csv", "largest_change"] == "1899"
        assert "absent.csv" in rows.loc["memory://series/absent.csv", "error"]
        batch.run(["memory://long/*.parquet"], None, out, by="shop", fresh=True)
        assert (batch.read(out)["status"] == "ok").sum() == 3
    finally:
        memory.rm("/series", recursive=True)
        memory.rm("/long", recursive=True)


def test_a_parquet_file_can_be_a_series(tmp_path, out):
    table = long_table(1, 60, changed=1)
    table.drop(columns="shop").to_parquet(tmp_path / "one.parquet")
    batch.run([tmp_path], Model(likelihoods.Binomial()), out)
    assert batch.read(out)["number"].tolist() == [1]


MODEL = """
from changepoint import Changes, Model, likelihoods
columns = {"count": "cancelled", "trials": "scheduled"}
def model(observations):
    if len(observations) > 200:
        raise ValueError("too long for me")
    return Model(likelihoods.Binomial(), Changes(at_most=3))
"""


def test_model_files_are_run_for_each_series(tmp_path, out):
    (tmp_path / "model.py").write_text(MODEL)
    data = long_table(1, 90).rename(columns={"count": "cancelled", "trials": "scheduled"})
    data.to_csv(tmp_path / "short.csv", index=False)
    flights = ROOT / "data" / "nyc_flights_2013.csv"
    batch.run([tmp_path / "short.csv", flights], tmp_path / "model.py", out)
    rows = batch.read(out).set_index("series")
    assert rows.loc[str(tmp_path / "short.csv"), "status"] == "ok"
    row = rows.loc[str(flights)]
    assert row["status"] == "model_error"
    assert "line 6: ValueError: too long for me" in row["error"]


def test_a_series_that_the_engine_can_not_do(tmp_path, out):
    (tmp_path / "far.csv").write_text("value\n" + "1\n1.1\n" * 10 + "1e90\n")
    (tmp_path / "near.csv").write_text("value\n" + "1\n1.1\n" * 10)
    summary = batch.run([tmp_path / "far.csv", tmp_path / "near.csv"],
                        Model(likelihoods.Exponential()), out)  # fmt: skip
    assert summary.series == 2


@pytest.mark.parametrize("place", ["loading.read", "row.of_answer"])
def test_a_bug_is_the_problem_of_its_series(tmp_path, out, monkeypatch, place):
    for name in ("good", "evil"):
        (tmp_path / f"{name}.csv").write_text("value\n" + "1\n1.1\n" * 10)
    module, function = place.split(".")
    right = getattr(getattr(batch, module), function)

    def wrong(what, *arguments, **options):
        series = getattr(what, "observations", what)
        if "evil" in str(getattr(series, "file", series)):
            raise ZeroDivisionError("division by zero")
        return right(what, *arguments, **options)

    monkeypatch.setattr(f"changepoint.batch.{place}", wrong)
    batch.run(tmp_path, Model(likelihoods.Normal()), out)
    rows = batch.read(out).set_index("series")
    assert rows.loc[str(tmp_path / "good.csv"), "status"] == "ok"
    bad = rows.loc[str(tmp_path / "evil.csv")]
    assert bad["status"] == "engine_error"
    assert "internal error, ZeroDivisionError" in bad["error"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"fdr": 0}, "fdr"),
        ({"shard": (3, 2)}, "shard"),
        ({"model": 3}, "model must be"),
        ({"model": "absent.py"}, "absent.py"),
        ({"by": ("a", "a")}, "twice"),
        ({"by": "a", "columns": {"outcome": "b"}}, "outcome"),
    ],
)
def test_arguments_that_can_not_be(arguments, words, out):
    with pytest.raises(ModelError, match=words):
        batch.run(ROOT / "data", **{"out": out, **arguments})
    assert not out.exists()


def test_somebody_elses_folder_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(ModelError, match="not empty"):
        batch.run(ROOT / "data" / "nile.csv", None, tmp_path, fresh=True)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]


def test_tables_of_unfinished_batches_are_refused(out):
    with pytest.raises(DataError, match="is none"):
        batch.read(out)
    batch.run(ROOT / "data" / "nile.csv", None, out)
    (out / "summary.json").unlink()
    with pytest.raises(DataError, match="isn't finished"):
        batch.read(out)


def test_batch_is_public():
    assert changepoint.batch is batch
