"""The picture that a store keeps of a waveform, and how musicnn's kernels look on its grid."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zhanr import features
from zhanr.config import FeatureConfig

STORE = FeatureConfig()
POWER_MEL = dataclasses.replace(STORE, log=False, scale="none")
SAMPLE_RATE, N_MELS, FRAME_SECONDS = STORE.sample_rate, STORE.n_mels, STORE.frame_seconds
FLOOR_DB = 80.0


def power_mel(wave: NDArray[Any]) -> NDArray[np.float32]:
    """Mel power spectrogram of the store, (samples,) -> (128, time)."""
    return features.extract(wave, POWER_MEL)


def to_store(power: NDArray[Any]) -> NDArray[np.uint8]:
    """Decibels below the loudest bin, -80 dB as 0 and 0 dB as 255, same shape.

    The scale is fixed, where a store's own is from the smallest value to the largest: the two differ for the recordings
    of which no bin lies 80 dB below the loudest one.
    """
    return features.quantise(features.to_db(power, top_db=FLOOR_DB) / FLOOR_DB + 1)


def mel_centres(n_mels: int, fmax: float) -> NDArray[Any]:
    """The bands' centres on Slaney's scale, in mels, (n_mels,)."""
    low, high = (features.hz_to_mel(hz, scale="slaney") for hz in (0.0, fmax))
    return np.linspace(low, high, n_mels + 2)[1:-1]


def mel_interpolation(n_out: int, fmax_out: float) -> NDArray[np.float32]:
    """Weights (n_out, 128) that read another Slaney mel axis off ours by linear interpolation."""
    position = np.interp(mel_centres(n_out, fmax_out), mel_centres(N_MELS, STORE.fmax), np.arange(N_MELS))
    return np.maximum(0.0, 1.0 - np.abs(position[:, None] - np.arange(N_MELS))).astype(np.float32)


def resample_kernel(kernel: NDArray[Any], centre: int, step: float) -> NDArray[np.float32]:
    """Move a kernel's frames (last axis, `step` of our frames apart) to our grid.

    The adjoint of linear interpolation: the result answers to a picture as the original to the interpolated one. The
    length is odd, 2 r + 1, with the original's frame `centre` in the middle.
    """
    offsets = (np.arange(kernel.shape[-1]) - centre) * step
    reach = int(np.ceil(np.abs(offsets).max() - 1e-9))
    grid = np.arange(-reach, reach + 1)
    weights = np.maximum(0.0, 1.0 - np.abs(offsets[:, None] - grid))
    return (kernel @ weights).astype(np.float32)
