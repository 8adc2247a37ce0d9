"""Compiled steps for many series: rows of likelihood and of the filter, one after another.

What `filter` and `linear` do by blocks, for any family and any shortest segment, is done here
for counts and segments of one row or more, without anything but loops: so that thousands of
series are solved in one call that doesn't hold the interpreter's lock. The log likelihood of
a row is bilinear in numbers of the row and of the node,

    log p(y_t | theta_g) = c1_t a_g + c2_t b_g - d_t + constant_t,

(events, failures; log theta / theta_0, log (1 - theta) / (1 - theta_0)) or (events, exposure;
log theta / theta_0, theta_0 - theta). Rows of G values are padded by nodes of weight 0 to whole
vectors. As in `linear`, everything at row t is scaled so that the memoryless filter's sum is 1:
inv_t is one over the sum before scaling.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

FAST = {"reassoc", "contract", "arcp", "nsz"}
PLAIN = {"contract"}  # where the order of operations is the point
PAD = 16  # values in a row come in multiples of it

LOWEST = -708.0  # exp of less is 0 here: it could not be told from a denormal number
LOG2_E = 1 / math.log(2)
LN2_HIGH = float.fromhex("0x1.62e42fee00000p-1")  # 33 bits: times n it is exact
LN2_LOW = float.fromhex("0x1.a39ef35793c76p-33")
ROUND = 1.5 * 2.0**52  # added to a number it leaves the nearest integer in the last bits
E2, E3, E4, E5, E6, E7, E8, E9, E10, E11, E12, E13 = (
    1 / math.factorial(i) for i in range(2, 14)
)


@njit(nogil=True, fastmath=PLAIN)
def exp(x):  # type: ignore[no-untyped-def]
    """Return exp(x) for x <= 0, to 3e-16; loops over it turn into vector instructions.

    exp(x) = 2^n exp(r), |r| <= log(2) / 2, by Taylor's series of degree 13.
    """
    y = max(x, LOWEST)
    z = y * LOG2_E + ROUND
    n = z - ROUND
    r = (y - n * LN2_HIGH) - n * LN2_LOW
    p = E9 + r * (E10 + r * (E11 + r * (E12 + r * E13)))
    p = E5 + r * (E6 + r * (E7 + r * (E8 + r * p)))
    p = 1.0 + r * (1.0 + r * (E2 + r * (E3 + r * (E4 + r * p))))
    bits = np.float64(p).view(np.int64) + (np.float64(z).view(np.int64) << 52)
    return np.int64(bits).view(np.float64) if x >= LOWEST else 0.0


@njit(nogil=True, fastmath=FAST)
def likelihood(c1, c2, d, a, b, lik):  # type: ignore[no-untyped-def]
    """Write a row of the likelihood, (G,)."""
    for g in range(len(a)):
        lik[g] = exp(c1 * a[g] + c2 * b[g] - d)


@njit(nogil=True, fastmath=FAST)
def first_forward(c1, c2, d, a, b, F, rho_w, inv, lik):  # type: ignore[no-untyped-def]
    """Write a row of the likelihood and carry F over it; return the sum.

    F(t,g) = lik_t(g) (F(t-1,g) inv_(t-1) + rho w_g), not yet scaled.
    """
    total = 0.0
    for g in range(len(a)):
        value = exp(c1 * a[g] + c2 * b[g] - d)
        lik[g] = value
        f = value * (F[g] * inv + rho_w[g])
        F[g] = f
        total += f
    return total


@njit(nogil=True, fastmath=FAST)
def forward(lik, F, w, new, inv):  # type: ignore[no-untyped-def]
    """Carry F over a row, F = lik (F + new w) inv, and return its sum.

    `new`: rho times the sum of what the change comes from.
    """
    total = 0.0
    for g in range(len(lik)):
        f = lik[g] * (F[g] + new * w[g]) * inv
        F[g] = f
        total += f
    return total


@njit(nogil=True, fastmath=FAST)
def backward(lik, x, w, inv, new):  # type: ignore[no-untyped-def]
    """Carry x = lik_t B(t) back from the row after t; return R(t) = sum w x.

    B(t,g) = x inv_(t+1) + new, new = rho R(t+1) inv_(t+1).
    """
    rest = 0.0
    for g in range(len(lik)):
        value = lik[g] * (x[g] * inv + new)
        x[g] = value
        rest += w[g] * value
    return rest


@njit(nogil=True, fastmath=FAST)
def both(F, x, inv, new, P):  # type: ignore[no-untyped-def]
    """Write P = F B, B as in `backward`."""
    for g in range(len(F)):
        P[g] = F[g] * (x[g] * inv + new)


@njit(nogil=True, fastmath=FAST)
def add(N, F, weight):  # type: ignore[no-untyped-def]
    """N += weight F."""
    for g in range(len(N)):
        N[g] += weight * F[g]


@njit(nogil=True, fastmath=FAST)
def dot(x, y):  # type: ignore[no-untyped-def]
    """Return sum x y."""
    total = 0.0
    for g in range(len(x)):
        total += x[g] * y[g]
    return total


@njit(nogil=True)
def log_sum(x, size):  # type: ignore[no-untyped-def]
    """Return log sum exp(x) of the first values."""
    top = -np.inf
    for g in range(size):
        top = max(top, x[g])
    if not top > -np.inf:
        return top
    total = 0.0
    for g in range(size):
        total += exp(x[g] - top)
    return top + math.log(total)


@njit(nogil=True)
def padded(size):  # type: ignore[no-untyped-def]
    """Return the size of a row that holds so many values."""
    return (size + PAD - 1) // PAD * PAD
