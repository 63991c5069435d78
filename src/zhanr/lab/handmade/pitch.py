"""Pitch histograms: which notes a piece is made of (5 numbers).

Tzanetakis & Cook 2002, section III-C, on the multi-pitch detection of Tolonen & Karjalainen 2000: below 1 kHz the sound
itself, above it its envelope, each through a compressed autocorrelation; their enhanced sum has peaks at the periods
of the notes. The three highest of each analysis window go into a histogram of notes, unfolded (MIDI numbers) and folded
to twelve pitch classes, which stand in the order of fifths, so that related ones are neighbours.

Ours differs in this: analysis windows of 2048 samples (93 ms, half overlapping; theirs of 512 hold less than two
periods of a bass note), filters without delay, no whitening before them, notes from 55 to 1050 Hz (A1 to C6), and
amplitudes relative to the autocorrelation at lag 0.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from zhanr.lab.handmade.periodicity import autocorrelation, compressed_spectrum, enhance, highest_peaks

Array = NDArray[np.floating]
Floats = NDArray[np.float64]

WINDOW, HOP = 2048, 1024
CROSSOVER = 1000.0
"""Hertz between the two channels."""
COMPRESSION = 0.67
LOWEST, HIGHEST = 55.0, 1050.0
PEAKS = 3
SILENCE = 1e-4
"""Windows that are quieter than this share of the loudest one (in amplitude) hold no notes."""

PITCH = ("pitch_class_amplitude", "pitch_note", "pitch_class", "pitch_interval", "pitch_strength")


def describe(y: Array, sample_rate: int) -> Floats:
    """Describe the pitch histograms of a waveform (n_samples,): (5,), named by `PITCH`.

    The share of the strongest pitch class (FA0 in the paper), the strongest note as a MIDI number (UP0), the strongest
    pitch class (FP0) as its place 0..11 in the circle of fifths from C, the steps of that circle from there to the
    second strongest, -5..6 (IPO1: a fifth is 1, a fourth -1), and the sum of the histogram (SUM), which is about
    how clear the pitches are. Without any pitch, all are 0.
    """
    notes = note_histogram(y, sample_rate)
    classes = fold(notes)
    total = notes.sum()
    if total <= 0:
        return np.zeros(len(PITCH))
    second, best = np.argsort(classes, kind="stable")[-2:]
    interval = (second - best + 5) % 12 - 5
    return np.array([classes[best] / total, notes.argmax(), best, interval, total], np.float64)


def fold(notes: Floats) -> Floats:
    """Fold a histogram of MIDI numbers (128,) to pitch classes (12,) in the order of fifths: C G D A E B ..."""
    return np.bincount(7 * np.arange(len(notes)) % 12, weights=notes, minlength=12).astype(np.float64)


def note_histogram(y: Array, sample_rate: int) -> Floats:
    """How much of each MIDI note there is (69 is the A of 440 Hz): (128,), averaged over the analysis windows."""
    histogram = np.zeros(128)
    functions = summary_autocorrelation(np.asarray(y, np.float64), sample_rate)
    first, last = int(sample_rate / HIGHEST), int(np.ceil(sample_rate / LOWEST))
    for function in functions:
        lags, heights = highest_peaks(function, PEAKS, first=first, last=last)
        notes = np.rint(69 + 12 * np.log2(sample_rate / lags / 440)).astype(np.int64)
        np.add.at(histogram, notes, heights)
    return histogram / len(functions)


def summary_autocorrelation(y: Floats, sample_rate: int) -> Floats:
    """The enhanced summary autocorrelation of each analysis window, (n_windows, WINDOW // 2); silent ones are 0."""
    low, high = (_frames(channel) for channel in channels(y, sample_rate))
    one, other = (compressed_spectrum(x * np.hanning(WINDOW), exponent=COMPRESSION) for x in (low, high))
    loud = np.abs(low).max(axis=1) + np.abs(high).max(axis=1)
    r = autocorrelation(one + other, WINDOW // 2) * (loud > SILENCE * loud.max())[:, None]
    return enhance(r, factors=(2, 3, 5, 7))


def channels(y: Floats, sample_rate: int) -> tuple[Floats, Floats]:
    """The sound below 1 kHz, and the envelope of what is above it (half-wave rectified, low-passed): both (n,).

    The gain of the low-pass is 1 / sqrt(1 + (f / 1 kHz)^4), 12 dB an octave; a sharper one would ring, and be a pitch.
    """
    n = len(y)
    ratio = (np.fft.rfftfreq(n, 1 / sample_rate) / CROSSOVER) ** 2
    low_pass, high_pass = 1 / np.hypot(1, ratio), ratio / np.hypot(1, ratio)
    spectrum = np.fft.rfft(y)
    rectified = np.maximum(np.fft.irfft(spectrum * high_pass, n), 0)
    envelope = np.fft.irfft(np.fft.rfft(rectified - rectified.mean()) * low_pass, n)
    return np.fft.irfft(spectrum * low_pass, n), envelope


def _frames(x: Floats) -> Floats:
    padded = np.pad(x, (0, max(0, WINDOW - len(x))))
    return sliding_window_view(padded, WINDOW)[::HOP]
