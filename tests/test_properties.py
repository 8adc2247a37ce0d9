"""Whatever the table and the model: a sound posterior, or an error that says where and what."""

import contextlib
import io
import json
import re
import warnings
from dataclasses import fields
from functools import partial

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from changepoint import Changes, DataWarning, Exact, Model, Observations, fit, priors
from changepoint.cli import main
from changepoint.errors import ChangepointError
from changepoint.exact import quadrature as grid
from changepoint.likelihoods import FAMILIES
from changepoint.likelihoods.grid import GridLikelihood
from changepoint.likelihoods.regression import LinearLikelihood
from changepoint.observations import ROLES
from changepoint.report.json_schema import SCHEMA

NAN, INF = np.nan, np.inf


@pytest.fixture(autouse=True, scope="module")
def small_grids():
    """Give up on fine grids early: what would take seconds is an EngineError here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(grid, "HOLDS", 2**15)
        yield


fixed = settings(
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.generate],  # the first failure is told as it is
    suppress_health_check=list(HealthCheck),
)

# -- tables -----------------------------------------------------------------------------------

small = st.integers(0, 20).map(float)
fractions = st.floats(0, 1, allow_subnormal=True)
magnitudes = st.integers(-300, 300).map(lambda e: 10.0**e)
ODD = [NAN, NAN, INF, -INF, -1.0, -0.0, 0.0, 1.0, 2.5, 0.1, 1e-300, 5e-324, 1e16, 1e300, -1e300]
odd_numbers = st.sampled_from(ODD)
number = st.one_of(small, fractions, magnitudes, odd_numbers)
ALIKE = (0.0, 1.0, 0.01, 7.0, 1e-300, 1e300, 1e9, NAN)


@st.composite
def column(draw, role, rows):
    """Draw numbers of a role: plausible ones with gaps and outliers, equal ones, or any."""
    kind = draw(st.sampled_from(["plausible"] * 4 + ["alike", "scaled", "any"]))
    if kind == "alike":
        return np.full(rows, draw(st.sampled_from(ALIKE)))
    if kind == "any":
        return np.array(draw(st.lists(number, min_size=rows, max_size=rows)), float)
    usual = {
        "count": small,
        "trials": st.integers(20, 2000).map(float),
        "exposure": st.floats(0.1, 10),
        "rate": st.floats(0.001, 0.1),
        "value": st.floats(-10, 10),
    }[role]
    numbers = np.array(draw(st.lists(usual, min_size=rows, max_size=rows)), float)
    if kind == "scaled":
        numbers *= draw(magnitudes)
    for place in draw(st.lists(st.integers(0, max(rows - 1, 0)), max_size=3)) if rows else ():
        numbers[place] = draw(st.one_of(st.just(NAN), odd_numbers))
    if rows and draw(st.integers(0, 9)) == 0:  # a single row with data
        numbers[np.arange(rows) != draw(st.integers(0, rows - 1))] = NAN
    return numbers


def spoil(numbers, how):
    """Return what nobody should pass, but somebody will."""
    return {
        "none": numbers,
        "object": numbers.astype(object),
        "None inside": [None, *numbers[1:]],
        "text": [str(number) for number in numbers],
        "words": ["many"] * len(numbers),
        "2-d": numbers[:, None],
        "too long": np.append(numbers, 1.0),
        "scalar": 3.0,
        "complex": numbers.astype(complex),
        "booleans": numbers > 1,
        "masked": np.ma.masked_invalid(numbers),
        "dictionary": dict(enumerate(numbers)),
    }[how]


SPOILS = ["none"] * 40 + ["object", "None inside", "text", "words", "2-d", "too long", "scalar"]
SPOILS += ["complex", "booleans", "masked", "dictionary"]
TRIALS, EXPOSURE = ("count", "trials"), ("count", "exposure")
KINDS = [TRIALS, TRIALS, TRIALS, EXPOSURE, ("count",), ("rate",), ("value",), ROLES]
KINDS += [("outcomes",)]


@st.composite
def times(draw, rows):
    """Draw times: none, numbers or dates, ascending or not."""
    kind = draw(
        st.sampled_from(["none"] * 4 + ["days"] * 4 + ["years", "odd days", "odd", "text"])
    )
    if kind == "none":
        return None
    start = draw(st.sampled_from(["1840-01-01", "2025-01-01", "0001-01-01", "9999-12-01"]))
    days = np.array(start, "datetime64[D]") + np.arange(rows)
    if kind == "days":
        return days
    if kind == "years":
        return 1851 + np.arange(rows)
    if kind == "odd days":
        steps = draw(st.lists(st.integers(-2, 40), min_size=rows, max_size=rows))
        days = days[:1] + np.cumsum(np.array(steps, int)) if rows else days
        if rows and draw(st.booleans()):
            days[draw(st.integers(0, rows - 1))] = np.datetime64("NaT", "D")
        return days
    if kind == "text":
        return draw(
            st.sampled_from([[str(day) for day in days], ["today"] * rows, [None] * rows])
        )
    return np.array(draw(st.lists(number, min_size=rows, max_size=rows)), float)


@st.composite
def tables(draw):
    """Draw arguments of Observations."""
    rows = draw(st.one_of(st.integers(0, 4), st.integers(2, 30)))
    roles = draw(st.sampled_from(KINDS))
    given = {role: draw(column(role, rows)) for role in roles if role != "outcomes"}
    if "outcomes" in roles:
        counts = [draw(column("count", rows)) for _ in range(draw(st.integers(1, 4)))]
        given["outcomes"] = np.column_stack(counts)
    if "trials" in given and draw(st.integers(0, 4)):
        given["trials"] = np.maximum(given["trials"], given["count"])
    spoiled = {role: spoil(given[role], draw(st.sampled_from(SPOILS))) for role in given}
    return {**spoiled, "time": draw(times(rows))}


# -- models -----------------------------------------------------------------------------------

EXTREME = [1e-300, 1e-9, 1e-3, 0.07, 0.1, 0.3, 0.3000001, 0.5, 1.0, 2.0, 3, 50.0, 200, 1e6]
EXTREME += [1e15, 1e300, 0.0, -1.0, -50, -1e300, np.float32(0.25), np.int64(2)]
extreme = st.sampled_from(EXTREME)
nonsense = st.sampled_from([None, "2", True, NAN, INF, [1, 2], 1j, np.array([1.0, 2.0]), {}])
parameter = st.one_of(*[extreme] * 15, nonsense)
usual_parameter = st.floats(0.5, 5)
PRIORS = [priors.Beta, priors.Gamma, priors.Normal, priors.LogNormal, priors.HalfNormal]
PRIORS += [priors.Exponential, priors.Uniform, priors.Logistic, priors.InverseGamma]
POSITIVE = [priors.LogNormal, priors.Gamma, priors.HalfNormal, priors.Exponential]
POSITIVE += [priors.Uniform]
FITTING = {
    "binomial": [priors.Beta, priors.Beta, priors.Uniform],
    "beta-binomial": [priors.Beta, priors.Beta, priors.Uniform],
    "bernoulli": [priors.Beta, priors.Beta, priors.Uniform],
    "beta": [priors.Beta, priors.Beta, priors.Uniform],
    "negative-binomial": POSITIVE,
    "poisson": POSITIVE,
    "student-t": [priors.Normal, priors.Logistic, priors.Uniform, priors.Gamma],
    "exponential": POSITIVE,
    "normal": [priors.Normal, priors.Logistic, priors.Uniform, priors.Gamma],
}
MEANS = {"beta-binomial": "mean_trials", "negative-binomial": "mean_count"}
for told in (FITTING, MEANS):
    told |= {
        f"spiked-{name}": told[name] for name in list(told) if f"spiked-{name}" in FAMILIES
    }
CONJUGATE = {  # by field, of families with closed-form segments
    "level": [priors.Normal],
    "slope": [priors.Normal],
    "variance": [priors.InverseGamma],
    "phi": [priors.Uniform, priors.Beta],
}


@st.composite
def prior(draw, fitting):
    """Draw how to make a prior: none, one that fits, or any."""
    kind = draw(
        st.sampled_from(["none"] * 5 + ["usual"] * 3 + ["extreme"] * 5 + ["other", "nonsense"])
    )
    if kind == "none":
        return None
    if kind == "nonsense":
        return draw(nonsense)
    maker = draw(st.sampled_from(PRIORS if kind == "other" else fitting))
    numbers = usual_parameter if kind == "usual" else parameter
    return partial(maker, **{field.name: draw(numbers) for field in fields(maker)})


WHOLE = [0, 1, 1, 2, 3, 5, 31, 33, 1000, 10**12, 10**30, -1, 2.0, 2.5, "2", True]
whole = st.sampled_from(WHOLE)
probability = st.sampled_from(
    [0, 0.0, 1e-300, 1e-12, 0.2, 0.5, 0.99, 1 - 1e-16, 1, -0.1, 2, NAN, "0.5"]
)
every = st.sampled_from([1, 1.0001, 2, 3.5, 30, 1e6, 1e300, 0, -3, NAN, INF, "30", True])
LENGTHS = [1, 1, 1, 2, 3, 5, 40, 0, -1, 1.0, 10**15, "3", False, np.int64(2)]
min_length = st.sampled_from(LENGTHS)
CHANGES = {"probability": probability, "at_most": whole, "exactly": whole, "every": every}


@st.composite
def change_priors(draw):
    """Draw how to make a prior on the changes: by one argument, mostly."""
    kind = draw(st.sampled_from([(), (), (), *[(name,) for name in CHANGES], tuple(CHANGES)]))
    chosen = {name: draw(CHANGES[name]) for name in kind if draw(st.integers(0, 9))}
    if draw(st.booleans()):
        chosen["min_length"] = draw(min_length)
    return partial(Changes, **chosen)


@st.composite
def likelihood(draw, name):
    """Draw how to make a family: with priors, or without."""
    family = FAMILIES[name]
    if not issubclass(family, GridLikelihood):
        filled = {
            field.name: draw(prior(CONJUGATE[field.name]))
            for field in fields(family)
            if field.name in CONJUGATE
        }
        if "concentration" in {field.name for field in fields(family)}:
            alphas = st.lists(parameter, min_size=1, max_size=4)
            filled["concentration"] = draw(st.one_of(st.none(), alphas, nonsense))
            filled["outcome"] = draw(st.sampled_from([None, None, "outcome 1", 0, "what"]))
        return partial(family, **filled)
    filled = {family.parameter: draw(prior(FITTING[name]))}
    hyper = family().hyper
    if hyper is not None:
        shared = [priors.Normal, priors.Logistic] if name in MEANS else POSITIVE
        filled[hyper.field] = draw(prior(shared))
    if name in MEANS and draw(st.integers(0, 4)) == 0:
        filled[MEANS[name]] = draw(parameter)
    if name == "student-t" and draw(st.integers(0, 9)):
        filled["nu"] = draw(st.one_of(st.sampled_from([1.5, 3.0, 12.0]), parameter))
    return partial(family, **filled)


@st.composite
def cases(draw):
    """Draw arguments of Observations, and how to make a likelihood and a prior on changes."""
    table = draw(tables())
    matching = [name for name, family in FAMILIES.items() if set(family.needs) <= set(table)]
    name = draw(st.sampled_from(matching * 5 + list(FAMILIES)))
    return table, draw(likelihood(name)), draw(change_priors())


def made(recipe):
    """Carry out a recipe, those of its arguments first."""
    if not isinstance(recipe, partial):
        return recipe
    return recipe.func(**{name: made(part) for name, part in recipe.keywords.items()})


# -- what must come of it ---------------------------------------------------------------------

PARTS = (*PRIORS, *FAMILIES.values(), Changes, Exact)
FIELDS = {field.name for part in PARTS for field in fields(part)}
PUBLISHED = Draft202012Validator(SCHEMA)
NAMED = re.compile(rf"\b(line|row|column|time|{'|'.join(sorted(FIELDS | set(ROLES)))})", re.I)


def answer(table, family, changes):
    """Fit; only this package's warnings may be given."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        model = Model(made(family), made(changes))
        return fit(model, Observations(**table), Exact(draws=4, seed=1))


