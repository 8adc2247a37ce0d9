"""Clock times: told, and read, by the clocks of the zone they were read in."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from changepoint import (
    DataError,
    Exact,
    Model,
    Observations,
    Posterior,
    effects,
    fit,
    likelihoods,
    read,
)
from changepoint.time_window import moment, rows_since
from changepoint.zones import by_clocks

ZONES = ("Europe/Berlin", "America/Los_Angeles", "Asia/Kathmandu", "Pacific/Apia", "UTC")
CLOCKS_CHANGE = (datetime(2024, 3, 31), datetime(2024, 10, 27), datetime(2024, 11, 3))
DAY = 24


def hours(begin: datetime, T: int, zone: str) -> Observations:
    """T rows by the hour, whose count is that of the clock."""
    time = np.datetime64(begin, "us") + np.arange(T) * np.timedelta64(1, "h")
    return Observations(count=np.ones(T), trials=np.full(T, 9), time=time, zone=zone)


@given(some.sampled_from(ZONES), some.sampled_from(CLOCKS_CHANGE), some.integers(-90, 10))
def test_every_way_to_tell_a_time_finds_its_row(zone, near, before):
    data = hours(near + timedelta(hours=before), 4 * DAY, zone)
    for row in range(len(data)):
        aware = datetime.fromisoformat(str(data.time[row])[:19] + "+00:00")
        local = aware.astimezone(ZoneInfo(zone))
        ways = [data.label(row), aware, local, aware.isoformat()]
        if not local.fold:  # of an hour that comes twice, the first
            plain = local.replace(tzinfo=None)
            ways += [plain, plain.isoformat(), f"{plain:%Y-%m-%d %H:%M}", np.datetime64(plain)]
        for way in ways:
            assert moment(way, data) == data.time[row], way
    day = data.label(DAY)[:10]
    first = int(rows_since(data, day).rows.argmax())
    midnights = np.flatnonzero(data.clocks.astype("datetime64[D]") == np.datetime64(day))
    assert first in (midnights[0], midnights[0] - 1)  # :45 and :30 lie inside of a row


@pytest.mark.parametrize("zone", ZONES)
def test_patterns_follow_the_clocks(zone):
    data = hours(datetime(2024, 10, 20), 21 * DAY, zone)
    there, utc = ZoneInfo(zone), ZoneInfo("UTC")
    shown = [at.replace(tzinfo=utc).astimezone(there) for at in data.time.tolist()]
    clocks = np.array([at.replace(tzinfo=None) for at in shown], "datetime64[us]")
    assert np.array_equal(by_clocks(data.time, zone), clocks)
    as_they_stand = Observations(count=data.count, time=clocks)
    for effect in (effects.Hourly(), effects.Weekday()):
        assert np.array_equal(effect.design(data).rows, effect.design(as_they_stand).rows)


@pytest.fixture(scope="module")
def told(tmp_path_factory) -> Posterior:
    """Errors that rise on 29 October at 6 by the clocks of Berlin, after an hour came twice."""
    folder, zone = tmp_path_factory.mktemp("zone"), ZoneInfo("Europe/Berlin")
    begin = datetime(2024, 10, 25, tzinfo=zone).astimezone(ZoneInfo("UTC"))
    rows = ["time,errors,requests"]
    for hour in range(7 * DAY):
        at = (begin + timedelta(hours=hour)).astimezone(zone)
        errors = 20 if at.replace(tzinfo=None) < datetime(2024, 10, 29, 6) else 40
        rows.append(f"{at:%Y-%m-%d %H:%M},{errors},1000")
    (folder / "hours.csv").write_text("\n".join(rows))
    with pytest.warns(match="Europe/Berlin"):
        data = read(folder / "hours.csv", zone="Europe/Berlin")
    return fit(Model(likelihoods.Binomial()), data, Exact(draws=200))


def test_the_answer_is_told_by_the_clocks(told, tmp_path):
    assert told.changes[0].time == "2024-10-29T06:00+01:00"
    assert " 2024-10-29T06:00+01:00; that" in told.headline()
    (stamp,) = told.summary()["time"]
    assert stamp.isoformat() == "2024-10-29T06:00:00+01:00"
    (placed,) = told.with_events(["2024-10-29 06:30"]).placed.rows
    assert placed == told.changes[0].index
    told.save(tmp_path / "it.nc")
    again = Posterior.load(tmp_path / "it.nc")
    assert again.headline() == told.headline()
    assert again.to_dict()["changes"] == told.to_dict()["changes"]


def test_the_axis_shows_the_clocks(told):
    ax = told.plot_rate()
    ax.figure.canvas.draw()
    tick = ax.xaxis.get_major_formatter()
    at = told.observations.time[told.changes[0].index]
    assert tick.format_data_short(ax.convert_xunits(at)).endswith("06:00:00")


def test_a_zone_needs_times_and_a_name():
    with pytest.raises(DataError, match="about times"):
        Observations(count=[1, 2], zone="Europe/Berlin")
    with pytest.raises(DataError, match="no time zone 'Berlin'"):
        hours(CLOCKS_CHANGE[0], 3, "Berlin")
