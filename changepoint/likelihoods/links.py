"""Links: the scale on which what all rows share adds to a segment's parameter."""

from __future__ import annotations

import math

import numpy as np

from changepoint.likelihoods.series import Floats, Nodes

ODD = 20.0  # times the pooled rate: estimates beyond say little


def shift(
    domain: tuple[float, float], nodes: Nodes, by: Floats | float, kept: Floats | None = None
) -> Nodes:
    """Return nodes shifted on the link's scale, of which a share may be kept; by broadcasting.

    eta becomes kept eta + by, `kept` being 1 unless it is given. The link is the logit of a
    proportion, the logarithm of what is above 0, else the identity.
    """
    if kept is not None:
        nodes = _shared(domain, nodes, kept)
    if domain[1] == 1:
        up = nodes.theta * np.exp(by)
        total = up + nodes.companion
        return Nodes(up / total, nodes.companion / total)
    if domain[0] == 0:
        up = nodes.theta * np.exp(by)
        return Nodes(up, up)
    return Nodes(nodes.theta + by, nodes.companion + by)


def _shared(domain: tuple[float, float], nodes: Nodes, kept: Floats) -> Nodes:
    """Return nodes of which this share is kept on the link's scale."""
    if domain[0] != 0:
        return Nodes(nodes.theta * kept, nodes.companion * kept)
    up = nodes.theta**kept
    if domain[1] != 1:
        return Nodes(up, up)
    down = nodes.companion**kept
    return Nodes(up / (up + down), down / (up + down))


def linked(domain: tuple[float, float], theta: Floats) -> Floats:
    """Return parameters, inside their domain, on the link's scale."""
    if domain[0] != 0:
        return theta
    eta: Floats = np.log(theta / (1 - theta)) if domain[1] == 1 else np.log(theta)
    return eta


def heeded(domain: tuple[float, float], theta: Floats, pooled: float) -> Floats:
    """Return estimates on the link's scale, no further than `ODD` times from the pooled one.

    As rows without events say little, or without time between two of them.
    """
    highest = 1 - (1 - pooled) / ODD if domain[1] == 1 else ODD * pooled
    return linked(domain, np.clip(theta, pooled / ODD, highest))


def is_relative(domain: tuple[float, float]) -> bool:
    """Whether a shift changes the parameter by a share of itself."""
    return not math.isinf(domain[0])
