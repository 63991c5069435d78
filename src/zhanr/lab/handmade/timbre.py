"""Timbral texture: what the sound is like, as statistics over windows of one second (19 numbers).

Tzanetakis & Cook 2002, section III-A: nine descriptions of each analysis window of 512 samples (23 ms at 22,050 Hz,
side by side), then their mean and variance over a texture window of 43 of them (1 s), and the share of quiet ones; then
the mean of all that over the texture windows, which overlap in all but one analysis window.

Ours differs in this: the unit of frequencies is hertz, and of zero crossings the share of samples, as in librosa; the
spectra of the flux have unit length; MFCCs are those of `zhanr.features` (40 mel bands of Slaney's scale, in decibels).
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from zhanr import features

Array = NDArray[np.floating]
Floats = NDArray[np.float64]

WINDOW = 512  # samples: 23 ms
"""Samples of an analysis window."""
TEXTURE = 43  # windows: 1 s
"""Analysis windows of a texture window."""
N_MFCC, N_MELS = 5, 40
ROLL_OFF = 0.85

_DESCRIPTIONS = ("centroid", "roll_off", "flux", "zero_crossings", *(f"mfcc{i + 1}" for i in range(N_MFCC)))
TIMBRE = (*(f"{d}_{s}" for d in _DESCRIPTIONS for s in ("mean", "var")), "low_energy")


def describe(y: Array, sample_rate: int) -> Floats:
    """The texture of a waveform (n_samples,): (19,), named by `TIMBRE`."""
    magnitude = np.abs(features.stft(y, n_fft=WINDOW, hop_length=WINDOW, center=False)).astype(np.float64)
    rows = [
        centroid(magnitude, sample_rate),
        roll_off(magnitude, sample_rate),
        flux(magnitude),
        zero_crossings(y),
        *mfcc(magnitude, sample_rate),
    ]
    mean, variance = texture(np.stack(rows))
    return np.append(np.stack([mean, variance], axis=1).ravel(), low_energy(y))


def texture(x: Array) -> tuple[Floats, Floats]:
    """The mean and the variance over texture windows of descriptions (k, t), each averaged over all windows: (k,)."""
    windows = sliding_window_view(x, min(TEXTURE, x.shape[1]), axis=1)
    return windows.mean(axis=2).mean(axis=1), windows.var(axis=2).mean(axis=1)


def centroid(magnitude: Array, sample_rate: int) -> Floats:
    """The centre of gravity of each spectrum in hertz: sum f M / sum M, of (bins, t) to (t,); 0 in silence."""
    weighted = _frequencies(magnitude, sample_rate) @ magnitude
    return _share(weighted, magnitude.sum(axis=0))


def roll_off(magnitude: Array, sample_rate: int) -> Floats:
    """The frequency in hertz below which 85 % of each spectrum's magnitude lies: (bins, t) to (t,)."""
    below = np.cumsum(magnitude, axis=0)
    first = np.argmax(below >= ROLL_OFF * below[-1], axis=0)
    frequencies: Floats = _frequencies(magnitude, sample_rate)[first]
    return frequencies


def flux(magnitude: Array) -> Floats:
    """How much each spectrum differs from the one before: sum_n (N_t[n] - N_t-1[n])², (bins, t) to (t,).

    N is the magnitude scaled to unit length, so 0 is no change and 2 the largest. The first one is 0.
    """
    unit = _share(magnitude, np.linalg.norm(magnitude, axis=0))
    return np.insert(np.square(np.diff(unit, axis=1)).sum(axis=0), 0, 0.0)


def zero_crossings(y: Array) -> Floats:
    """The share of samples of each analysis window at which the sign changes, a measure of noisiness: (t,)."""
    return np.asarray(np.diff(np.signbit(_frames(y)), axis=1).sum(axis=1) / WINDOW)


def mfcc(magnitude: Array, sample_rate: int) -> Floats:
    """The first five mel-frequency cepstral coefficients without that of the loudness: (bins, t) to (5, t)."""
    bank = features.mel_filter_bank(
        sample_rate=sample_rate, n_fft=WINDOW, n_mels=N_MELS, fmin=0.0, fmax=sample_rate / 2
    )
    log_mel = features.to_db(bank @ np.square(magnitude), ref=1.0, top_db=None)
    return features.mfcc(log_mel, n_mfcc=N_MFCC + 1)[1:].astype(np.float64)


def low_energy(y: Array) -> float:
    """The share of analysis windows that are quieter (RMS) than the mean of their texture window, averaged over those.

    Music with silent gaps has much of it, an even sound about a half.
    """
    rms = np.sqrt(np.square(_frames(y), dtype=np.float64).mean(axis=1))
    windows = sliding_window_view(rms, min(TEXTURE, len(rms)))
    return float((windows < windows.mean(axis=1, keepdims=True)).mean())


def _frames(y: Array) -> Array:
    n = len(y) // WINDOW
    return y[: n * WINDOW].reshape(n, WINDOW)


def _frequencies(magnitude: Array, sample_rate: int) -> Floats:
    return np.linspace(0, sample_rate / 2, len(magnitude))


def _share(part: Array, whole: Array) -> Floats:
    return np.divide(part, whole, out=np.zeros(part.shape), where=whole > 0)
