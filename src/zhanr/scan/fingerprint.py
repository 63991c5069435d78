"""An audio fingerprint that survives codecs, levels and cuts, and the search for recordings that share it.

After Haitsma & Kalker, "A Highly Robust Audio Fingerprinting System" (ISMIR 2002): every 11.6 ms one word of 32 bits,
each the sign of how the energy difference of two neighbouring bands between 300 and 2000 Hz changes in time. Two
recordings are the same where, laid over each other at some offset, few of their bits differ.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 22050  # Hz
FRAME = 8192  # samples: 0.37 s, as in the paper
HOP = 256  # samples: 11.6 ms, as in the paper
N_BANDS = 33  # whose 32 differences are the bits of a word
LOWEST, HIGHEST = 300.0, 2000.0  # Hz
QUIET = 1e-6
"""Frames with less energy than this share of the loudest one (-60 dB) have noise for bits and count for nothing."""

LEAST_SECONDS = 1.0
"""Two recordings must overlap by this much, not counting quiet frames."""
MOST_ERRORS = 0.35
"""The bit error rate up to which two recordings are the same (the paper's threshold).

Measured on 483 recordings (373 GTZAN excerpts of 2-30 s, 100 minutes of electronic music, 10 songs; 116,403 pairs):
no pair is below 0.43, so nothing is marked wrongly. The same recording through another codec is at 0.03
(mp3, 64 kbit/s), 0.07 (mp3, 32 kbit/s), 0.07 (AAC, 48 kbit/s) and 0.09 (Opus, 24 kbit/s), at worst 0.15; 20 dB lower
at 8 kHz 0.01; clipped by 12 dB 0.13, at worst 0.29. 55 of 55 were found each time (54 of the clipped). Excerpts are
found where they share 1.4 s; other speeds are found up to 0.5 % in 4 of 5 cases and not at all from 2 % on.
"""
MOST_COMMON = 40
"""A word that occurs more often than this in a data set tells nothing, as "the" in a text."""
REPEATS = 4  # of a word within one recording that are looked at
OFFSETS_TRIED = 3  # of each pair, those with the most words in common

Words = NDArray[np.uint32]


@dataclass(frozen=True, eq=False)
class Fingerprint:
    """The words of one recording (n,), and which of them come from frames loud enough to mean something (n,)."""

    words: Words
    loud: NDArray[np.bool_]

    @property
    def seconds(self) -> float:
        """The time that the words cover."""
        return len(self.words) * HOP / SAMPLE_RATE


@dataclass(frozen=True)
class Match:
    """Two recordings of a list that are the same: `first` from `offset` seconds on sounds as `second` does."""

    first: int
    second: int
    offset: float
    error_rate: float
    """The share of bits that differ where both overlap: 0 for the same audio, about 0.5 for unrelated audio."""
    seconds: float
    """How long they overlap."""


class Fingerprinter:
    """Turns a stream of samples at 22,050 Hz into words; memory grows by four bytes per 11.6 ms only."""

    def __init__(self) -> None:
        self._rest = np.empty(0, np.float32)
        self._last: NDArray[np.float32] | None = None
        self._words: list[Words] = []
        self._energy: list[NDArray[np.float32]] = []
        self._window = np.hanning(FRAME + 1)[:-1].astype(np.float32)
        self._edges = _band_edges()

    def add(self, samples: NDArray[np.float32]) -> None:
        """Take the next samples (n,) of any number."""
        self._rest = np.concatenate([self._rest, samples])
        n_frames = (len(self._rest) - FRAME) // HOP + 1
        for start in range(0, max(n_frames, 0), 64):
            count = min(64, n_frames - start)
            frames = np.lib.stride_tricks.sliding_window_view(self._rest, FRAME)[start * HOP :: HOP][:count]
            self._take(frames)
        if n_frames > 0:
            self._rest = self._rest[n_frames * HOP :].copy()

    def finish(self) -> Fingerprint:
        """The fingerprint of everything that was added."""
        if not self._words:
            return Fingerprint(np.empty(0, np.uint32), np.empty(0, np.bool_))
        energy = np.concatenate(self._energy)
        return Fingerprint(np.concatenate(self._words), energy > QUIET * energy.max())

    def _take(self, frames: NDArray[np.float32]) -> None:
        power = np.square(np.abs(np.fft.rfft(frames * self._window, axis=1)[:, : self._edges[-1]]))
        bands = np.add.reduceat(power, self._edges[:-1], axis=1)
        slope = (bands[:, :-1] - bands[:, 1:]).astype(np.float32)
        before = slope[:1] if self._last is None else self._last
        bits = np.diff(slope, axis=0, prepend=before) > 0
        self._words.append(np.packbits(bits, axis=1, bitorder="little").view("<u4")[:, 0].astype(np.uint32))
        self._energy.append(bands.sum(axis=1).astype(np.float32))
        self._last = slope[-1:]


def fingerprint(samples: NDArray[np.float32]) -> Fingerprint:
    """The fingerprint of a mono signal (n_samples,) at 22,050 Hz."""
    printer = Fingerprinter()
    printer.add(samples)
    return printer.finish()


def find_matches(prints: Sequence[Fingerprint], *, most_errors: float = MOST_ERRORS) -> list[Match]:
    """All pairs of recordings that are the same over their whole overlap, the best offset of each."""
    best: dict[tuple[int, int], Match] = {}
    for a, b, offset in _candidates(prints):
        match = compare(prints[a], prints[b], offset)
        if match is None or match[0] > most_errors:
            continue
        if (a, b) not in best or match[0] < best[a, b].error_rate:
            best[a, b] = Match(a, b, offset * HOP / SAMPLE_RATE, *match)
    return [best[pair] for pair in sorted(best)]


def compare(a: Fingerprint, b: Fingerprint, offset: int) -> tuple[float, float] | None:
    """Bit error rate and loud seconds where `b` is laid over `a` from frame `offset` on; None if hardly any."""
    start, stop = max(offset, 0), min(len(a.words), len(b.words) + offset)
    if stop <= start:
        return None
    loud = a.loud[start:stop] & b.loud[start - offset : stop - offset]
    seconds = int(loud.sum()) * HOP / SAMPLE_RATE
    if seconds < LEAST_SECONDS:
        return None
    different = (a.words[start:stop] ^ b.words[start - offset : stop - offset])[loud]
    return float(np.bitwise_count(different).mean()) / 32, seconds


def _candidates(prints: Sequence[Fingerprint]) -> Iterator[tuple[int, int, int]]:
    """Pairs of recordings and offsets in frames at which they have a word in common, the most frequent offsets."""
    words, track, frame = _index(prints)
    span = 2 * int(frame.max(initial=0)) + 1
    keys = [np.empty(0, np.int64)]
    for lag in range(1, min(MOST_COMMON, len(words))):
        same = np.flatnonzero((words[lag:] == words[:-lag]) & (track[lag:] != track[:-lag]))
        offset = frame[same] - frame[same + lag]
        keys.append((track[same] * len(prints) + track[same + lag]) * span + offset + span // 2)
    found, votes = np.unique(np.concatenate(keys), return_counts=True)
    pair, offset = found // span, found % span - span // 2
    for i in _most_voted(pair, votes):
        yield int(pair[i]) // len(prints), int(pair[i]) % len(prints), int(offset[i])


def _index(prints: Sequence[Fingerprint]) -> tuple[Words, NDArray[np.int64], NDArray[np.int64]]:
    """Words, recordings and frames, sorted in this order: a few of each word of a recording, and no common words.

    Only a few, because music made of loops repeats its words exactly, and would be taken for full of common ones.
    """
    loud = [np.flatnonzero(p.loud) for p in prints]
    words = np.concatenate(
        [p.words[frames] for p, frames in zip(prints, loud, strict=True)] or [np.empty(0, np.uint32)]
    )
    track = np.repeat(np.arange(len(prints)), [len(frames) for frames in loud])
    frame = np.concatenate([*loud, np.empty(0, np.int64)])
    order = np.argsort(words, kind="stable")
    words, track, frame = words[order], track[order], frame[order]
    few = np.flatnonzero(_rank_in_run((words.astype(np.int64) << 32) | track) < REPEATS)
    words, track, frame = words[few], track[few], frame[few]
    _, inverse, counts = np.unique(words, return_inverse=True, return_counts=True)
    rare = counts[inverse] <= MOST_COMMON
    return words[rare], track[rare], frame[rare]


def _rank_in_run(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many equal values come right before each: 5 5 5 7 7 -> 0 1 2 0 1."""
    starts = np.flatnonzero(np.diff(values, prepend=values[:1] - 1))
    return np.arange(len(values)) - np.repeat(starts, np.diff(starts, append=len(values)))


def _most_voted(pair: NDArray[np.int64], votes: NDArray[np.int64]) -> NDArray[np.int64]:
    """The rows of each pair's most frequent offsets."""
    order = np.lexsort((-votes, pair))
    return np.asarray(order[_rank_in_run(pair[order]) < OFFSETS_TRIED])


def _band_edges() -> NDArray[np.int64]:
    """The first FFT bin of each band and the end of the last; the bands are equally wide on a log scale."""
    hertz = np.geomspace(LOWEST, HIGHEST, N_BANDS + 1)
    return np.round(hertz * FRAME / SAMPLE_RATE).astype(np.int64)
