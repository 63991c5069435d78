"""From a data set of audio to a feature store: what `zhanr lab extract` does."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from zhanr.config import FeatureConfig, WindowConfig
from zhanr.errors import AudioError, DatasetError
from zhanr.lab.datasets import Dataset, FeatureStore, Track
from zhanr.scan.worker import Limits, Lost, each
from zhanr.segments import excerpt

R = TypeVar("R")


def extract_dataset(
    dataset: Dataset,
    features: FeatureConfig,
    windows: WindowConfig,
    *,
    jobs: int = 1,
    limits: Limits | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[FeatureStore, list[AudioError]]:
    """Extract one excerpt of every track: all of a short one, the middle `windows.segment_frames` of a longer one.

    `progress` is told (done, total) after each track. Returns the store, and the errors of the tracks that could not be
    read, which it leaves out. Raises `DatasetError` if none could.
    """
    work = partial(excerpt, feature_config=features, window_config=windows)
    tracks, pictures, failures = read_tracks(dataset, work, jobs=jobs, limits=limits, progress=progress)
    return _store(tracks, pictures, features, windows.segment_frames), failures


def read_tracks(
    dataset: Dataset,
    work: Callable[[Path], R],
    *,
    jobs: int = 1,
    limits: Limits | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[list[Track], list[R], list[AudioError]]:
    """Do `work` with the file of every track: the tracks that could be read, what it gave for each, and the errors.

    `limits` are what one file may take, and `progress` is told (done, total) after each track. Raises `DatasetError` if
    none could be read.
    """
    failures: list[AudioError] = []
    tracks: list[Track] = []
    found: list[R] = []
    results = each(work, [track.path for track in dataset.tracks], jobs=jobs, limits=limits)
    for done, (track, result) in enumerate(zip(dataset.tracks, results, strict=True), start=1):
        if progress:
            progress(done, len(dataset.tracks))
        if isinstance(result, Lost):
            failures.append(AudioError(track.path, result.reason))
        else:
            tracks.append(track)
            found.append(result)
    if not tracks:
        raise DatasetError(dataset.name, "not one of its tracks could be read")
    return tracks, found, failures


def _store(tracks: list[Track], pictures: list[NDArray[np.uint8]], features: FeatureConfig, width: int) -> FeatureStore:
    """Lay the pictures side by side; shorter ones are filled with 0 and `n_frames` says how much of each is real."""
    x = np.zeros((len(pictures), features.n_bins, width), np.uint8)
    for row, picture in zip(x, pictures, strict=True):
        row[:, : picture.shape[1]] = picture
    return FeatureStore(
        x=x,
        names=np.array([t.name for t in tracks]),
        labels=np.array([t.genre for t in tracks]),
        features=features,
        n_frames=np.array([p.shape[1] for p in pictures]),
        artists=np.array([t.artist or "" for t in tracks]),
    )
