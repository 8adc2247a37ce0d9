"""Series solved together have the answers of each alone."""

from __future__ import annotations

import numpy as np
import pytest
from cases import CASES, check, inferred, simulate
from test_row_tables import distance

from changepoint import Changes, Model
from changepoint.exact.hyper_mixture import Condition, infer_each
from changepoint.likelihoods.series import join

LENGTHS = (40, 7, 23)
KINDS = [
    Changes(),
    Changes(at_most=2, min_length=3),
    Changes(exactly=1, min_length=2),
    Changes(exactly=0),
    Changes(every=20),
]


@pytest.mark.parametrize("changes", KINDS, ids=str)
@pytest.mark.parametrize("name", CASES)
def test_together_is_alone(name: str, changes: Changes) -> None:
    """Series of several lengths with missing rows; priors left to the data, or given."""
    families = CASES[name].models
    family = families[KINDS.index(changes) % len(families)]
    data = [simulate(name, 20 + i, T, missing=0.2) for i, T in enumerate(LENGTHS)]
    models = [Model(family, changes).resolve(one) for one in data]
    series = join([m.likelihood.series(one) for m, one in zip(models, data, strict=True)])
    conditions = [Condition.of(changes, T) for T in LENGTHS]
    together = list(infer_each(models, series, conditions))
    assert len(together) == len(LENGTHS)
    for one, model, observations in zip(together, models, data, strict=True):
        check(distance(inferred(model, observations), one), 1e-9, model)


def test_series_come_apart_as_they_were_joined() -> None:
    """Every array of each, and of some of them in another order."""
    for name in CASES:
        data = [simulate(name, 30 + i, T, missing=0.2) for i, T in enumerate(LENGTHS)]
        parts = [CASES[name].models[0].resolve(one).series(one) for one in data]
        joined = join(parts)
        assert joined.rows.tolist() == list(LENGTHS)
        some = joined.take(np.array([2, 1]))
        for found, told in [
            *((joined.one(i), part) for i, part in enumerate(parts)),
            (some.one(0), parts[2]),
            (some.one(1), parts[1]),
        ]:
            assert set(found.columns) == set(told.columns)
            for key in ("offsets", "index", "bounds", "copies", "pooled", "least", "largest"):
                np.testing.assert_array_equal(getattr(found, key), getattr(told, key))
            for key, column in told.columns.items():
                np.testing.assert_array_equal(found.columns[key], column)
