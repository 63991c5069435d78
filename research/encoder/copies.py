"""Copies of a waveform that mean the same music: codecs at low and high rates, band limits, speed, a store."""

from __future__ import annotations

import io
from typing import Any, NamedTuple

import av
import numpy as np
import soxr
from numpy.typing import NDArray
from scipy.signal import butter, sosfilt

from research.encoder import picture

Array = NDArray[Any]
SOURCE_RATE = 32_000
FASTEST = 0.08  # the largest change of speed, and of pitch with it


class Codec(NamedTuple):
    """How a copy is encoded: container, encoder, sample rate in Hz, bit rates in bit/s from which one is drawn."""

    container: str
    encoder: str
    rate: int
    bit_rates: tuple[int, ...]


CODECS = (
    Codec("mp3", "libmp3lame", 22_050, (32_000, 48_000, 64_000)),
    Codec("mp3", "libmp3lame", 32_000, (32_000, 48_000, 64_000, 96_000)),
    Codec("adts", "aac", 22_050, (32_000, 48_000)),
    Codec("adts", "aac", 32_000, (48_000, 96_000)),
    Codec("ogg", "libopus", 48_000, (16_000, 24_000, 48_000, 64_000)),
)


def resample(wave: Array, rate_in: float, rate_out: float) -> Array:
    """soxr at its quick setting: a copy need not be better than what it stands for."""
    return np.asarray(soxr.resample(wave, rate_in, rate_out, quality="MQ"), np.float32)


def round_trip(wave: Array, codec: Codec, bit_rate: int) -> Array:
    """Encode (samples,) at `codec.rate` and decode it again; the few milliseconds of the encoder's delay stay."""
    pcm = np.ascontiguousarray(wave / max(1.0, float(np.abs(wave).max())), np.float32)
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=codec.container) as target:
        stream = target.add_stream(codec.encoder, rate=codec.rate, layout="mono")
        assert isinstance(stream, av.AudioStream)
        stream.bit_rate = bit_rate
        resampler = av.AudioResampler(stream.format, "mono", codec.rate, frame_size=stream.frame_size or 1024)
        frame = av.AudioFrame.from_ndarray(pcm[None], format="flt", layout="mono")
        frame.sample_rate = codec.rate
        for part in (*resampler.resample(frame), *resampler.resample(None)):
            target.mux(stream.encode(part))
        target.mux(stream.encode(None))
    buffer.seek(0)
    with av.open(buffer, "r") as source:
        resampler = av.AudioResampler("flt", "mono", codec.rate)
        parts = [r.to_ndarray()[0] for f in source.decode(audio=0) for r in resampler.resample(f)]
    return np.concatenate(parts)[: len(wave)]


def coded(wave: Array, rng: np.random.Generator) -> Array:
    """(samples,) at 32 kHz through a random codec, at 16 kHz."""
    codec = CODECS[rng.integers(len(CODECS))]
    decoded = round_trip(resample(wave, SOURCE_RATE, codec.rate), codec, int(rng.choice(codec.bit_rates)))
    return resample(decoded, codec.rate, 16_000)


def respeeded(wave: Array, rng: np.random.Generator) -> Array:
    """Up to 8 % faster or slower, with its pitch, and half of the time without what is above 3 to 7 kHz; at 16 kHz."""
    moved = resample(wave, SOURCE_RATE, 16_000 * rng.uniform(1 - FASTEST, 1 + FASTEST))
    if rng.random() < 0.5:
        return moved
    sections = butter(int(rng.choice([2, 4, 8])), rng.uniform(3000, 7000), fs=16_000, output="sos")
    return sosfilt(sections, moved).astype(np.float32)


def pictures(wave: Array, rng: np.random.Generator) -> list[NDArray[np.uint8]]:
    """The clean picture of (samples,) at 32 kHz and its copies: coded, respeeded, and as a store has it."""
    clean = resample(wave, SOURCE_RATE, 16_000)
    noisy = coded(wave, rng)
    if rng.random() < 0.3:
        level = float(np.sqrt(np.mean(noisy**2))) * 10 ** (-rng.uniform(25, 50) / 20)
        noisy = noisy + rng.normal(0, level, len(noisy)).astype(np.float32)
    return [
        picture.picture(clean),
        picture.picture(noisy),
        picture.picture(respeeded(wave, rng)),
        picture.store_like(resample(wave, SOURCE_RATE, picture.STORE.sample_rate)),
    ]
