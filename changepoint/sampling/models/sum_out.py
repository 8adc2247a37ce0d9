"""The places of the changes summed out of a PyMC model, and drawn afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from changepoint.errors import ModelError

if TYPE_CHECKING:
    import pymc as pm
    import xarray as xr


def sum_out(loglik: Any, min_length: int = 1) -> Any:
    """Return the log likelihood of all rows with the places of the changes summed out.

    log (1/N_k) sum over placements of prod_j prod_{t in segment j} exp(loglik[j, t]), for a
    known number k of changes, all N_k = C(T - (k+1)(m-1) - 1, k) placements equally likely:
    the prior of `Changes(exactly=k, min_length=m)`. It costs O(k T), and its gradient, the
    probability that row t lies in segment j, the same again: what is left to sample is
    continuous, so NUTS can.

    Parameters
    ----------
    loglik
        PyTensor matrix (segment, time), (k + 1, T): log p(y_t | parameters of segment j); 0
        where a row is missing. Segments come in the order of time.
    min_length
        Shortest segment in rows, m.

    Returns
    -------
    TensorVariable
        A scalar, for `pm.Potential`. `draw_switchpoints` draws the places afterwards.

    Raises
    ------
    ModelError
        If it isn't a matrix, or T is known and too short for so many segments.

    References
    ----------
    L. R. Rabiner (1989), Proceedings of the IEEE 77, 257, equations 19-25: the recursions.
    R. A. Fisher (1925): the gradient as the expected pointwise score.

    Examples
    --------
    A rate that rises by a factor between its two segments, which no ready family states:

    >>> import numpy as np, pymc as pm, pytensor.tensor as pt
    >>> from changepoint import sum_out
    >>> count, trials = np.array([1, 0, 2, 7, 9, 6]), 500
    >>> with pm.Model(coords={"segment": ["before", "after"]}) as model:
    ...     base = pm.Beta("base", 2.0, 200.0)
    ...     lift = pm.HalfNormal("lift", 1.0)
    ...     rate = pt.stack([base, base * (1 + lift)])
    ...     loglik = pm.logp(pm.Binomial.dist(n=trials, p=rate[:, None]), count)
    ...     data = pm.Potential("data", sum_out(loglik))
    >>> bool(np.isfinite(model.compile_logp()(model.initial_point())))
    True
    """
    import pytensor.tensor as pt

    from changepoint.sampling.models.placement_sum import PlacementSum

    m = min_length
    if isinstance(m, bool) or not isinstance(m, int | np.integer) or m < 1:
        raise ModelError(f"min_length must be a whole number of rows above 0, not {m!r}")
    log_sum, _ = PlacementSum(m)(loglik)
    known = log_sum.owner.inputs[0].type.shape
    if None not in known and known[1] < known[0] * m:
        raise ModelError(
            f"{known[1]} rows are too few for {known[0]} segments of at least {m}; the log "
            "likelihood must be a matrix (segment, time)"
        )
    segments, T = log_sum.owner.inputs[0].shape
    k = segments - 1
    n = T - segments * (m - 1) - 1
    log_n = pt.gammaln(n + 1.0) - pt.gammaln(k + 1.0) - pt.gammaln(n - k + 1.0)
    return pt.switch(n < k, -np.inf, log_sum - log_n)


def draw_switchpoints(
    pm_model: pm.Model, draws: xr.Dataset | xr.DataTree, seed: int = 0
) -> xr.DataArray:
    """Return the places of changes that `sum_out` summed out of a model, drawn exactly.

    p(placement | parameters, data), a draw of places for each draw of the parameters.

    Parameters
    ----------
    pm_model
        A model with one `sum_out` in a potential.
    draws
        Its draws: the group `posterior`, (chain, draw, ...), or the whole tree.
    seed
        Of the places.

    Returns
    -------
    DataArray
        First rows of the segments after each change, (chain, draw, change), named
        `switchpoint`.

    Raises
    ------
    ModelError
        If the model doesn't hold exactly one `sum_out`, if the draws aren't those of this
        model, or if no placement is possible at one of them.
    """
    import xarray as xr

    from changepoint.kernels import placements
    from changepoint.sampling.models.placement_sum import log_likelihood

    m, names, evaluate = log_likelihood(pm_model)
    found: list[Any] = []
    if isinstance(draws, xr.DataTree):
        draws = draws["posterior"].dataset
    absent = [name for name in names if name not in draws]
    if absent:
        raise ModelError(
            f"the draws lack {', '.join(absent)}: give the group `posterior` of this model"
        )
    chains, size = draws.sizes["chain"], draws.sizes["draw"]
    values = [draws[name].transpose("chain", "draw", ...).values for name in names]
    rng = np.random.default_rng(seed)
    for d in range(chains * size):
        loglik = evaluate(*(value[divmod(d, size)] for value in values))
        found.append(placements.draw(loglik, m, rng.random(len(loglik) - 1)))
        if (found[-1] < 0).any():
            raise ModelError(
                f"no placement is possible at draw {divmod(d, size)[1]} of chain "
                f"{divmod(d, size)[0]}: the log likelihood there is -inf or NaN for all"
            )
    rows = np.array(found, np.int64).reshape(chains, size, -1)
    return xr.DataArray(
        rows,
        dims=("chain", "draw", "change"),
        coords={"change": np.arange(rows.shape[-1])},
        name="switchpoint",
    )
