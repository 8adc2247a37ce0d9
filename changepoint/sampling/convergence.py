"""Whether a sampler's draws can be trusted: the usual diagnostics, and the exact answer."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import xarray as xr

Floats = NDArray[np.float64]

R_HAT = 1.02
ESS = 200.0
DIVERGENT = 0.01  # of the draws
TIMES = 1.5  # the mean distance of independent draws from the exact answer
FROZEN = 10.0  # moves that an independent chain would have made where this one made none
TRIALS = 400  # sets of independent draws


class Verdict(NamedTuple):
    """Whether all went well, the numbers behind it, and what failed, in words."""

    converged: bool
    diagnostics: dict[str, Any]
    failures: list[str]


def judge(
    draws: xr.Dataset,
    sample_stats: xr.Dataset,
    exact: Floats | None,
    drawn: bool,
    interrupted: bool,
    certain: frozenset[int] | None = None,
) -> Verdict:
    """Return the verdict on draws (chain, draw, ...).

    Converged means: R-hat finite and below 1.02, bulk and tail ESS above 200, for every
    element of every variable; no chain that stands still; fewer than 1 % divergences; and,
    where there is an exact answer, the total variation between the draws of each switchpoint
    and its exact posterior below 1.5 times the mean (or, where few places make it vary, the
    99 % quantile) of as many independent exact draws as the switchpoint's ESS.

    Parameters
    ----------
    draws
        Switchpoints, segment parameters and shared parameters.
    exact
        P(i-th change at row s), shape (k, T); None where no exact engine can tell.
    drawn
        Whether switchpoints are drawn from their conditional: then one that stands still is
        certain, whereas a Metropolis step may only be unable to move.
    interrupted
        Whether draws are missing.
    certain
        Which switchpoints may stand still, by the density at their neighbours; None where that
        isn't known.

    References
    ----------
    A. Vehtari, A. Gelman, D. Simpson, B. Carpenter, P.-C. Buerkner (2021), Bayesian Analysis
    16, 667: rank-normalised R-hat, bulk and tail ESS.
    """
    failures: list[str] = ["they were interrupted"] if interrupted else []
    chains, size = draws.sizes["chain"], draws.sizes["draw"]
    if chains < 2:
        failures.append("one chain alone can't show whether chains agree")
    variables: dict[str, dict[str, float | None]] = {}
    for name, array in draws.data_vars.items():
        whole = array.dtype.kind in "iu"
        parts = array.values.reshape(chains, size, -1)
        for i in range(parts.shape[2]):
            label = f"{name}[{i}]" if array.ndim > 2 else str(name)
            places = exact[i] if exact is not None and name == "switchpoint" else None
            variables[label] = _diagnose(parts[..., i], places)
            sure = None if certain is None else i in certain
            sure = (drawn or sure) if name == "switchpoint" else None
            failures += _faults(label, variables[label], parts[..., i], places, whole, sure)
    divergences = int(sample_stats["diverging"].sum()) if "diverging" in sample_stats else 0
    if divergences >= DIVERGENT * chains * size:
        failures.append(f"{divergences} of {chains * size} draws diverged")
    told = {
        "r_hat": _worst(variables, "r_hat", max),
        "ess_bulk": _worst(variables, "ess_bulk", min),
        "ess_tail": _worst(variables, "ess_tail", min),
        "divergences": divergences,
        "variables": variables,
    }
    return Verdict(not failures, told, failures)


def _diagnose(x: Floats, places: Floats | None) -> dict[str, float | None]:
    """Return the diagnostics of one number, (chain, draw); None where they are undefined."""
    from arviz_stats.base import array_stats

    axes = {"chain_axis": 0, "draw_axis": 1}
    if (x == x[0, 0]).all():
        # All chains at one place: nothing to diagnose. Whether that can be, `_faults` says.
        told = {"r_hat": 1.0, "ess_bulk": float(x.size), "ess_tail": float(x.size)}
    else:
        with np.errstate(all="ignore"):
            told = {
                "r_hat": float(array_stats.rhat(x, **axes)),
                "ess_bulk": float(array_stats.ess(x, method="bulk", **axes)),
                "ess_tail": float(array_stats.ess(x, method="tail", prob=(0.05, 0.95), **axes)),
            }
    if places is not None:
        counts = np.bincount(x.astype(np.int64).ravel(), minlength=len(places))
        told["distance"] = float(abs(counts / x.size - places).sum() / 2)
        told["distance_allowed"] = _allowed(places, min(told["ess_bulk"], x.size))
    return {key: value if math.isfinite(value) else None for key, value in told.items()}


def _allowed(places: Floats, ess: float) -> float:
    """Return the total variation that so many independent draws may have."""
    if not math.isfinite(ess):
        return 0.0
    size = max(int(ess), 1)
    p = places / places.sum()
    rng = np.random.default_rng(0)
    distances = [abs(rng.multinomial(size, p) / size - p).sum() / 2 for _ in range(TRIALS)]
    return float(max(TIMES * np.mean(distances), np.quantile(distances, 0.99)))


def _faults(
    label: str,
    told: dict[str, float | None],
    x: Floats,
    places: Floats | None,
    whole: bool,
    sure: bool | None,
) -> list[str]:
    """Return what is wrong with one number."""
    found = []
    r_hat, least = told["r_hat"], min(told["ess_bulk"] or 0.0, told["ess_tail"] or 0.0)
    if r_hat is None or r_hat >= R_HAT:
        told_r_hat = "undefined" if r_hat is None else f"{r_hat:.3f}"
        found.append(f"R-hat of {label} is {told_r_hat}, not below {R_HAT}")
    if least <= ESS:
        found.append(f"ESS of {label} is {least:.0f}, not above {ESS:.0f}")
    found += _still(label, x, places, whole, sure)
    distance, allowed = told.get("distance"), told.get("distance_allowed")
    if distance is not None and allowed is not None and distance > allowed:
        found.append(
            f"{label} is {distance:.2g} away from its exact posterior in total variation; as "
            f"many independent draws would be {allowed:.2g} away at most"
        )
    return found


def _still(
    label: str, x: Floats, places: Floats | None, whole: bool, sure: bool | None
) -> list[str]:
    """Return what to say of chains that stand still."""
    still = [chain for chain in range(len(x)) if (x[chain] == x[chain, 0]).all()]
    if whole and places is None and (x == x[0, 0]).all():
        why = "it is certain, or a step that can't move"
        if sure is False:
            why = "other places are possible too, so its step can't move"
        return [] if sure else [f"{label} is the same in all draws: {why}"]
    if whole:
        # On a sharp posterior an independent chain may stand still too.
        values, counts = np.unique(x, return_counts=True)
        shares = dict(zip(values, counts / x.size, strict=True))
        if places is not None:
            shares = {value: places[int(value)] for value in values}
        size = x.shape[1]
        still = [c for c in still if (1 - shares[x[c, 0]]) * size > FROZEN]
    return [f"{label} stands still in chain {', '.join(map(str, still))}"] if still else []


def _worst(variables: dict[str, dict[str, float | None]], key: str, pick: Any) -> float | None:
    values = [told[key] for told in variables.values()]
    return None if None in values or not values else float(pick(values))
