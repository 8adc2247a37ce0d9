"""A batch on the terminal: how far it is, and what became of it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable
from typing import Any

from changepoint.batch.runner import Progress, Summary, read, run
from changepoint.errors import DataError
from changepoint.plain import plain, say, width

EVERY = 10.0  # seconds between lines where there is no terminal
SHOWN = 20  # series named at the end

GOOD, FAILED = 0, 3  # exit status


def run_and_tell(inputs: Iterable[str], model: Any, out: Any, **options: Any) -> int:
    """Run a batch, tell of it, and return the exit status."""
    tell = teller()
    try:
        summary = run(inputs, model, out, progress=tell, **options)
    except KeyboardInterrupt:
        tell.close()
        say(
            f"changepoint: interrupted; what is done is in {out}, and the same command goes on "
            "from there",
            error=True,
        )
        return 130
    finally:
        tell.close()
    for note in summary.notes:
        say(f"Note: {note}")
    if summary.parts_done < summary.parts:
        say(
            f"{summary.parts_done:,} of {summary.parts:,} parts are done; the tables follow "
            "when all are (another shard, or the same command again)"
        )
        return GOOD
    return _told(summary)


def teller() -> _Tell:
    """Return what is to be called with the progress: a bar on a terminal, else plain lines."""
    return _bar() if sys.stderr.isatty() else _lines()


def _told(summary: Summary) -> int:
    """Print what became of a batch; return the exit status."""
    if summary.failed == summary.series:
        raise DataError(_first_error(summary))
    columns = ["series", "flagged", "probability_in_batch", "probability_of_change", "number"]
    columns += ["largest_change", "before", "after", "ratio", "impact"]
    frame = read(summary.out, columns=columns)
    flagged = frame[frame["flagged"].fillna(False).astype(bool)]
    chosen = flagged if len(flagged) else frame[frame["number"].fillna(-1) > 0]
    _print_table(chosen.head(SHOWN))
    if len(chosen) > SHOWN:
        kind = "flagged" if len(flagged) else "with changes"
        say(f"and {len(chosen) - SHOWN:,} more {kind}: see series.csv, which has them in order")
    share = summary.share_changed
    about = "" if share is None else f" (about {share:.1%} of all series changed)"
    say(
        f"{summary.series:,} series: {summary.flagged:,} flagged; {summary.with_changes:,} "
        f"with changes when taken by themselves{about}"
    )
    say(f"Written: series and changes, .csv and .parquet, in the folder {summary.out}")
    say(f"Page:    changepoint report {summary.out}")
    if not summary.failed:
        return GOOD
    say(f"{summary.failed:,} series failed: see the columns status and error")
    return FAILED


def _first_error(summary: Summary) -> str:
    frame = read(summary.out, columns=["series", "status", "error"])
    name, status, error = frame.iloc[0]
    rest = f"; the same folder's series.csv has all {len(frame):,}" if len(frame) > 1 else ""
    return f"no series has an answer{rest}. The first, {name} ({status}): {error}"


def _print_table(frame: Any) -> None:
    """Print series that changed, the largest change of each."""
    import io

    from rich import box
    from rich.cells import cell_len
    from rich.console import Console
    from rich.table import Table

    from changepoint.report.numbers import chance, number, signed

    table = Table(box=box.SIMPLE, header_style="", pad_edge=False)
    for head in (
        "series",
        "",
        "P(change)",
        "alone",
        "changes",
        "largest",
        "before",
        "after",
        "ratio",
        "impact",
    ):
        table.add_column(head, overflow="fold" if head == "series" else "ellipsis")
    for row in frame.itertuples():
        batch = row.probability_in_batch
        numbers = (row.before, row.after, row.ratio)
        change = row.largest_change if isinstance(row.largest_change, str) else ""
        up = "" if row.impact != row.impact else "up" if row.after > row.before else "down"
        table.add_row(
            plain(row.series).replace("\n", "\\n"),  # before it is measured
            "flagged" if row.flagged else "",
            "" if batch != batch else chance(batch),
            chance(row.probability_of_change),
            str(row.number),
            f"{up:4} {change}".strip(),
            *("" if x != x else number(x) for x in numbers),
            "" if row.impact != row.impact else signed(row.impact),
        )
    if not table.row_count:
        return
    wide = width(sys.stdout)
    if not sys.stdout.isatty():  # scripts look for names, which must stay whole
        wide += max(cell_len(name) for name in table.columns[0].cells)  # type: ignore[arg-type]
    console = Console(file=io.StringIO(), width=wide, highlight=False, markup=False)
    console.print(table)
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    say("\n".join(line.rstrip() for line in lines))


class _Tell:
    """Something to call with the progress, and to close."""

    def __init__(self, tell: Callable[[Progress], None], close: Callable[[], None]) -> None:
        self._tell, self.close = tell, close

    def __call__(self, told: Progress) -> None:
        self._tell(told)


def _lines() -> _Tell:
    """Return plain lines, now and then."""
    began = last = time.monotonic()
    at_first: int | None = None

    def tell(told: Progress) -> None:
        nonlocal last, at_first
        if at_first is None:
            at_first = told.series_done
            if at_first:
                say(f"{at_first:,} of {told.series:,} series were done", error=True)
        now = time.monotonic()
        rest = told.series - told.series_done
        if rest and now - last < EVERY:
            return
        last = now
        rate = (told.series_done - at_first) / (now - began)
        say(
            f"{told.series_done:,} of {told.series:,} series, {rate:,.0f} a second, "
            f"{_duration(rest / rate if rate else 0)} to go, {told.failed:,} failed",
            error=True,
        )

    return _Tell(tell, lambda: None)


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}"


def _bar() -> _Tell:
    """Return a bar on the terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    bar = Bar(
        BarColumn(),
        TextColumn("{task.completed:,.0f} of {task.total:,.0f} series"),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[failed]}"),
        console=Console(stderr=True, width=width(sys.stderr)),
        transient=True,
    )
    task = bar.add_task("", total=0, rate="", failed="")
    bar.start()

    def tell(told: Progress) -> None:
        speed = bar.tasks[0].finished_speed or bar.tasks[0].speed
        bar.update(
            task,
            total=told.series,
            completed=told.series_done,
            rate=f"{speed:,.0f} a second" if speed else "",
            failed=f"{told.failed:,} failed" if told.failed else "",
        )

    return _Tell(tell, bar.stop)
