"""Samples in memory as a source like any other: a WAV file of floats, so that they go the way of every file."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zhanr.errors import AudioError

LABEL = "<samples>"
_FLOAT, _BYTES = 3, 4  # the WAV format's number for IEEE floats, and the size of one
_LONGEST = (1 << 32) - 1024  # bytes: a WAV file says its length in 32 bits


def as_wav(y: NDArray[Any], sample_rate: int) -> bytes:
    """A WAV file of samples, (n,) or (channels, n): floats of full scale -1..1, or whole numbers of theirs.

    The channels are mixed down as those of a file are, to their mean. Raises `AudioError`.
    """
    y = np.asarray(y)
    if y.ndim not in (1, 2) or y.dtype.kind not in "fiu":
        raise AudioError(LABEL, f"samples are numbers of shape (n,) or (channels, n), not {y.dtype} of shape {y.shape}")
    if y.ndim == 2 and y.shape[0] > max(64, y.shape[1]):  # FFmpeg knows no more channels
        raise AudioError(
            LABEL, f"the shape {y.shape} would be {y.shape[0]} channels; is it (n, channels)? then give y.T"
        )
    if sample_rate != int(sample_rate) or not 0 < sample_rate < 1 << 31:
        raise AudioError(LABEL, f"a sample rate is a whole number of samples a second, not {sample_rate!r}")
    mono = _scaled(y if y.ndim == 1 else y.mean(axis=0, dtype=np.float64), y.dtype)
    if mono.nbytes > _LONGEST:
        raise AudioError(LABEL, f"{len(mono):,} samples are too many at once; write them to a file")
    rate = int(sample_rate)
    form = struct.pack("<HHIIHH", _FLOAT, 1, rate, rate * _BYTES, _BYTES, 8 * _BYTES)
    head = b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", mono.nbytes)
    return b"RIFF" + struct.pack("<I", len(head) + mono.nbytes) + head + mono.tobytes()


def _scaled(mono: NDArray[Any], kind: np.dtype[Any]) -> NDArray[np.float32]:
    if kind.kind == "f":
        return mono.astype("<f4")
    middle = 0 if kind.kind == "i" else 1 << (8 * kind.itemsize - 1)
    return ((mono - float(middle)) / float(1 << (8 * kind.itemsize - 1))).astype("<f4")
