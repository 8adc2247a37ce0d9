"""Links: the scale on which what all rows share adds to a segment's parameter."""

from __future__ import annotations

import math

import numpy as np

from changepoint.likelihoods.series import Floats, Nodes


def shift(domain: tuple[float, float], nodes: Nodes, by: Floats | float) -> Nodes:
    """Return nodes shifted on the link's scale; by broadcasting.

    The link is the logit of a proportion, the logarithm of what is above 0, else the identity.
    """
    if domain[1] == 1:
        up = nodes.theta * np.exp(by)
        total = up + nodes.companion
        return Nodes(up / total, nodes.companion / total)
    if domain[0] == 0:
        up = nodes.theta * np.exp(by)
        return Nodes(up, up)
    return Nodes(nodes.theta + by, nodes.companion + by)


def linked(domain: tuple[float, float], theta: Floats) -> Floats:
    """Return parameters, inside their domain, on the link's scale."""
    if domain[0] != 0:
        return theta
    eta: Floats = np.log(theta / (1 - theta)) if domain[1] == 1 else np.log(theta)
    return eta


def is_relative(domain: tuple[float, float]) -> bool:
    """Whether a shift changes the parameter by a share of itself."""
    return not math.isinf(domain[0])
