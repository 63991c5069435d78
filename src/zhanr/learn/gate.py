"""When a model of one's own says "not sure": below which probability, and for what is like nothing that it knows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zhanr import metrics
from zhanr.aggregate import novelty
from zhanr.bundle import Bundle
from zhanr.learn.examples import Examples
from zhanr.learn.linear import CrossValidation

PRECISIONS = (0.95, 0.9, 0.85, 0.8)
"""How many of its answers are to be right, as far as it can be had; the shipped models aim at the first."""
KNOWN = 0.95
"""The share of right answers that the gate for unknown music must let through."""
NEVER = 1.01  # a probability that there isn't


def centres(parent: Bundle, examples: Examples) -> NDArray[np.float64] | None:
    """Where known music lies among the embeddings (n, d): as in the parent, and the means of the person's genres.

    None where the parent has no such gate.
    """
    before = _centres_of(parent)
    if before is None:
        return None
    means = [examples.x[examples.y == number].mean(axis=0) for number in range(len(examples.genres))]
    return np.concatenate([before, np.stack(means)])


def thresholds(examples: Examples, found: CrossValidation, known: NDArray[np.floating] | None) -> dict[str, float]:
    """The thresholds of the card, from answers for artists that were not trained on."""
    log_p = found.log_probabilities
    sure, right = np.exp(log_p.max(axis=1)), log_p.argmax(axis=1) == examples.y
    reached = (metrics.threshold_for_precision(sure, right, precision) for precision in PRECISIONS)
    limits = {"confidence": next((limit for limit in reached if limit is not None), NEVER)}
    if known is not None and right.any():
        pairs = zip(np.exp(log_p[right]), examples.x[right], strict=True)
        limits["novelty"] = float(np.quantile([novelty(p, x, known) for p, x in pairs], KNOWN))
    return limits


def _centres_of(parent: Bundle) -> NDArray[np.float64] | None:
    """Those of the model itself; what an earlier model of one's own has added to them is left out."""
    card = parent.card
    frames = card.windows.frames
    found = parent.run(np.zeros((1, card.features.n_bins, frames), np.float32)).prototypes
    if found is None:
        return None
    own = "library" in card.training.get("data", {})
    return np.asarray(found[: -len(card.labels)] if own else found, np.float64)