def is_sound(posterior):
    """Check that all numbers are numbers, and all probabilities probabilities."""
    told = posterior.to_dict()
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    assert next(PUBLISHED.iter_errors(told), None) is None
    tree, parameter = posterior.tree, posterior.model.likelihood.parameter
    for name, values in tree["exact"].data_vars.items():
        assert np.all(np.isfinite(values)), name
        if "probability" in str(name):
            assert values.min() >= 0, name
            assert values.max() <= 1 + 1e-9, name
    assert tree["exact"]["number_probability"].sum() == pytest.approx(1, abs=1e-6)
    lower, middle, upper = tree["exact"][f"{parameter}_quantile"].values
    assert np.all(lower <= middle)
    assert np.all(middle <= upper)
    assert np.all(np.isfinite(posterior.trajectories()[parameter]))


def is_answered(case):
    """Check that there is a sound posterior, or an error that says where and what."""
    try:
        posterior = answer(*case)
    except ChangepointError as error:
        assert NAMED.search(str(error)), error
    else:
        is_sound(posterior)


@settings(fixed, max_examples=1200)
@given(cases())
def test_a_sound_posterior_or_an_error_that_says_where(case):
    is_answered(case)


@pytest.mark.slow
@settings(fixed, max_examples=5000)
@given(cases())
def test_the_same_of_many_more(case):
    is_answered(case)


