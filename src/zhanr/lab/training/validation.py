"""How good a network is on the validation part, with songs answered exactly as serving answers them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from zhanr.aggregate import aggregate, log_softmax
from zhanr.config import Aggregation
from zhanr.lab.training.data import WindowSet
from zhanr.lab.training.distill import Student


class Validation(NamedTuple):
    """Negative log-likelihood (nats) and accuracy, per window and per song."""

    loss: float
    accuracy: float
    song_loss: float
    song_accuracy: float


@torch.inference_mode()
def window_logits(student: Student, windows: WindowSet, device: torch.device) -> NDArray[np.float32]:
    """Logits (n, n_genres) of all windows, computed in evaluation mode."""
    student.eval()
    logits: NDArray[np.float32] = torch.cat([student(x.to(device))[0].cpu() for x in windows.tensors()]).numpy()
    return logits


def validate(logits: NDArray[np.float32], windows: WindowSet, aggregation: Aggregation) -> Validation:
    """Score the logits (n, n_genres) of all windows."""
    targets = np.repeat(windows.genres, windows.counts)
    log_p = log_softmax(logits.astype(np.float64))
    return Validation(
        loss=-float(log_p[np.arange(len(targets)), targets].mean()),
        accuracy=float((logits.argmax(axis=1) == targets).mean()),
        song_loss=song_loss(logits, windows, aggregation),
        song_accuracy=float((song_probabilities(logits, windows, aggregation).argmax(axis=1) == windows.genres).mean()),
    )


def song_probabilities(
    logits: NDArray[np.float32], windows: WindowSet, aggregation: Aggregation, temperature: float = 1.0
) -> NDArray[np.float64]:
    """What serving would answer for each song: (n_songs, n_genres)."""
    return np.stack([aggregate(one, aggregation, temperature=temperature) for one in windows.by_song(logits)])


def song_loss(
    logits: NDArray[np.float32], windows: WindowSet, aggregation: Aggregation, temperature: float = 1.0
) -> float:
    """The mean negative log-likelihood of the songs' genres, in nats."""
    p = song_probabilities(logits, windows, aggregation, temperature)
    return -float(np.log(np.maximum(p[np.arange(len(p)), windows.genres], 1e-12)).mean())


def fit_temperature(logits: NDArray[np.float32], windows: WindowSet, aggregation: Aggregation) -> float:
    """The temperature in 1/20..20 that makes the songs' genres the likeliest (Guo et al. 2017), by golden section.

    The loss has one minimum over the logarithm of the temperature. The order of the genres stays as it is.
    """
    ratio = (np.sqrt(5) - 1) / 2
    low, high = np.log(0.05), np.log(20)

    def loss(log_temperature: float) -> float:
        return song_loss(logits, windows, aggregation, float(np.exp(log_temperature)))

    for _ in range(24):
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        low, high = (low, right) if loss(left) <= loss(right) else (left, high)
    return round(float(np.exp((low + high) / 2)), 4)
