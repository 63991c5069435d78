"""From decoded frames to one mono signal at one rate."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
from numpy.typing import NDArray

Mono = NDArray[np.float32]

_FULL_SCALE = {"u1": 2.0**7, "i2": 2.0**15, "i4": 2.0**31, "f4": 1.0, "f8": 1.0}


CANCELLED = 1e-4  # -80 dB: what two opposite channels leave of each other, at most


def mix_down(frame: av.AudioFrame) -> Mono:
    """The mean of all channels of a frame, (n,) float32; full scale is -1..1.

    Of two channels that are each other's opposite it is the first, for their mean would be silence.
    """
    if frame.format.name.startswith("s64"):  # the one sample format that PyAV can't show as an array
        frame = av.AudioResampler(format="dbl").resample(frame)[0]
    elif frame.format.is_planar and frame.layout.nb_channels > 7:  # PyAV looks for a plane more than there are
        frame = av.AudioResampler(format="flt").resample(frame)[0]
    x = frame.to_ndarray()
    if not frame.format.is_planar:
        x = x.reshape(-1, frame.layout.nb_channels).T
    kind = x.dtype.str[1:]
    with np.errstate(over="ignore", invalid="ignore"):  # values beyond float32 become infinite; the reader refuses them
        mono: Mono = np.add.reduce(x, axis=0, dtype=np.float32)
    mono *= np.float32(1 / (len(x) * _FULL_SCALE[kind]))
    if len(x) == 2 and kind != "u1" and np.abs(mono).max(initial=0) < CANCELLED:
        first: Mono = x[0].astype(np.float32) * np.float32(1 / _FULL_SCALE[kind])
        if np.abs(first).max(initial=0) > 100 * CANCELLED:
            return first
    return mono - np.float32(1) if kind == "u1" else mono


class Resampler:
    """Joins pieces of any rate into one signal at `sample_rate`, with swresample."""

    def __init__(self, sample_rate: int) -> None:
        self.sample_rate = sample_rate
        self._swr: av.AudioResampler | None = None
        self._rate = 0
        self._pending: list[Mono] = []  # frames are short; swresample is fed with fewer, longer pieces
        self._n_pending = 0

    def push(self, mono: Mono, rate: int) -> list[Mono]:
        """Take (n,) samples at `rate` and give what is ready."""
        ready = self.flush() if rate != self._rate else []
        self._rate = rate
        if rate == self.sample_rate:
            return [*ready, mono]
        self._pending.append(mono)
        self._n_pending += len(mono)
        return [*ready, *self._convert()] if self._n_pending >= 1 << 14 else ready

    def flush(self) -> list[Mono]:
        """Give the rest: what waits here and in the filter's memory."""
        ready = self._convert() if self._n_pending else []
        if self._swr is not None:
            ready += _arrays(self._swr.resample(None))
            self._swr = None
        return ready

    def _convert(self) -> list[Mono]:
        if self._swr is None:
            self._swr = av.AudioResampler(format="fltp", layout="mono", rate=self.sample_rate)
        frame = av.AudioFrame.from_ndarray(np.concatenate(self._pending)[None], format="fltp", layout="mono")
        frame.sample_rate, frame.time_base = self._rate, Fraction(1, self._rate)
        self._pending, self._n_pending = [], 0
        return _arrays(self._swr.resample(frame))


def _arrays(frames: list[av.AudioFrame]) -> list[Mono]:
    return [frame.to_ndarray()[0].astype(np.float32, copy=False) for frame in frames]
