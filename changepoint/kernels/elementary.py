"""Logarithm and exponential without branches, so that loops over arrays become vector code.

Those of the C library are called number by number. Accurate to one unit in the last place.
The polynomials of the logarithm are fdlibm's (Sun Microsystems, e_log.c), that of the
exponential is Taylor's.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types
from numba.extending import intrinsic

from changepoint.kernels.compiling import njit

LN2_HIGH, LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
LOG2_E = 1.4426950408889634
ROUND = 1.5 * 2.0**52  # added to a number it leaves the nearest integer in the last bits
LOWEST = -660.0  # below, an exponential is 0: weights times it would be denormal, and slow
ONE = np.uint64(0x3FF0000000000000)  # the bits of 1.0
LOW = np.uint64(0x3FE6A09E00000000)  # those of sqrt(1/2), about
INTEGER = np.uint64(0x4338000000000000)  # those of ROUND
MANTISSA = np.uint64(52)


@intrinsic
def _bits(typing_context, x):  # type: ignore[no-untyped-def]
    """Return the bits of a number."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], context.get_value_type(types.uint64))

    return types.uint64(types.float64), generate


@intrinsic
def _number(typing_context, x):  # type: ignore[no-untyped-def]
    """Return the number of these bits."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], context.get_value_type(types.float64))

    return types.float64(types.uint64), generate


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def log(x):  # type: ignore[no-untyped-def]
    """Return log x of a normal number above 0."""
    bits = _bits(x)  # type: ignore[call-arg, var-annotated]
    exponent = (bits - LOW + ONE) >> MANTISSA  # plus 1023
    k = _number(exponent + INTEGER) - (ROUND + 1023.0)
    f = _number(bits - (exponent << MANTISSA) + ONE) - 1.0
    s = f / (2.0 + f)
    z = s * s
    r = 1.531383769920937332e-01 + z * 1.479819860511658591e-01
    r = 2.222219843214978396e-01 + z * (1.818357216161805012e-01 + z * r)
    r = 3.999999999940941908e-01 + z * (2.857142874366239149e-01 + z * r)
    r = z * (6.666666666666735130e-01 + z * r)
    half = 0.5 * f * f
    return k * LN2_HIGH - ((half - (s * (half + r) + k * LN2_LOW)) - f)


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def exp(x):  # type: ignore[no-untyped-def]
    """Return exp x, 0 below LOWEST, for x up to 700 and -inf."""
    y = max(x, LOWEST)
    k = y * LOG2_E + ROUND
    n = k - ROUND
    r = (y - n * LN2_HIGH) - n * LN2_LOW
    p = 1 / 479001600 + r * (1 / 6227020800)
    p = 1 / 3628800 + r * (1 / 39916800 + r * p)
    p = 1 / 40320 + r * (1 / 362880 + r * p)
    p = 1 / 720 + r * (1 / 5040 + r * p)
    p = 1 / 24 + r * (1 / 120 + r * p)
    p = 1.0 + r * (1.0 + r * (0.5 + r * (1 / 6 + r * p)))
    p = _number(_bits(p) + (_bits(k) << MANTISSA))  # type: ignore[call-arg]
    return p if x > LOWEST else 0.0


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "nnan", "contract"})
def largest(x):  # type: ignore[no-untyped-def]
    """Return the largest of some numbers, -inf of none."""
    top = -np.inf
    for i in range(len(x)):
        top = max(top, x[i])
    return top


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract"})
def exp_all(x, top):  # type: ignore[no-untyped-def]
    """Put exp(x - top) in the place of x; return their sum."""
    total = 0.0
    for i in range(len(x)):
        x[i] = exp(x[i] - top)
        total += x[i]
    return total


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract"})
def log_sum(x):  # type: ignore[no-untyped-def]
    """Return the log of the sum of exp(x); x is overwritten."""
    top = largest(x)
    return top if top == -np.inf else top + np.log(exp_all(x, top))