LINEAR = [family for family in FAMILIES.values() if issubclass(family, LinearLikelihood)]


@pytest.mark.parametrize("family", LINEAR)
@pytest.mark.parametrize("alpha", [0.01, 0.1, 0.5, 0.500001, 0.7, 3.0])
def test_a_variance_without_a_mean_needs_a_value_in_every_row(family, alpha):
    rng = np.random.default_rng(3)
    values = rng.normal(size=20)
    made_of = partial(family, variance=partial(priors.InverseGamma, alpha=alpha, beta=0.3))
    is_sound(answer({"value": values}, made_of, partial(Changes)))
    values[rng.choice(20, 4, replace=False)] = np.nan
    if alpha > 0.5:
        is_sound(answer({"value": values}, made_of, partial(Changes)))
        return
    with pytest.raises(ChangepointError, match=r"alpha above 0\.5"):
        answer({"value": values}, made_of, partial(Changes))


# -- the same through the command --------------------------------------------------------------

HEADERS = [*"date year visits n orders events rate y hours".split(), "", "x,y"]
cell = st.one_of(
    st.integers(0, 50).map(str),
    st.integers(0, 50).map(str),
    st.floats(0, 1).map(lambda x: f"{x:.4g}"),
    st.sampled_from(
        ["", "NA", "-1", "1e300", "nan", "inf", "12%", "1,5", "1.000,5", "many", "Total"]
    ),
)


