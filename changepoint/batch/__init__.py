"""Thousands of series: which of them changed, when, and by how much."""

from changepoint.batch.executors import Dask as Dask
from changepoint.batch.executors import Threads as Threads
from changepoint.batch.runner import Summary as Summary
from changepoint.batch.runner import read as read
from changepoint.batch.runner import run as run
from changepoint.batch.runner import scan as scan
