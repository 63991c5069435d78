"""From answers whose truth is known to what a card says of them: thresholds, and what each precision costs."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from zhanr import metrics
from zhanr.card import OperatingPoint

PRECISIONS = (0.8, 0.85, 0.9, 0.95, 0.98)
AIM = 0.95  # of the answers are to be right where nobody chooses
KNOWN = 0.95
"""The share of right answers that a gate for unknown music must let through."""
NEVER = 1.01  # a probability that there isn't


def operating_points(
    confidence: ArrayLike, correct: ArrayLike, *, strange: ArrayLike | None = None, novelty: float | None = None
) -> tuple[OperatingPoint, ...]:
    """For each of `PRECISIONS` that can be had, the lowest probability that gives it, and the share of songs answered.

    Parameters
    ----------
    confidence, correct
        Of songs that the model was not fitted on, (n,): the probability of its answer, and whether that was right.
    strange
        How novel each song is, (n,); above `novelty`, the threshold of all points, it is not answered.

    """
    sure, right = np.asarray(confidence, np.float64), np.asarray(correct, np.float64)
    passes = np.ones(len(sure), bool) if strange is None or novelty is None else np.asarray(strange) <= novelty
    points = []
    for precision in PRECISIONS:
        limit = metrics.threshold_for_precision(sure[passes], right[passes], precision) if passes.any() else None
        if limit is not None:
            kept = passes & (sure >= limit)
            points.append(
                OperatingPoint(precision, limit, float(kept.mean()), float(right[kept].mean()), novelty=novelty)
            )
    return tuple(points)


def thresholds(points: tuple[OperatingPoint, ...]) -> dict[str, float]:
    """The card's own thresholds: those of `AIM`, or of the highest precision below it; nothing is answered without."""
    within = [point for point in points if point.precision <= AIM]
    if not within:
        return {"confidence": NEVER}
    novelty = within[-1].novelty
    return {"confidence": within[-1].confidence} | ({} if novelty is None else {"novelty": novelty})
