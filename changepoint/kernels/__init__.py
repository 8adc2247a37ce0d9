"""Compiled inference kernels: arrays in, arrays out; they know no data and no model."""

from changepoint.kernels.compiling import announce

announce()
