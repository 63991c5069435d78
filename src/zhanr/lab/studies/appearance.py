"""What the paper says of how genres look, as numbers: `zhanr lab study appearance`.

Metal is bright over the whole spectrum, classical music has long horizontal lines, disco has vertical lines at equal
distances. Each statement is measured in two ways on the mel-spectrograms themselves. Nothing is trained here, so there
are no seeds; what varies is the songs, and the intervals are over them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zhanr.config import FeatureConfig
from zhanr.features import hz_to_mel, mel_to_hz
from zhanr.lab.datasets.store import FeatureStore

HIGH_HZ = 4000.0  # what counts as high
PROMINENCE_DB = 4.0  # by which a line stands out of its neighbours
AUDIBLE_DB = -60.0
SHORTEST_BEAT, LONGEST_BEAT = 0.3, 4.0  # seconds
RESAMPLES, SEED = 10_000, 0

Array = NDArray[np.float64]


def high_level(db: Array, config: FeatureConfig) -> float:
    """Mean level of the bands above 4 kHz, in dB relative to the loudest moment of the song."""
    return float(db[_centres(config) > HIGH_HZ].mean())


def flatness(db: Array, config: FeatureConfig) -> float:
    """Spectral flatness in dB: how far the geometric mean over the bands lies below the arithmetic one, on average.

    0 is a spectrum that is the same everywhere; the more the energy sits in a few bands, the lower (Johnston 1988).
    """
    del config
    power = 10.0 ** (db / 10.0)
    return float(np.mean(db.mean(axis=0) - 10.0 * np.log10(power.mean(axis=0))))


def line_seconds(db: Array, config: FeatureConfig) -> float:
    """For how long a spectral peak stays in its band, in seconds, averaged over all cells of the picture with a peak.

    A peak stands out from the bands beside it, at most three away on both sides, by 4 dB.
    """
    peaks = np.zeros((db.shape[0], db.shape[1] + 2), dtype=np.int8)
    peaks[:, 1:-1] = _peaks(db)
    steps = np.diff(peaks, axis=1)
    lengths = np.nonzero(steps.ravel() == -1)[0] - np.nonzero(steps.ravel() == 1)[0]
    if not len(lengths):
        return 0.0
    return float(np.sum(lengths**2) / np.sum(lengths)) * config.frame_seconds


def horizontal(db: Array, config: FeatureConfig) -> float:
    """The share of all change in the picture that is from band to band, and not from moment to moment (0..1)."""
    del config
    over_bands, over_time = np.abs(np.diff(db, axis=0)).mean(), np.abs(np.diff(db, axis=1)).mean()
    return float(over_bands / (over_bands + over_time)) if over_bands + over_time else 0.5


def together(db: Array, config: FeatureConfig) -> float:
    """How much of what changes from one moment to the next changes in all bands alike (0..1): vertical lines."""
    del config
    change = np.diff(db, axis=1)
    alone = change.var(axis=1).mean()
    return float(change.mean(axis=0).var() / alone) if alone else 0.0


def pulse(db: Array, config: FeatureConfig) -> float:
    """The highest autocorrelation of the onset strength at distances from 0.3 to 4 s: how equal the distances are.

    Onset strength is the mean rise over all bands (Ellis 2007); pulse clarity after Lartillot et al. 2008.
    """
    onset = np.maximum(np.diff(db, axis=1), 0.0).mean(axis=0)
    onset = onset - onset.mean()
    low, high = (round(seconds / config.frame_seconds) for seconds in (SHORTEST_BEAT, LONGEST_BEAT))
    high = min(high, len(onset) // 2)
    if high < low or not onset.any():
        return 0.0
    lags = range(low, high + 1)
    return float(max(np.corrcoef(onset[lag:], onset[:-lag])[0, 1] for lag in lags))


@dataclass(frozen=True)
class Measure:
    """One way to measure a statement about `genre`, which is true if that genre has the highest value of all."""

    name: str
    genre: str
    unit: str
    of: Callable[[Array, FeatureConfig], float]
    claim: str


METAL = "metal is bright over the whole spectrum"
CLASSICAL = "classical has long horizontal lines"
DISCO = "disco has vertical lines at equal distances"
MEASURES = (
    Measure("level above 4 kHz", "metal", "dB", high_level, METAL),
    Measure("flatness of the spectrum", "metal", "dB", flatness, METAL),
    Measure("length of horizontal lines", "classical", "s", line_seconds, CLASSICAL),
    Measure("horizontal share of change", "classical", "", horizontal, CLASSICAL),
    Measure("bands that change together", "disco", "", together, DISCO),
    Measure("autocorrelation of onsets", "disco", "", pulse, DISCO),
)


@dataclass(frozen=True)
class AppearanceRow:
    """The mean of one measure over the songs of one genre, with its 95 % interval and its rank among the genres."""

    measure: Measure
    genre: str
    n: int
    mean: float
    low: float
    high: float
    rank: int
    first: float
    """The share of resamples in which this genre is the first."""


def measure(store: FeatureStore, *, resamples: int = RESAMPLES) -> list[AppearanceRow]:
    """All measures of all genres; intervals are percentiles of the means of resampled songs (Efron 1979)."""
    values = np.array([_of_song(store, i) for i in range(len(store))])
    rng = np.random.default_rng(SEED)
    genres = store.genres
    of = [np.flatnonzero(store.labels == genre) for genre in genres]
    picks = [rows[rng.integers(len(rows), size=(resamples, len(rows)))] for rows in of]
    made: list[AppearanceRow] = []
    for column, one in enumerate(MEASURES):
        means = np.array([values[rows, column].mean() for rows in of])
        again = np.array([values[pick, column].mean(axis=1) for pick in picks])
        first = np.bincount(again.argmax(axis=0), minlength=len(genres)) / resamples
        low, high = np.percentile(again, (2.5, 97.5), axis=1)
        rank = 1 + np.argsort(np.argsort(-means))
        made += [
            AppearanceRow(
                one, genre, len(of[i]), float(means[i]), float(low[i]), float(high[i]), int(rank[i]), float(first[i])
            )
            for i, genre in enumerate(genres)
        ]
    return made


def _of_song(store: FeatureStore, index: int) -> list[float]:
    """All measures of one song; the store's 0..1 is taken back to decibels below the loudest."""
    db = (store.picture(index).astype(np.float64) - 1.0) * (store.features.top_db or 80.0)
    return [one.of(db, store.features) for one in MEASURES]


def _peaks(db: Array) -> NDArray[np.bool_]:
    """Where a band is higher than its neighbours and falls off by the prominence on both sides."""
    padded = np.pad(db, ((3, 3), (0, 0)), mode="edge")
    n = len(db)
    at = {step: padded[3 + step : 3 + step + n] for step in range(-3, 4)}
    left = np.minimum(np.minimum(at[-1], at[-2]), at[-3])
    right = np.minimum(np.minimum(at[1], at[2]), at[3])
    above = (db > at[-1]) & (db >= at[1]) & (db > AUDIBLE_DB)
    peaks: NDArray[np.bool_] = above & (db - left >= PROMINENCE_DB) & (db - right >= PROMINENCE_DB)
    return peaks


def _centres(config: FeatureConfig) -> Array:
    """The centre of every mel band, in hertz."""
    low, high = (float(hz_to_mel(f, scale=config.mel_scale)) for f in (config.fmin, config.fmax))
    return np.asarray(mel_to_hz(np.linspace(low, high, config.n_mels + 2)[1:-1], scale=config.mel_scale))
