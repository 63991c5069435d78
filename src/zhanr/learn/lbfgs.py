"""The minimum of a smooth convex function by L-BFGS, for which SciPy would be 140 MB (Nocedal and Wright, ch. 7)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MEMORY = 10  # steps from which the curvature is known
STEPS = 200
FLAT = 1e-6  # of the gradient's largest part at the start: no classifier changes its mind over less
_ENOUGH = 1e-4  # of the decrease that the slope promises (Armijo's rule)


def minimise(function: Callable[[Floats], tuple[float, Floats]], start: Floats) -> Floats:
    """Where `function`, which gives its value and its gradient (n,), is smallest, from `start` (n,) on."""
    x, (value, slope) = start, function(start)
    past: deque[tuple[Floats, Floats]] = deque(maxlen=MEMORY)
    limit = FLAT * max(1e-3, float(np.abs(slope).max()))
    for _ in range(STEPS):
        if np.abs(slope).max() <= limit:
            break
        direction = -_curved(slope, past)
        length = 1.0 if past else min(1.0, 1.0 / float(np.abs(slope).sum()))
        promised = float(slope @ direction)
        found, new = function(x + length * direction)
        while found > value + _ENOUGH * length * promised:
            length /= 2
            if length < 1e-10:  # no number is smaller than rounding lets this one be
                return x
            found, new = function(x + length * direction)
        step, turn = length * direction, new - slope
        if step @ turn > 1e-12 * (turn @ turn):
            past.append((step, turn))
        x, value, slope = x + step, found, new
    return x


def _curved(slope: Floats, past: deque[tuple[Floats, Floats]]) -> Floats:
    """The gradient by the inverse of the curvature, as far as the past steps show it: the two-loop recursion."""
    q = slope.copy()
    shares = []
    for step, turn in reversed(past):
        share = (step @ q) / (turn @ step)
        q -= share * turn
        shares.append(share)
    if past:
        step, turn = past[-1]
        q *= (step @ turn) / (turn @ turn)
    for (step, turn), share in zip(past, reversed(shares), strict=True):
        q += step * (share - (turn @ q) / (turn @ step))
    return q
