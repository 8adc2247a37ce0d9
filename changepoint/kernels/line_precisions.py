"""How sure the level of a linear segment is: the precision of its noise."""

from __future__ import annotations

import numpy as np

from changepoint.kernels.compiling import njit
from changepoint.kernels.segment_marginals import _line_starts, _reached, _rests


@njit(cache=True, nogil=True, error_model="numpy")
def precisions(st, starts, first, m, out):  # type: ignore[no-untyped-def]
    """Write E[1 / noise variance] of segments with observed rows; see `log_marginals`."""
    at = _line_starts(st, starts)
    rest, det = np.empty(len(starts)), np.empty(len(starts))
    for r in range(len(out)):
        e = first + r
        _, some = _reached(st, starts, e, m)
        if st.known > 0:
            out[r, :some] = 1 / st.known
            continue
        _rests(at, st, starts, e, some, rest, det)
        for i in range(some):
            n = at[0, i] + st.sums[e, 0]
            out[r, i] = (st.shape + 0.5 * n) / (st.scale + 0.5 * rest[i])
