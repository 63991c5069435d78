"""From a data set of audio to a table of hand-made features: what `zhanr lab handmade extract` does."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from zhanr.audio import load, probe
from zhanr.errors import AudioError
from zhanr.lab import handmade
from zhanr.lab.datasets import Dataset, Track
from zhanr.lab.datasets.table import Table
from zhanr.lab.extract import read_tracks

SECONDS = 30.0


def extract_table(
    dataset: Dataset,
    *,
    seconds: float = SECONDS,
    jobs: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Table, list[AudioError]]:
    """Extract the features of the middle `seconds` of every track (all of a shorter one).

    `progress` is told (done, total) after each track. Returns the table, and the errors of the tracks that could not be
    read, which it leaves out. Raises `DatasetError` if none could.
    """
    work = partial(_features_or_error, seconds=seconds)
    tracks, rows, failures = read_tracks(dataset, work, jobs=jobs, progress=progress)
    names = tuple(track.name for track in tracks)
    artists = {track.name: track.artist for track in tracks if track.artist}
    labels = tuple(track.genre for track in tracks)
    return Table(np.stack(rows), handmade.COLUMNS, names, labels, artists), failures


def _features_or_error(track: Track, seconds: float) -> NDArray[np.float64] | AudioError:
    try:
        length = probe(track.path).duration or 0.0
        start = max(0.0, (length - seconds) / 2)
        audio = load(track.path, sample_rate=handmade.SAMPLE_RATE, start=start, duration=seconds)
        return handmade.extract(audio.samples)
    except AudioError as error:
        return error
