"""From a data set of audio to a table of hand-made features: what `zhanr lab handmade extract` does."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from zhanr.audio import load
from zhanr.errors import AudioError
from zhanr.lab import handmade
from zhanr.lab.datasets import Dataset
from zhanr.lab.datasets.table import Table
from zhanr.lab.extract import read_tracks
from zhanr.scan.worker import Limits
from zhanr.segments import middle

SECONDS = 30.0


def extract_table(
    dataset: Dataset,
    *,
    seconds: float = SECONDS,
    jobs: int = 1,
    limits: Limits | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Table, list[AudioError]]:
    """Extract the features of the middle `seconds` of every track (all of a shorter one).

    `progress` is told (done, total) after each track. Returns the table, and the errors of the tracks that could not be
    read, which it leaves out. Raises `DatasetError` if none could.
    """
    work = partial(features_of, seconds=seconds)
    tracks, rows, failures = read_tracks(dataset, work, jobs=jobs, limits=limits, progress=progress)
    names = tuple(track.name for track in tracks)
    artists = {track.name: track.artist for track in tracks if track.artist}
    labels = tuple(track.genre for track in tracks)
    return Table(np.stack(rows), handmade.COLUMNS, names, labels, artists), failures


def features_of(path: Path, seconds: float = SECONDS) -> NDArray[np.float64]:
    """The features (n_columns,) of the middle `seconds` of a file. Raises `AudioError`."""
    start = middle(path, seconds)
    return handmade.extract(load(path, sample_rate=handmade.SAMPLE_RATE, start=start, duration=seconds).samples)
