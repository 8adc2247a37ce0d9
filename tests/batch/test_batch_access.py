"""Files that can't be read for a moment: the next run tries them again."""

import errno
import os
from pathlib import Path

import pytest
from made import contents, long_table

from changepoint import AccessError, Model, batch, likelihoods, read

MODEL = Model(likelihoods.Binomial())


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "in"
    place.mkdir()
    for name, one in long_table(3, 30, changed=1).groupby("shop"):
        one.drop(columns="shop").to_csv(place / f"{name}.csv", index=False)
    return place


def status(out):
    return batch.read(out).sort_values("series")["status"].tolist()


def test_an_error_of_a_moment_is_tried_again(folder, tmp_path, out, monkeypatch):
    batch.run(folder, MODEL, tmp_path / "undisturbed")
    read_bytes = Path.read_bytes

    def broken(path):
        if path.name == "shop 0001.csv":
            raise OSError(errno.EIO, "Input/output error")
        return read_bytes(path)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "read_bytes", broken)
        batch.run(folder, MODEL, out)
        assert status(out) == ["ok", "access_error", "ok"]
        with pytest.raises(AccessError, match="Input/output error"):
            read(folder / "shop 0001.csv")
    batch.run(folder, MODEL, out)
    assert status(out) == ["ok"] * 3
    assert contents(out) == contents(tmp_path / "undisturbed")


@pytest.mark.parametrize("by", [None, "shop"])
def test_a_file_that_was_out_of_reach_as_the_batch_was_planned(folder, tmp_path, out, by):
    if by:
        for path in folder.iterdir():
            path.unlink()
        table = long_table(17, 30)
        table[-30:].to_csv(folder / "a.csv", index=False)
        table[:-30].to_csv(tmp_path / "later.csv", index=False)
    else:
        (folder / "shop 0002.csv").rename(tmp_path / "later.csv")
    (folder / "A.csv").symlink_to(tmp_path / "away.csv")
    first = batch.run(folder, MODEL, out, by=by)
    assert first.failed == 1
    assert "access_error" in status(out)
    assert batch.run(folder, MODEL, out, by=by).failed == 1  # it is still away
    (tmp_path / "later.csv").rename(tmp_path / "away.csv")
    for part in (out / "parts").iterdir():
        os.utime(part, (1, 1))
    second = batch.run(folder, MODEL, out, by=by)
    assert (second.failed, set(status(out))) == (0, {"ok"})
    assert any("can be read now" in note for note in second.notes)
    kept = [part for part in (out / "parts").iterdir() if part.stat().st_mtime == 1]
    assert len(kept) == (1 if by else 2)  # of the other files, under other numbers
    batch.run(folder, MODEL, tmp_path / "undisturbed", by=by)
    assert contents(out) == contents(tmp_path / "undisturbed")
