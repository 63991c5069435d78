"""From the logits of a song's windows to the genre probabilities of the song."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zhanr.config import Aggregation

Probabilities = NDArray[np.float64]


def log_softmax(logits: NDArray[Any]) -> Probabilities:
    """Natural logarithm of the softmax over the last axis, same shape."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    result: Probabilities = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return result


def softmax(logits: NDArray[Any], *, temperature: float = 1.0) -> Probabilities:
    """Softmax of logits / temperature over the last axis, same shape."""
    result: Probabilities = np.exp(log_softmax(np.asarray(logits, dtype=np.float64) / temperature))
    return result


def _mean_log_probability(log_p: Probabilities) -> Probabilities:
    result: Probabilities = log_p.mean(axis=0)
    return result


def _mean_probability(log_p: Probabilities) -> Probabilities:
    result: Probabilities = np.log(np.exp(log_p).mean(axis=0))
    return result


def _median(log_p: Probabilities) -> Probabilities:
    result: Probabilities = np.median(log_p, axis=0)
    return result


def _vote(log_p: Probabilities) -> Probabilities:
    counts = np.bincount(log_p.argmax(axis=1), minlength=log_p.shape[1])
    with np.errstate(divide="ignore"):  # a genre without a vote has probability 0
        result: Probabilities = np.log(counts / len(log_p))
    return result


METHODS: dict[Aggregation, Callable[[Probabilities], Probabilities]] = {
    "mean_log_probability": _mean_log_probability,
    "mean_probability": _mean_probability,
    "median": _median,
    "vote": _vote,
}
"""Each takes the windows' log-probabilities (n_windows, n_genres) to unnormalised ones of the song (n_genres,)."""


def novelty(probabilities: Probabilities, embedding: NDArray[Any], prototypes: NDArray[Any]) -> float:
    """How unlike everything known a song is: the entropy of its answer plus its distance to the nearest genre.

    Parameters
    ----------
    probabilities : (n_genres,) of the song, calibrated
    embedding : (d,) mean of the song's windows, in a space that is white within the genres, so that its squared
        distance to a genre's mean is Mahalanobis's (Lee et al. 2018, "A Simple Unified Framework for Detecting
        Out-of-Distribution Samples")
    prototypes : (n_genres, d) the genres' means

    Returns
    -------
    nats + squared distance per dimension; larger is less known

    """
    entropy = -float(np.sum(probabilities * np.log(np.maximum(probabilities, 1e-12))))
    distances = np.square(prototypes - embedding).mean(axis=1)
    return entropy + float(distances.min())


def sigmoid(logits: NDArray[Any]) -> Probabilities:
    """1 / (1 + exp(-logits)), same shape."""
    result: Probabilities = 0.5 * (1 + np.tanh(0.5 * np.asarray(logits, np.float64)))  # which never overflows
    return result


def aggregate(
    logits: NDArray[Any], method: Aggregation = "mean_log_probability", *, temperature: float = 1.0
) -> Probabilities:
    """Genre probabilities of a song from the logits of its windows.

    Parameters
    ----------
    logits : (n_windows, n_genres), n_windows >= 1
    temperature : divides the song's log-probabilities before the last softmax (Guo et al. 2017, "On Calibration of
        Modern Neural Networks"); 1 leaves them as they are, more makes them less sure. The order never changes.

    Returns
    -------
    (n_genres,) float64, sums to 1

    """
    log_p = log_softmax(np.asarray(logits, dtype=np.float64))
    return softmax(METHODS[method](log_p), temperature=temperature)
