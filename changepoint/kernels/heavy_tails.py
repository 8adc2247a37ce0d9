"""Sums over rows of the log density of Student-t noise, at many levels and scales."""

from __future__ import annotations

from changepoint.kernels.compiling import njit
from changepoint.kernels.elementary import log


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract"})
def log_tails(z, share, level, weight, out):  # type: ignore[no-untyped-def]
    """Write sum_t log(1 + weight_j (z_t - share_t level_j)^2) for each j.

    Parameters
    ----------
    z, share
        By row, (T,).
    level, weight, out
        (G,).
    """
    for j in range(len(level)):
        total = 0.0
        for t in range(len(z)):
            away = z[t] - share[t] * level[j]
            total += log(1.0 + weight[j] * (away * away))
        out[j] = total
