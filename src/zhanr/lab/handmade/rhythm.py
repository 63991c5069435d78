"""The beat histogram: which tempi a piece has, and how strong its beat is (6 numbers).

Tzanetakis & Cook 2002, section III-B: the envelopes of octave bands are added up; peaks of their autocorrelation over
windows of 65,536 samples (3 s, half of it overlapping) are collected in a histogram of beats a minute.

Ours differs in this: a filter bank of octaves in place of their wavelets (Daubechies 4), the low-pass at one rate for
all bands, the highest three peaks in the range and not the first three, and amplitudes relative to the autocorrelation
at lag 0. A piece shorter than a window is one window.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from zhanr.lab.handmade.periodicity import autocorrelation, compressed_spectrum, enhance, highest_peaks

Array = NDArray[np.floating]
Floats = NDArray[np.float64]

WINDOW, HOP = 65536, 32768
"""Samples of an analysis window, and from one to the next."""
OCTAVES = 7
"""Bands: the upper half of the spectrum, the half of the rest, and so on; the lowest one has all that is left."""
DECIMATION = 16
POLE = 0.99
"""Of the low-pass y[n] = (1 - a) x[n] + a y[n-1] that makes an envelope: 35 Hz."""
SLOWEST, FASTEST = 40, 200
"""The histogram's first and last bin, in beats a minute."""
PEAKS = 3
SPREAD = 2
"""Beats a minute to each side over which a peak is spread, for a tempo is never quite steady."""

RHYTHM = ("beat_amplitude1", "beat_amplitude2", "beat_ratio", "beat_bpm1", "beat_bpm2", "beat_strength")


def describe(y: Array, sample_rate: int) -> Floats:
    """Describe the beat histogram of a waveform (n_samples,): (6,), named by `RHYTHM`.

    The shares of the histogram's two highest peaks (A0, A1 in the paper), the ratio of the second to the first (RA),
    their tempi in beats a minute (P1, P2; 0 where there is no peak), and the sum of the histogram (SUM), which is about
    the regularity of the beat: 0 is none, and a loud click in silence comes near 1 for each peak.
    """
    histogram = beat_histogram(y, sample_rate)
    total = histogram.sum()
    at, _ = highest_peaks(np.pad(histogram, 1), 2)
    bpm, share = np.zeros(2), np.zeros(2)
    for i, peak in enumerate(at - 1):
        middle = round(peak)
        bpm[i] = SLOWEST + peak
        share[i] = histogram[max(middle - SPREAD, 0) : middle + SPREAD + 1].sum() / total
    ratio = share[1] / share[0] if share[0] > 0 else 0.0
    return np.array([*share, ratio, *bpm, total])


def beat_histogram(y: Array, sample_rate: int) -> Floats:
    """How much speaks for each tempo from 40 to 200 beats a minute: (161,), averaged over the analysis windows.

    Each peak of the autocorrelation is spread over its bin and `SPREAD` on each side.
    """
    rate = sample_rate / DECIMATION
    histogram = np.zeros(FASTEST - SLOWEST + 1)
    spread = 1.0 + SPREAD - np.abs(np.arange(-SPREAD, SPREAD + 1))
    first, last = int(np.ceil(60 * rate / FASTEST)), int(60 * rate / SLOWEST)
    windows = list(_windows(np.asarray(y, np.float64)))
    for window in windows:
        x = envelope(window)
        r = enhance(autocorrelation(compressed_spectrum(x), len(x)))
        lags, heights = highest_peaks(r, PEAKS, first=first, last=last)
        bins = np.rint(60 * rate / lags).astype(np.int64) - SLOWEST
        np.add.at(histogram, np.clip(bins, 0, len(histogram) - 1), heights)
    return np.convolve(histogram, spread / spread.sum(), mode="same") / len(windows)


def envelope(x: Floats) -> Floats:
    """The sum of the envelopes of the octave bands of (n,), each without its mean: (n // 16,)."""
    n = len(x)
    spectrum = np.fft.rfft(x)
    edges = [0, *(len(spectrum) >> k for k in range(OCTAVES - 1, -1, -1))]
    total = np.zeros(n)
    for low, high in pairwise(edges):
        band = np.zeros_like(spectrum)
        band[low:high] = spectrum[low:high]
        total += np.abs(np.fft.irfft(band, n))
    smooth: Floats = _low_pass(total)[: n // DECIMATION * DECIMATION : DECIMATION]
    centred: Floats = smooth - smooth.mean()
    return centred


def _low_pass(x: Floats) -> Floats:
    """The one-pole filter, through the Fourier transform of a padded signal (NumPy has no recursive filters)."""
    size = 1 << (len(x) + 2048).bit_length()  # what is left of the filter's answer after 2048 samples is 1e-9
    phase = np.exp(-2j * np.pi * np.arange(size // 2 + 1) / size)
    filtered: Floats = np.fft.irfft(np.fft.rfft(x, size) * (1 - POLE) / (1 - POLE * phase), size)[: len(x)]
    return filtered


def _windows(y: Floats) -> Iterator[Floats]:
    for start in range(0, max(len(y) - WINDOW, 0) + 1, HOP):
        yield y[start : start + WINDOW]
