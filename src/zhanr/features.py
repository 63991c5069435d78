"""From a waveform to a picture of (n_bins, n_frames): STFT, mel-spectrogram, MFCC. NumPy only, pure functions.

The names and conventions are librosa's (McFee et al. 2015, "librosa: Audio and Music Signal Analysis in Python"), and
the tests hold every option against it to float32 precision. Only the frames that the hop asks for are computed.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from zhanr.config import KINDS, FeatureConfig

Array = NDArray[Any]
MelScale = Literal["slaney", "htk"]

# Slaney's scale (Auditory Toolbox, 1998): linear below 1 kHz at 200/3 Hz a mel, above it 27 mels a factor of 6.4.
_SLANEY_HZ_PER_MEL = 200.0 / 3
_SLANEY_BREAK_HZ = 1000.0
_SLANEY_BREAK_MEL = _SLANEY_BREAK_HZ / _SLANEY_HZ_PER_MEL
_SLANEY_LOG_STEP = np.log(6.4) / 27.0


def hz_to_mel(hz: Array | float, *, scale: MelScale = "htk") -> Array:
    """Convert frequencies in hertz to mels.

    "htk" is m = 2595 log10(1 + f / 700) (O'Shaughnessy 1987); "slaney" is the Auditory Toolbox's scale.
    """
    f = np.asarray(hz, dtype=np.float64)
    if scale == "htk":
        return 2595.0 * np.log10(1.0 + f / 700.0)
    log_part = _SLANEY_BREAK_MEL + np.log(np.maximum(f, _SLANEY_BREAK_HZ) / _SLANEY_BREAK_HZ) / _SLANEY_LOG_STEP
    return np.where(f < _SLANEY_BREAK_HZ, f / _SLANEY_HZ_PER_MEL, log_part)


def mel_to_hz(mel: Array | float, *, scale: MelScale = "htk") -> Array:
    """Convert mels to hertz: the inverse of `hz_to_mel`."""
    m = np.asarray(mel, dtype=np.float64)
    if scale == "htk":
        return 700.0 * (10.0 ** (m / 2595.0) - 1.0)
    log_part = _SLANEY_BREAK_HZ * np.exp(_SLANEY_LOG_STEP * (np.maximum(m, _SLANEY_BREAK_MEL) - _SLANEY_BREAK_MEL))
    return np.where(m < _SLANEY_BREAK_MEL, m * _SLANEY_HZ_PER_MEL, log_part)


@lru_cache(maxsize=16)
def mel_filter_bank(
    *,
    sample_rate: int,
    n_fft: int,
    n_mels: int,
    fmin: float,
    fmax: float,
    mel_scale: MelScale = "slaney",
    norm: Literal["slaney"] | None = "slaney",
) -> NDArray[np.float32]:
    """Triangular filters equally spaced in mels, of shape (n_mels, 1 + n_fft // 2), read-only.

    Each triangle rises from the centre of its lower neighbour to its own and falls to that of its upper neighbour.
    With `norm="slaney"` each has unit area over hertz; with None each has its peak at 1.
    """
    bins = np.linspace(0, sample_rate / 2, 1 + n_fft // 2)
    mel_points = np.linspace(hz_to_mel(fmin, scale=mel_scale), hz_to_mel(fmax, scale=mel_scale), n_mels + 2)
    edges = mel_to_hz(mel_points, scale=mel_scale)
    widths = np.diff(edges)[:, None]
    distance = edges[:, None] - bins
    rising = -distance[:-2] / widths[:-1]
    falling = distance[2:] / widths[1:]
    filters = np.maximum(0, np.minimum(rising, falling))
    if norm == "slaney":
        filters *= (2.0 / (edges[2:] - edges[:-2]))[:, None]
    bank = filters.astype(np.float32)
    bank.flags.writeable = False
    return bank


@lru_cache(maxsize=16)
def hann(win_length: int, n_fft: int) -> NDArray[np.float32]:
    """The periodic Hann window (n_fft,), centred in `n_fft` samples."""
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(win_length) / win_length)
    left = (n_fft - win_length) // 2
    return np.pad(window, (left, n_fft - win_length - left)).astype(np.float32)


_AT_ONCE = 64
"""Frames that are transformed together: what stays in the cache takes half the time."""


def stft(
    y: Array, *, n_fft: int = 2048, hop_length: int = 512, win_length: int | None = None, center: bool = True
) -> NDArray[np.complex64]:
    """Short-time Fourier transform of a mono signal with a Hann window.

    Parameters
    ----------
    y : (n_samples,) waveform
    center : pad with n_fft // 2 zeros on both sides, so that frame t is centred on sample t * hop_length

    Returns
    -------
    (1 + n_fft // 2, n_frames) complex64, n_frames = 1 + (n_samples + padding - n_fft) // hop_length

    """
    y = np.asarray(y, dtype=np.float32)
    if center:
        y = np.pad(y, n_fft // 2)
    if y.ndim != 1 or len(y) < n_fft:
        raise ValueError(f"stft needs a mono signal of at least {n_fft} samples, got an array of shape {y.shape}")
    frames = np.lib.stride_tricks.sliding_window_view(y, n_fft)[::hop_length]
    window = hann(win_length or n_fft, n_fft)
    spectra = np.empty((len(frames), 1 + n_fft // 2), dtype=np.complex64)
    for i in range(0, len(frames), _AT_ONCE):
        out = spectra[i : i + _AT_ONCE]
        np.fft.rfft(frames[i : i + _AT_ONCE] * window, axis=1, out=out)  # type: ignore[arg-type]
    return spectra.T


def spectrogram(stft_matrix: Array, *, power: float = 2.0) -> NDArray[np.float32]:
    """Magnitude (power=1) or power (power=2) of a complex STFT, same shape, float32."""
    squared: NDArray[np.float32] = stft_matrix.real**2 + stft_matrix.imag**2
    return squared if power == 2.0 else squared ** (power / 2)


def to_db(
    s: Array,
    *,
    power: float = 2.0,
    ref: Literal["max"] | float = "max",
    amin: float = 1e-10,
    top_db: float | None = 80.0,
) -> NDArray[np.float32]:
    """Convert a spectrogram to decibels relative to `ref`, with a floor `top_db` below the largest value.

    `s` holds |X|**power; `amin` is the smallest power told apart from zero, and a numeric `ref` is in the unit of `s`.
    """
    powers = s if power == 2.0 else s ** (2.0 / power)
    reference = powers.max() if ref == "max" else ref ** (2.0 / power)
    db = 10.0 * np.log10(np.maximum(powers, amin)) - 10.0 * np.log10(max(float(reference), amin))
    if top_db is not None:
        db = np.maximum(db, db.max() - top_db)
    result: NDArray[np.float32] = db.astype(np.float32, copy=False)
    return result


@lru_cache(maxsize=16)
def dct_matrix(n_out: int, n_in: int) -> NDArray[np.float32]:
    """The first rows of the orthonormal DCT-II matrix (Ahmed, Natarajan & Rao 1974), (n_out, n_in)."""
    k, n = np.arange(n_out)[:, None], np.arange(n_in)[None, :]
    matrix = np.sqrt(2.0 / n_in) * np.cos(np.pi * k * (2 * n + 1) / (2 * n_in))
    matrix[0] /= np.sqrt(2.0)
    result: NDArray[np.float32] = matrix.astype(np.float32)
    return result


def mfcc(log_mel: Array, *, n_mfcc: int = 20) -> NDArray[np.float32]:
    """Mel-frequency cepstral coefficients (Davis & Mermelstein 1980): the DCT-II of (n_mels, t) to (n_mfcc, t)."""
    coefficients: NDArray[np.float32] = dct_matrix(n_mfcc, log_mel.shape[0]) @ log_mel
    return coefficients


def minmax(x: Array) -> NDArray[np.float32]:
    """Map the smallest value to 0 and the largest to 1; a constant picture becomes all 0."""
    low, high = x.min(), x.max()
    if high <= low:
        return np.zeros_like(x, dtype=np.float32)
    scaled: NDArray[np.float32] = ((x - low) / (high - low)).astype(np.float32, copy=False)
    return scaled


def above_floor(db: Array, *, top_db: float) -> NDArray[np.float32]:
    """Map the largest value of a picture in decibels to 1 and `top_db` below it to 0."""
    scaled: NDArray[np.float32] = ((db - db.max()) / top_db + 1).astype(np.float32, copy=False)
    return scaled


def extract(y: Array, config: FeatureConfig) -> NDArray[np.float32]:
    """Turn a waveform into the picture that `config` describes.

    Parameters
    ----------
    y : (n_samples,) mono waveform at config.sample_rate

    Returns
    -------
    (config.n_bins, n_frames) float32

    """
    picture = PICTURES[config.kind](y, config)
    if config.scale == "top_db":
        assert config.top_db is not None  # the configuration sees to that
        return above_floor(picture, top_db=config.top_db)
    return minmax(picture) if config.scale == "minmax" else picture


Picture = Callable[[Array, FeatureConfig], NDArray[np.float32]]
"""(waveform, configuration) to (config.n_bins, n_frames), before it is scaled."""

PICTURES: dict[str, Picture] = {}


def representation(kind: str, rows: Callable[[FeatureConfig], int] | None = None) -> Callable[[Picture], Picture]:
    """Enter a function as a kind of picture; `rows` says how many it has, where `config.KINDS` does not yet."""

    def enter(picture: Picture) -> Picture:
        PICTURES[kind] = picture
        if rows is not None:
            KINDS[kind] = rows
        return picture

    return enter


@representation("stft")
def _stft_picture(y: Array, config: FeatureConfig) -> NDArray[np.float32]:
    return _in_db(spectrum_of(y, config), config) if config.log else spectrum_of(y, config)


@representation("mel")
def _mel_picture(y: Array, config: FeatureConfig) -> NDArray[np.float32]:
    mel: NDArray[np.float32] = filter_bank_of(config) @ spectrum_of(y, config)
    return _in_db(mel, config) if config.log else mel


@representation("mfcc")
def _mfcc_picture(y: Array, config: FeatureConfig) -> NDArray[np.float32]:
    mel = filter_bank_of(config) @ spectrum_of(y, config)
    return mfcc(_in_db(mel, config), n_mfcc=config.n_mfcc)


def spectrum_of(y: Array, config: FeatureConfig) -> NDArray[np.float32]:
    """The spectrogram (1 + n_fft // 2, n_frames) from which all kinds of pictures start."""
    transform = stft(
        y, n_fft=config.n_fft, hop_length=config.hop_length, win_length=config.win_length, center=config.center
    )
    return spectrogram(transform, power=config.power)


def _in_db(picture: Array, config: FeatureConfig) -> NDArray[np.float32]:
    return to_db(picture, power=config.power, ref=config.ref, amin=config.amin, top_db=config.top_db)


def filter_bank_of(config: FeatureConfig) -> NDArray[np.float32]:
    """The filters (n_mels, 1 + n_fft // 2) of a configuration."""
    return mel_filter_bank(
        sample_rate=config.sample_rate,
        n_fft=config.n_fft,
        n_mels=config.n_mels,
        fmin=config.fmin,
        fmax=config.fmax,
        mel_scale=config.mel_scale,
        norm=config.norm,
    )


def quantise(picture: Array) -> NDArray[np.uint8]:
    """Store a picture of values 0..1 as 0..255, as feature stores keep it."""
    stored: NDArray[np.uint8] = np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8)
    return stored


def dequantise(stored: Array) -> NDArray[np.float32]:
    """The float32 picture (0..1) of a stored one."""
    return stored.astype(np.float32) / np.float32(255)
