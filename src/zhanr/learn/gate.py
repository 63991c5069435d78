"""When a model of one's own says "not sure": below which probability, and for what is like nothing that it knows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zhanr import calibration
from zhanr.aggregate import novelty
from zhanr.bundle import Bundle
from zhanr.card import OperatingPoint
from zhanr.learn.examples import Examples
from zhanr.learn.linear import CrossValidation


def centres(parent: Bundle, examples: Examples) -> NDArray[np.float64] | None:
    """Where known music lies among the embeddings (n, d): as in the parent, and the means of the person's genres.

    None where the parent has no such gate.
    """
    before = _centres_of(parent)
    if before is None:
        return None
    means = [examples.x[examples.y == number].mean(axis=0) for number in range(len(examples.genres))]
    return np.concatenate([before, np.stack(means)])


def points(
    parent: Bundle, examples: Examples, found: CrossValidation, known: NDArray[np.floating] | None
) -> tuple[OperatingPoint, ...]:
    """The table of precisions, from answers for artists that were not trained on.

    The gate is fitted where there are `known` centres; a parent whose network tells novelty passes its own on.
    """
    log_p = found.log_probabilities
    sure, right = np.exp(log_p.max(axis=1)), log_p.argmax(axis=1) == examples.y
    if known is None:
        return calibration.operating_points(sure, right, novelty=parent.card.thresholds.get("novelty"))
    strange = np.array([novelty(p, x, known) for p, x in zip(np.exp(log_p), examples.x, strict=True)])
    limit = float(np.quantile(strange[right], calibration.KNOWN)) if right.any() else None
    return calibration.operating_points(sure, right, strange=strange, novelty=limit)


def _centres_of(parent: Bundle) -> NDArray[np.float64] | None:
    """Those of the model itself; what an earlier model of one's own has added to them is left out."""
    card = parent.card
    frames = card.windows.frames
    found = parent.run(np.zeros((1, card.features.n_bins, frames), np.float32)).prototypes
    if found is None:
        return None
    own = "library" in card.training.get("data", {})
    return np.asarray(found[: -len(card.labels)] if own else found, np.float64)
