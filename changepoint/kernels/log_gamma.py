"""Ratios that log densities of counts are made of, number by number, as vector code."""

from __future__ import annotations

from typing import Any

import numpy as np

from changepoint.kernels.compiling import njit
from changepoint.kernels.elementary import log

UP = 8  # Stirling's series is asked at a + UP
LARGEST = 1e30  # of a: beyond, the ratio is 1, and products of UP factors would overflow
HUGE = 1e300
OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": {"contract"}}


@njit(**OPTIONS)
def _log1p(x):  # type: ignore[no-untyped-def]
    """Return log(1 + x), x > -1, accurate for small x too."""
    u = 1.0 + x
    return log(u) + (x - (u - 1.0)) / u  # what rounding left out of u


@njit(**OPTIONS)
def _rest(z):  # type: ignore[no-untyped-def]
    """Return log Gamma(z) - [(z - 1/2) log z - z + log(2 pi)/2], z >= UP, to 1e-15."""
    y = 1.0 / z
    x = y * y
    rest = 1 / 1188 - x * (691 / 360360 - x / 156)
    return y * (1 / 12 - x * (1 / 360 - x * (1 / 1260 - x * (1 / 1680 - x * rest))))


@njit(**OPTIONS)
def _rising(a):  # type: ignore[no-untyped-def]
    """Return a (a + 1) ... (a + UP - 1)."""
    square = a * (a + 7.0)  # (a + i) (a + 7 - i) = square + i (7 - i)
    return square * (square + 6.0) * (square + 10.0) * (square + 12.0)


@njit(cache=True, **OPTIONS)
def rising_ratio(a, k, out):  # type: ignore[no-untyped-def]
    """Write log of Gamma(a + k) / (Gamma(a) a^k), all of shape (n,); NaN unless a > 0.

    By Stirling's series at a + UP and a + k + UP, whose differences are taken so that nothing
    is lost where a is large.
    """
    for i in range(len(out)):
        start, steps = min(a[i], LARGEST), k[i]
        z = start + UP
        told = (z + steps - 0.5) * _log1p(steps / z) - steps + steps * _log1p(UP / start)
        told += _rest(z + steps) - _rest(z)
        told -= log(_rising(start + steps) / _rising(start))
        out[i] = told if a[i] > 0 else np.nan


@njit(cache=True, **OPTIONS)
def ratio(x, shift, x0, out):  # type: ignore[no-untyped-def]
    """Write log(x / x0), given shift = x - x0 too, all of shape (n,)."""
    for i in range(len(out)):
        near = abs(shift[i]) < x0[i] / 2
        y = shift[i] / x0[i]
        u = 1.0 + y if near else max(x[i], 1e-300) / x0[i]
        told = log(u) + ((y - (u - 1.0)) / u if near else 0.0)
        out[i] = told if x[i] < HUGE else x[i]
