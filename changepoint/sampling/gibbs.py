"""A step method that draws all switchpoints and segment parameters at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import pymc as pm
import pytensor
import pytensor.tensor as pt
from pymc.step_methods.arraystep import BlockedStep
from pytensor.graph.traversal import explicit_graph_inputs

from changepoint.errors import EngineError
from changepoint.likelihoods.base import Likelihood
from changepoint.likelihoods.grid import GridLikelihood
from changepoint.sampling.models.build import SWITCHPOINT, segment_names


class Conditional(Protocol):
    """Draws of switchpoints and segment parameters given the hyperparameters, (d,)."""

    def draw(self, hyper: Any, rng: np.random.Generator) -> tuple[Any, dict[str, Any]]:
        """Return one draw: switchpoints, and the segments' random variables by name."""

    def forget(self) -> None:
        """Drop draws made ahead."""


class SwitchpointGibbs(BlockedStep):  # type: ignore[misc]
    """Gibbs on blocks: switchpoints and segment parameters, given what all segments share.

    The switchpoints are drawn with the segment parameters integrated out, then these given
    the switchpoints: one exact draw from their joint conditional. Drawing the switchpoints
    given the parameters instead would let a chain stick where the two hold each other fast.

    Parameters
    ----------
    vars
        The value variables of both.
    conditional
        What draws.
    family
        The likelihood, resolved.
    shared
        The names of what all segments share, in the order in which `conditional` takes it.
    """

    name = "switchpoint_gibbs"
    stats_dtypes_shapes: dict[str, Any] = {}  # noqa: RUF012  as PyMC declares it

    def __init__(
        self,
        vars: list[Any],
        conditional: Conditional,
        family: Likelihood,
        shared: tuple[str, ...],
        model: pm.Model | None = None,
        rng: Any = None,
        blocked: bool = True,
    ) -> None:
        pm_model = pm.modelcontext(model)
        self.vars = vars
        self.rng = pm.util.get_random_generator(rng)
        self.conditional = conditional
        support = family.prior.support if isinstance(family, GridLikelihood) else (0.0, np.inf)
        self.to_value = {
            name: (
                pm_model.rvs_to_values[pm_model[name]].name,
                _transform(pm_model, name, support),
            )
            for name in segment_names(family)
        }
        each = pm_model.replace_rvs_by_values([pm_model[name] for name in shared])
        above = set(explicit_graph_inputs(each))
        inputs = [value for value in pm_model.value_vars if value in above]
        self.shared_names = [v.name for v in inputs]
        self.shared = pytensor.function(inputs, each)

    def setup_chain(self, rng: Any, tune: int, draws: int) -> None:
        """Begin a chain."""
        super().setup_chain(rng, tune, draws)
        self.conditional.forget()

    def step(self, point: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """Return the next point."""
        shared = self.shared(*(point[name] for name in self.shared_names))
        try:
            rows, drawn = self.conditional.draw(np.hstack([[], *shared]), self.rng)
        except EngineError:
            # A shared parameter where no grid is fine enough, early in the tuning. To stay
            # put is right as well: whether depends on nothing that this step would change.
            return point, [{}]
        new = {SWITCHPOINT: rows.astype(point[SWITCHPOINT].dtype)}
        for name, (value_name, to_value) in self.to_value.items():
            new[value_name] = to_value(drawn[name])
        return {**point, **new}, [{}]


def _transform(
    pm_model: pm.Model, name: str, support: tuple[float, float]
) -> Callable[[Any], Any]:
    """Return the function from a segment parameter to the value that PyMC samples."""
    rv = pm_model[name]
    transform = pm_model.rvs_to_transforms[rv]
    if transform is None:
        return lambda theta: theta
    x = pt.dvector()
    forward = pytensor.function([x], transform.forward(x, *rv.owner.inputs))
    low, high = support  # of what is transformed
    inside = np.nextafter(low, np.inf), np.nextafter(high, -np.inf)

    def to_value(theta: Any) -> Any:
        # A draw may round to an end of the support, which the transform takes to infinity.
        return forward(np.clip(theta, *inside))

    return to_value
