"""A few tracks of each genre, chosen by a seed, as pictures: from a feature store or from audio files."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

from numpy.typing import NDArray

from zhanr import features
from zhanr.config import FeatureConfig, WindowConfig
from zhanr.errors import DatasetError, FileError
from zhanr.lab.datasets import Dataset
from zhanr.lab.datasets.store import FeatureStore
from zhanr.segments import excerpt


class Piece(NamedTuple):
    """One track: its name and its picture (n_bins, n_frames) of values 0..1."""

    name: str
    picture: NDArray[Any]


Draw = Callable[[], NDArray[Any]]
Choice = tuple[dict[str, list[Piece]], FeatureConfig, list[FileError]]


def choose(data: FeatureStore | Dataset, *, each: int = 3, seed: int = 0) -> Choice:
    """Choose `each` tracks of every genre (all, where it has fewer), the same ones for the same seed.

    Of audio files the middle 30 s are taken, and one that can't be read gives way to the next.

    Returns
    -------
    The pieces by genre; how their pictures were made; the files that could not be read.

    """
    config = data.features if isinstance(data, FeatureStore) else FeatureConfig(scale="top_db")
    tracks: dict[str, dict[str, Draw]] = {}
    for genre, name, draw in _of_store(data) if isinstance(data, FeatureStore) else _of_files(data, config):
        tracks.setdefault(genre, {})[name] = draw
    problems: list[FileError] = []
    chosen = {genre: _some(tracks[genre], each, f"{seed} {genre}", problems) for genre in sorted(tracks)}
    chosen = {genre: pieces for genre, pieces in chosen.items() if pieces}
    if not chosen:
        where = data.name if isinstance(data, Dataset) else data.path
        raise DatasetError(where, f"none of its files can be read (the first: {problems[0]})")
    return chosen, config, problems


def _of_store(store: FeatureStore) -> Iterable[tuple[str, str, Draw]]:
    for i, (genre, name) in enumerate(zip(store.labels.tolist(), store.names.tolist(), strict=True)):
        yield genre, name, lambda i=i: store.picture(i)  # type: ignore[misc]


def _of_files(dataset: Dataset, config: FeatureConfig) -> Iterable[tuple[str, str, Draw]]:
    def draw(path: Path) -> NDArray[Any]:
        return features.dequantise(excerpt(path, config, WindowConfig()))

    for track in dataset.tracks:
        yield track.genre, track.name, lambda path=track.path: draw(path)  # type: ignore[misc]


def _some(tracks: dict[str, Draw], each: int, seed: str, problems: list[FileError]) -> list[Piece]:
    """The first `each` readable tracks of a shuffled order, which hangs on nothing but seed and names."""
    names = sorted(tracks)
    random.Random(seed).shuffle(names)
    pieces: list[Piece] = []
    for name in names:
        if len(pieces) == each:
            break
        try:
            pieces.append(Piece(name, tracks[name]()))
        except FileError as error:
            problems.append(error)
    return pieces
