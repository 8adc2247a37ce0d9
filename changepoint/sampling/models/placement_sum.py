"""The sum over placements as a PyTensor operation, with its gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.gradient import DisconnectedType
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op
from pytensor.graph.traversal import ancestors
from pytensor.link.numba.dispatch.basic import (
    numba_njit,
    register_funcify_default_op_cache_key,
)

from changepoint.errors import ModelError
from changepoint.kernels import placements


class PlacementSum(Op):  # type: ignore[misc]
    """From L[segment, time], (k + 1, T), to the log of the sum over all placements.

    The second output is P(row t lies in segment j), which is the gradient of the first
    (Fisher's identity): both cost one pass forward and one back.
    """

    __props__ = ("min_length",)

    def __init__(self, min_length: int) -> None:
        self.min_length = min_length

    def make_node(self, loglik: Any) -> Any:
        """Return the node of a matrix."""
        loglik = pt.as_tensor(loglik)
        if loglik.ndim != 2:
            raise ModelError(
                f"the log likelihood must be a matrix (segment, time), not of {loglik.ndim} "
                "dimensions: let the segments' parameters broadcast against the rows, as in "
                "rate[:, None]"
            )
        loglik = pt.cast(loglik, "float64")
        return Apply(self, [loglik], [pt.dscalar(), loglik.type()])

    def perform(self, node: Any, inputs: Any, output_storage: Any) -> None:
        """Evaluate it."""
        log_sum, probability = placements.sum_out(inputs[0], self.min_length)
        output_storage[0][0] = np.asarray(log_sum)
        output_storage[1][0] = probability

    def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> list[Any]:
        """Return the gradient; there is none of the probabilities."""
        if not isinstance(cotangents[1].type, DisconnectedType):
            raise NotImplementedError("the probabilities of segments have no gradient here")
        return [cotangents[0] * outputs[1]]


@register_funcify_default_op_cache_key(PlacementSum)  # type: ignore[untyped-decorator]
def _compiled(op: PlacementSum, **_: Any) -> Any:
    m = op.min_length

    @numba_njit
    def placement_sum(loglik):  # type: ignore[no-untyped-def]
        log_sum, probability = placements.sum_out(loglik, m)
        return np.array(log_sum), probability

    return placement_sum


def holds_sum(pm_model: Any) -> bool:
    """Return whether the places of changes are summed out of a model."""
    return bool(_sums(pm_model))


def _sums(pm_model: Any) -> set[Any]:
    """Return the nodes of a model's potentials that sum over placements."""
    return {
        variable.owner
        for variable in ancestors(pm_model.potentials)
        if variable.owner is not None and isinstance(variable.owner.op, PlacementSum)
    }


def summed_shape(pm_model: Any) -> tuple[int | None, int | None]:
    """Return segments and rows of the log likelihood that is summed, as far as is known."""
    segments, T = next(iter(_sums(pm_model))).inputs[0].type.shape
    return segments, T


def log_likelihood(pm_model: Any) -> tuple[int, list[str], Callable[..., Any]]:
    """Return what a model's `sum_out` was given.

    Returns
    -------
    tuple
        Shortest segment; names of the random variables it depends on; the function from
        their values to the log likelihood, (k + 1, T).
    """
    nodes = _sums(pm_model)
    if len(nodes) != 1:
        raise ModelError(
            f"the model must hold one `sum_out`, in a pm.Potential; it holds {len(nodes)}"
        )
    node = nodes.pop()
    loglik = node.inputs[0]
    above = set(ancestors([loglik]))
    variables = [rv for rv in pm_model.free_RVs if rv in above]
    evaluate = pytensor.function(variables, loglik, on_unused_input="ignore")
    return node.op.min_length, [rv.name for rv in variables], evaluate
