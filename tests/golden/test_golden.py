"""Today's answers against those written down by `make.py`, which says what they are for."""

import fnmatch
import json
import math

import make
import pytest

# How far a number may be from the one written down.
#
#   exact   1e-8: sums over placements, and integrals without a hyperparameter. 1e-5 where the
#           family has one, or is an average: an outer grid, whose nodes may move, adds to it.
#   summed  3e-6: what a batch sums over pairs of neighbouring segments, by quadrature; its ends
#           are places between nodes, and interpolated by another formula now (cubics of theta).
#   drawn   means of draws, ends of intervals and probabilities: 6 standard errors, as SIX says.
#
# Tolerances are relative to max(1, |number|). Whole numbers and text must be equal; sentences
# were written down without their numbers. Not compared: the engine's seed, settings and
# diagnostics (`make.LEFT_OUT`).
EXACT, EXACT_WITH_HYPERPARAMETER, SUMMED = 1e-8, 1e-5, 3e-6

# Which numbers were drawn, by the kind of fit; the first pattern that matches decides, and
# none means exact. What was drawn may be summed later: the tolerance holds for that as well.
DRAWN = {
    # A filter on a grid sums everything but what two neighbouring segments say together.
    "grid": (
        "changes.*.difference.*",
        "changes.*.ratio.*",
        "changes.*.probability_of_increase",
    ),
    # Segments in closed form: means are exact, quantiles come from draws, and so do further
    # parameters of a segment.
    "segments": (
        "changes.*.difference.*",
        "changes.*.ratio.*",
        "changes.*.probability_of_increase",
        "changes.*.others.*",
        "changes.*.before.[lu]*",
        "changes.*.after.[lu]*",
        "rows.*.lower",
        "rows.*.upper",
    ),
    # Lines: their values on both sides of a change come from draws altogether.
    "lines": (
        "changes.*.difference.*",
        "changes.*.ratio.*",
        "changes.*.probability_of_increase",
        "changes.*.others.*",
        "changes.*.before.*",
        "changes.*.after.*",
        "rows.*.lower",
        "rows.*.upper",
    ),
    # Averages mix the draws of their models; only probabilities of changes are sums.
    "average": (
        "changes.*.difference.*",
        "changes.*.ratio.*",
        "changes.*.probability_of_increase",
        "changes.*.others.*",
        "changes.*.before.*",
        "changes.*.after.*",
        "rows.*.mean",
        "rows.*.lower",
        "rows.*.upper",
    ),
}
# Half of the draws, or more, have the number of changes that is reported.
SIX = 6 / math.sqrt(make.DRAWS / 2)
# A mean's standard error is a standard deviation over sqrt(n), and an interval 3.92 of these
# wide, if Normal. That of an end, sqrt(0.025 * 0.975 / n) over the density there, is 1.4
# distances of the end from the mean over sqrt(n) under a Normal tail, 2.4 under an exponential
# one. Tried with three other seeds: no number used more than 0.7 of what it is allowed.
WIDTH, END = 3.92, 2.4
# The mean of a ratio hardly exists where the parameter may be close to 0 before: left out if
# the interval's lower end is below this part of the mean.
CLOSE_TO_ZERO = 0.2

STORED = json.loads(make.ANSWERS.read_text(encoding="utf-8"))


def leaves(told, path=""):
    """Yield paths and what stands there; empty lists and dictionaries count."""
    if isinstance(told, dict | list) and told:
        entries = told.items() if isinstance(told, dict) else enumerate(told)
        for key, value in entries:
            yield from leaves(value, f"{path}.{key}" if path else str(key))
    else:
        yield path, told


def at(told, path):
    """Return what stands at a path."""
    for key in path.split("."):
        told = told[int(key)] if isinstance(told, list) else told[key]
    return told


def tolerance(path, stored):
    """Return how far a number may be from the stored one; None if it isn't compared."""
    if not any(fnmatch.fnmatchcase(path, pattern) for pattern in DRAWN[stored["kind"]]):
        exact = EXACT_WITH_HYPERPARAMETER if stored["hyperparameter"] else EXACT
        return exact * max(1.0, abs(at(stored, path)))
    if path.endswith("probability_of_increase"):
        p = at(stored, path)
        return SIX * math.sqrt(max(p * (1 - p), 8 / make.DRAWS))
    parent, key = path.rsplit(".", 1)
    interval = at(stored, parent)
    if key != "mean":
        return END * SIX * abs(interval[key] - interval["mean"])
    if parent.endswith(".ratio"):
        before = at(stored, parent.removesuffix("ratio") + "before")
        if before["lower"] < CLOSE_TO_ZERO * before["mean"]:
            return None
    return SIX * (interval["upper"] - interval["lower"]) / WIDTH


def comparable(told):
    """Return an answer as JSON gives it back, with a probability for all numbers of changes.

    Probabilities below 1e-9 are left out of answers: here they are 0.
    """
    told = json.loads(json.dumps(told))
    number = told["number_of_changes"]
    told["number_of_changes"] = {str(k): number.get(str(k), 0.0) for k in range(200)}
    return told


def same(old, new, allowed):
    """Whether two cells are the same, numbers up to what is allowed."""
    if isinstance(old, float) and isinstance(new, float):
        return old == new or abs(old - new) <= allowed
    return type(old) is type(new) and old == new


def report(found):
    """Return differences as text: path, old and new."""
    return "\n".join(f"{path}: {old!r} -> {new!r}" for path, old, new in found)


@pytest.mark.parametrize("name", make.FITS)
def test_fits_answer_what_they_did(name):
    stored, told = comparable(STORED["fits"][name]), comparable(make.answer(name))
    old, new = dict(leaves(stored)), dict(leaves(told))
    found = []
    for path in old | new:
        if path not in old or path not in new:
            found.append((path, old.get(path, "absent"), new.get(path, "absent")))
            continue
        allowed = tolerance(path, stored) if isinstance(old[path], float) else 0.0
        if allowed is not None and not same(old[path], new[path], allowed):
            found.append((path, old[path], new[path]))
    assert not found, f"{len(found)} differences\n{report(found)}"


def test_no_fit_is_forgotten():
    assert list(STORED["fits"]) == list(make.FITS)


def test_batches_answer_what_they_did():
    told, found = make.batch_answers(), []
    assert {name: list(columns) for name, columns in told.items()} == {
        name: list(columns) for name, columns in STORED["batch"].items()
    }
    for name, columns in STORED["batch"].items():
        for column, cells in columns.items():
            pairs = column.startswith(("first_difference", "first_ratio", "first_prob"))
            relative = SUMMED if pairs and column != "first_probability" else EXACT
            for i, (old, new) in enumerate(zip(cells, told[name][column], strict=True)):
                allowed = relative * max(1.0, abs(old)) if isinstance(old, float) else 0.0
                if not same(old, new, allowed):
                    found.append((f"{name}.{column}.{i:03d}", old, new))
    assert not found, f"{len(found)} differences\n{report(found)}"
