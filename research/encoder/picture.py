"""The picture that the encoder reads, and how a feature store's picture is brought to the same grid."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from zhanr import features
from zhanr.config import FeatureConfig

Array = NDArray[Any]
# mn04's own bands: the lowest 103 of its 128 (0 to 15 kHz at equal steps of mel), which end below 8 kHz. What is above
# depends on the collection (22,050 Hz, mp3, AAC) more than on the genre, and six of the seven teachers don't read it.
N_MELS, N_MELS_PARENT, FMAX_PARENT = 103, 128, 15_000.0
_STEP = float(features.hz_to_mel(FMAX_PARENT)) / (N_MELS_PARENT + 1)
FMAX = round(float(features.mel_to_hz((N_MELS + 1) * _STEP)), 1)
PICTURE = FeatureConfig(
    sample_rate=16_000,
    n_fft=512,
    win_length=400,
    hop_length=320,
    n_mels=N_MELS,
    fmax=FMAX,
    mel_scale="htk",
    norm=None,
    top_db=90.0,
    scale="top_db",
)
STORE = FeatureConfig(scale="top_db")
FRAMES_PER_SECOND = 50


def picture(wave: Array) -> NDArray[np.uint8]:
    """(samples,) at 16 kHz to (103, frames), as serving has it."""
    frames = max(1, len(wave) // PICTURE.hop_length)
    return features.quantise(features.extract(wave, PICTURE)[:, :frames])


def from_store(stored: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A store's picture (128, 387) as one of ours, (103, 1500): bands and frames by linear interpolation of decibels.

    A store's bands are densities over hertz on Slaney's scale; ours add up the bins within a triangle.
    """
    assert STORE.top_db is not None
    assert PICTURE.top_db is not None
    db = (features.dequantise(stored) - 1) * STORE.top_db
    frames = round(db.shape[1] * STORE.frame_seconds * FRAMES_PER_SECOND)
    bands = _weights(_store_centres(), _centres()) @ db + _widths_db()[:, None]
    times = (np.arange(frames) + 0.5) / FRAMES_PER_SECOND / STORE.frame_seconds
    full = (bands @ _weights(np.arange(db.shape[1]), times).T).astype(np.float32)
    return features.quantise((full - full.max()) / PICTURE.top_db + 1)


def store_like(wave: Array) -> NDArray[np.uint8]:
    """(samples,) at 22,050 Hz to our picture by way of a store's."""
    return from_store(features.quantise(features.extract(wave, STORE)))


def _edges() -> Array:
    top = float(features.hz_to_mel(FMAX))
    return np.asarray(features.mel_to_hz(np.linspace(0, top, N_MELS + 2)))


def _centres() -> Array:
    return _edges()[1:-1]


def _widths_db() -> Array:
    """The bands' widths in decibels, with the shortest as wide as one bin."""
    edges = _edges()
    widths = np.maximum((edges[2:] - edges[:-2]) / 2, PICTURE.sample_rate / PICTURE.n_fft)
    return np.asarray(10 * np.log10(widths))


def _store_centres() -> Array:
    top = float(features.hz_to_mel(STORE.fmax, scale="slaney"))
    return np.asarray(features.mel_to_hz(np.linspace(0, top, STORE.n_mels + 2)[1:-1], scale="slaney"))


def _weights(known: Array, wanted: Array) -> Array:
    """Weights (n_wanted, n_known) of linear interpolation."""
    position = np.interp(wanted, known, np.arange(len(known)))
    return np.maximum(0.0, 1.0 - np.abs(position[:, None] - np.arange(len(known)))).astype(np.float32)
