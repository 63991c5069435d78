"""How the benchmarks time a piece of work: on one thread, by its CPU time, so that other processes matter little."""

from __future__ import annotations

import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"  # before NumPy is loaded: import this module first

import statistics
import time
from collections.abc import Callable
from typing import Any


def milliseconds(work: Callable[[], Any], repeats: int) -> float:
    """The median CPU time of one call, after one that warms up."""
    work()
    times = []
    for _ in range(repeats):
        begin = time.process_time()
        work()
        times.append(1000 * (time.process_time() - begin))
    return statistics.median(times)
