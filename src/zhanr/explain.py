"""Which frequencies and moments of a song made the model decide: occlusion saliency over the picture that it reads.

A patch of the picture, a band of frequencies for a moment, is hidden, and the model is asked again. What the genre's
log-odds lose is what the patch said for the genre; a negative number spoke against it. Nothing but the model's answers
is needed, so it works with every model file (Zeiler & Fergus 2014, "Visualizing and Understanding Convolutional
Networks", section 4.2). A patch is hidden under the song's own median of each bin and not under black, which would be
a silence that no music has.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zhanr import features, windows
from zhanr.aggregate import log_softmax
from zhanr.audio import AudioReader, Bounds, Source
from zhanr.audio.bounds import UNBOUNDED
from zhanr.bundle import Bundle
from zhanr.config import FeatureConfig
from zhanr.errors import ConfigError
from zhanr.segments import Segment, segments

N_BANDS = 8  # of frequency, covered one by one
MOMENT_SECONDS = 1.0  # the shortest
MAX_MOMENTS = 60
"""A long song gets longer moments, not more of them: every one costs `N_BANDS` runs of the model."""
MAX_SECONDS = 600.0  # of a song; what comes later is not explained
_BATCH = 32  # windows that the model sees at once

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Patch:
    """A band of frequencies in hertz for a moment in seconds, and what it said for the genre in nats."""

    low: float
    high: float
    start: float
    end: float
    weight: float


@dataclass(frozen=True, eq=False)
class Explanation:
    """What every patch of a song said for a genre.

    `weights` (n_bands, n_moments), the lowest band first, are the nats of log-odds that the genre loses, summed over
    the windows that see the patch, when the patch is hidden. `hertz` (n_bands + 1,) are the bands' edges; `start` and
    `end` (n_moments,) the moments in seconds, which leave out what the model left out (silence).
    """

    genre: str
    weights: Floats
    hertz: NDArray[np.float64]
    start: NDArray[np.float64]
    end: NDArray[np.float64]

    def strongest(self, n: int = 3) -> tuple[Patch, ...]:
        """The patches that spoke most for the genre, the strongest first; only those that did speak for it."""
        order = np.argsort(-self.weights, axis=None, kind="stable")[:n]
        places = (np.unravel_index(i, self.weights.shape) for i in order)
        return tuple(self._patch(int(b), int(m)) for b, m in places if self.weights[b, m] > 0)

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "genre": self.genre,
            "weights": [[round(float(w), 4) for w in band] for band in self.weights],
            "hertz": [round(float(f), 1) for f in self.hertz],
            "moments": [[round(float(a), 3), round(float(b), 3)] for a, b in zip(self.start, self.end, strict=True)],
            "strongest": [
                {"hertz": [round(p.low), round(p.high)], "seconds": [round(p.start, 1), round(p.end, 1)]}
                for p in self.strongest()
            ],
        }

    def _patch(self, band: int, moment: int) -> Patch:
        return Patch(
            float(self.hertz[band]),
            float(self.hertz[band + 1]),
            float(self.start[moment]),
            float(self.end[moment]),
            float(self.weights[band, moment]),
        )


def explain(picture: NDArray[Any], bundle: Bundle, genre: str, *, moment_frames: int, n_bands: int = N_BANDS) -> Floats:
    """Say what each patch of one segment's picture says for a genre.

    Parameters
    ----------
    picture : (n_bins, n_frames) uint8 as in a store, or float32 from 0 to 1
    moment_frames : the width of a patch; a rest shorter than half of it belongs to the moment before
    n_bands : into how many bands of equally many bins the frequencies are cut

    Returns
    -------
    (n_bands, n_moments) float32, nats; positive where hiding the patch makes the genre less likely

    Raises
    ------
    ConfigError
        where the model does not know the genre

    """
    card = bundle.card
    if genre not in card.labels:
        raise ConfigError(f"the model does not know the genre {genre!r} (it knows {', '.join(card.labels)})")
    values = features.dequantise(picture) if picture.dtype == np.uint8 else np.asarray(picture, np.float32)
    bands, moments = band_edges(len(values), n_bands), moment_edges(values.shape[1], moment_frames)
    column = card.labels.index(genre)

    def odds(batch: Floats) -> NDArray[np.float64]:
        return _log_odds(bundle.run(batch).logits / card.temperature, column)

    whole = odds(windows.cut(values, card.windows))
    weights = np.zeros((len(bands) - 1, len(moments) - 1))
    asked = _hidden(values, bundle, bands, moments)
    while batch := [item for item, _ in zip(asked, range(_BATCH), strict=False)]:
        hidden = odds(np.stack([window for *_, window in batch]))
        for (band, moment, index, _), value in zip(batch, hidden, strict=True):
            weights[band, moment] += whole[index] - value
    return weights.astype(np.float32)


def explain_song(source: Source, bundle: Bundle, genre: str, *, bounds: Bounds = UNBOUNDED) -> Explanation:
    """Explain a genre of a song, or of its first ten minutes. Raises `AudioError`, and `ConfigError` as `explain`.

    `bounds` is what is refused, as for `AudioReader`.
    """
    card = bundle.card
    hertz = bin_hertz(card.features)[band_edges(card.features.n_bins, N_BANDS)]
    rate = card.features.sample_rate
    with AudioReader(source, sample_rate=rate, duration=MAX_SECONDS, bounds=bounds) as reader:
        read = list(segments(reader, card.features, card.windows))
    step = card.features.frame_seconds
    seconds = max(MOMENT_SECONDS, sum(s.picture.shape[1] for s in read) * step / MAX_MOMENTS)
    width = max(1, round(seconds / step))
    parts = [explain(s.picture, bundle, genre, moment_frames=width) for s in read]
    edges = [_seconds(s, width, step) for s in read]
    return Explanation(
        genre=genre,
        weights=np.concatenate(parts, axis=1),
        hertz=hertz,
        start=np.concatenate([e[:-1] for e in edges]),
        end=np.concatenate([e[1:] for e in edges]),
    )


def band_edges(n_bins: int, n_bands: int) -> NDArray[np.intp]:
    """Where bands of equally many bins begin and end, (n_bands + 1,); no more bands than bins."""
    return np.linspace(0, n_bins, min(n_bands, n_bins) + 1).round().astype(np.intp)


def moment_edges(n_frames: int, moment_frames: int) -> NDArray[np.intp]:
    """Where moments of `moment_frames` frames begin and end, (n_moments + 1,); at least one moment."""
    edges = np.arange(max(1, round(n_frames / moment_frames)) + 1) * moment_frames
    edges[-1] = n_frames
    return edges.astype(np.intp)


def bin_hertz(config: FeatureConfig) -> NDArray[np.float64]:
    """The frequencies between which the bins of a picture lie, (n_bins + 1,), in hertz.

    Raises `ConfigError` for MFCC, whose bins are no frequencies.
    """
    if config.kind == "mfcc":
        raise ConfigError("the bins of an MFCC picture are no frequencies, so there is nothing to point at")
    if config.kind == "stft":
        step = config.sample_rate / config.n_fft
        return np.clip((np.arange(config.n_bins + 1) - 0.5) * step, 0, config.sample_rate / 2)
    low, high = (float(features.hz_to_mel(f, scale=config.mel_scale)) for f in (config.fmin, config.fmax))
    edges = low + (high - low) * (np.arange(config.n_bins + 1) + 0.5) / (config.n_bins + 1)
    edges[[0, -1]] = low, high
    return features.mel_to_hz(edges, scale=config.mel_scale)


def _hidden(
    values: Floats, bundle: Bundle, bands: NDArray[np.intp], moments: NDArray[np.intp]
) -> Iterator[tuple[int, int, int, Floats]]:
    """Band, moment and window of every patch, and the window with that patch hidden."""
    config = bundle.card.windows
    usual = np.median(values, axis=1, keepdims=True)
    first = windows.starts(values.shape[1], config)
    for moment, (begin, end) in enumerate(pairwise(moments)):
        seen = np.flatnonzero((first < end) & (first + config.frames > begin))
        for band, (low, high) in enumerate(pairwise(bands)):
            hidden = values.copy()
            hidden[low:high, begin:end] = usual[low:high]
            cut = windows.cut(hidden, config)
            yield from ((band, moment, int(index), cut[index]) for index in seen)


def _log_odds(logits: NDArray[Any], column: int) -> NDArray[np.float64]:
    """log p / (1 - p) of one genre for each window, (n,), in nats."""
    log_p = log_softmax(np.asarray(logits, np.float64))
    others = np.delete(log_p, column, axis=1)
    odds: NDArray[np.float64] = log_p[:, column] - np.logaddexp.reduce(others, axis=1)
    return odds


def _seconds(segment: Segment, width: int, step: float) -> NDArray[np.float64]:
    return segment.start + moment_edges(segment.picture.shape[1], width) * np.float64(step)