@st.composite
def files(draw):
    """Draw the bytes of a table: one that could be real, or nearly."""
    header = draw(st.lists(st.sampled_from(HEADERS), min_size=1, max_size=4, unique=True))
    dated = draw(st.booleans())
    rows = []
    for i in range(draw(st.integers(0, 25))):
        width = len(header) if draw(st.integers(0, 30)) else draw(st.integers(0, 5))
        cells = [draw(cell) for _ in range(width)]
        if dated and cells:
            cells[0] = f"2025-0{1 + i // 28}-{1 + i % 28:02}"
        rows.append(cells)
    if dated:
        header[0] = "date"
    delimiter = draw(st.sampled_from(",,,;\t"))
    text = "\n".join(delimiter.join(row) for row in [header, *rows]) + "\n"
    content = text.encode(draw(st.sampled_from(["utf-8"] * 5 + ["utf-16", "utf-8-sig"])))
    if draw(st.integers(0, 9)) == 0:
        place = draw(st.integers(0, len(content)))
        content = content[:place] + draw(st.binary(max_size=4)) + content[place:]
    return content


FLAGS = ["likelihood", "exactly", "at-most", "every", "min-length", "count", "rate"]
FLAGS += ["outcomes", "outcome"]
GIVEN = ["0", "1", "2", "7.5", "-1", "poisson", "normal", "binomial", "y", "orders", "n,events"]
flags = st.dictionaries(st.sampled_from(FLAGS), st.sampled_from([*GIVEN, ""]), max_size=2)


@settings(fixed, max_examples=400)
@given(content=files(), options=flags)
def test_the_command_answers_or_says_why_not(content, options, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "table.csv"
    path.write_bytes(content)
    arguments = [f"--{name}={text}" for name, text in options.items()]
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        with pytest.raises(SystemExit) as ended:
            main(["fit", str(path), "--json", *arguments])
    assert ended.value.code in (0, 2, 3, 4), err.getvalue()
    assert "Traceback" not in err.getvalue()
    if ended.value.code == 0:
        json.loads(out.getvalue(), parse_constant=lambda name: pytest.fail(name))
        said = [line for line in err.getvalue().splitlines() if not line.endswith(" ...")]
        assert said == []  # but what it is doing, on a slow day
    else:
        assert err.getvalue() != ""
        assert out.getvalue() == ""
