"""Songs that sound alike: exact nearest neighbours among embeddings, by one product of the whole matrix.

A million songs are searched in a few dozen milliseconds without an index (`research/benchmarks/similar.py` measures it
beside the alternatives), so there is none that must be built, stored or kept up to date.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from zhanr.errors import ConfigError
from zhanr.library.columns import Song
from zhanr.library.store import Library

Metric = Literal["cosine", "euclidean"]
METRICS: tuple[Metric, ...] = get_args(Metric)

CHUNK = 20_000  # embeddings copied at once, 10 MB of 128 numbers
SLACK = 1e-5
"""What rounding may cost, relative to the squared lengths: what is that much further away is compared exactly, too."""

Floats = NDArray[np.float32]
Rows = NDArray[np.intp]


class Index:
    """Exact nearest neighbours among embeddings (n, d), n >= 1; it refers to the matrix and does not copy it.

    Cosine distance is half the squared Euclidean distance of vectors of length 1, so both metrics are one search.
    """

    def __init__(self, matrix: Floats, metric: Metric = "cosine") -> None:
        if metric not in METRICS:
            raise ConfigError(f"{metric!r} is not a metric (there are {', '.join(METRICS)})")
        if matrix.ndim != 2 or not matrix.size:
            raise ConfigError("an index needs at least one embedding")
        self.matrix = matrix
        self.metric = metric
        self._lengths = np.maximum(np.sqrt(np.einsum("ij,ij->i", matrix, matrix)), np.float32(1e-12))
        self._half_squares = np.float32(0.5) if metric == "cosine" else 0.5 * self._lengths**2

    def search(self, vector: ArrayLike, n: int) -> tuple[Rows, Floats]:
        """The rows of the n nearest embeddings and their distances, the nearest first (equally near: by row).

        `vector` is (d,). Cosine distance is 1 - cos, from 0 to 2.
        """
        query = self._scaled(np.asarray(vector, np.float32)[None])[0]
        if query.shape != self.matrix.shape[1:]:
            raise ConfigError(f"the vector has {query.size} numbers, and those of the index {self.matrix.shape[1]}")
        n = min(n, len(self.matrix))
        rows = self._candidates(query, n)
        squared = self._squared(rows, query)
        order = np.lexsort((rows, squared))[:n]
        return rows[order], self._distance(squared[order])

    def _candidates(self, query: Floats, n: int) -> Rows:
        """All rows that may be among the n nearest: right but for rounding, which `SLACK` makes up for."""
        nearness = self.matrix @ query
        if self.metric == "cosine":
            nearness /= self._lengths
        nearness -= self._half_squares  # half the squared distance, from above and without the query's own part
        worst = float(np.partition(nearness, len(nearness) - n)[len(nearness) - n])
        slack = SLACK * max(0.5 * float(query @ query), float(np.max(self._half_squares)), abs(worst))
        return np.flatnonzero(nearness >= worst - slack)

    def _distance(self, squared: Floats) -> Floats:
        return 0.5 * squared if self.metric == "cosine" else np.sqrt(squared)

    def _scaled(self, vectors: Floats) -> Floats:
        if self.metric == "euclidean":
            return vectors
        lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
        result: Floats = vectors / np.maximum(lengths, np.float32(1e-12))[:, None]
        return result

    def _squared(self, rows: Rows, query: Floats) -> Floats:
        """Squared distances of some rows, from their differences, which is exact where a product cancels."""
        parts = []
        for start in range(0, len(rows), CHUNK):
            difference = self._scaled(self.matrix[rows[start : start + CHUNK]]) - query
            parts.append(np.einsum("ij,ij->i", difference, difference))
        return np.concatenate(parts)


@dataclass(frozen=True, eq=False)
class Neighbour:
    """A song that sounds like another one; `distance` is in the index's metric, 0 for the same embedding."""

    song: Song
    distance: float


class SimilarSongs:
    """The songs of a library that one model classified, to be searched. Raises `ConfigError` if there are none."""

    def __init__(self, library: Library, metric: Metric = "cosine", *, model_sha256: str | None = None) -> None:
        self.library = library
        self._ids, matrix = library.embeddings(model_sha256)
        if not len(self._ids):
            raise ConfigError(
                "the library holds no songs that can be compared" + (" under this model" if model_sha256 else "")
            )
        self._index = Index(matrix, metric)

    def __len__(self) -> int:
        """How many songs can be found."""
        return len(self._ids)

    def find(self, embedding: ArrayLike | None, n: int = 10, *, seed: Song | None = None) -> list[Neighbour]:
        """The n songs nearest to an embedding (d,), the nearest first.

        The `seed` itself is left out, and so is every copy of a recording that is already there: a list of similar
        songs that holds the same sound twice helps nobody.
        """
        if embedding is None:
            raise ConfigError("this song has no embedding, because it could not be read; scan it again")
        hits: list[Neighbour] = []
        seen = {seed.content_hash or f"id {seed.id}"} if seed else set()
        asked, done = 2 * n + 8, 0
        while True:
            rows, distances = self._index.search(embedding, asked)
            for row, distance in zip(rows[done:], distances[done:], strict=True):
                song = self.library.song_by_id(int(self._ids[row]))
                if song is None or (seed and song.id == seed.id):
                    continue
                if (key := song.content_hash or f"id {song.id}") not in seen:
                    seen.add(key)
                    hits.append(Neighbour(song, float(distance)))
                if len(hits) == n:
                    return hits
            if len(rows) < asked:
                return hits
            asked, done = 4 * asked, asked


Pair = tuple[int, int, float]
"""Ids of two songs, and the cosine distance of their embeddings."""


def close_pairs(library: Library, *, distance: float, seconds: float, without: Collection[int] = ()) -> Iterator[Pair]:
    """Pairs of songs that may be one recording: embeddings within a cosine distance, durations within `seconds`.

    Songs are sorted by duration and each is compared with those that are up to `seconds` longer only, so that the
    work grows with how many songs are as long as each other, and not with the square of the library. Pairs of equal
    content hash are left out (`same_sound` has them), and so are the songs `without`, by their ids.
    """
    ids, matrix = library.embeddings()
    rows = library.db.execute("SELECT id, duration, content_hash FROM song WHERE duration IS NOT NULL")
    about = {number: (duration, content) for number, duration, content in rows}
    known = [i for i, number in enumerate(ids.tolist()) if number in about and number not in without]
    order = np.array(sorted(known, key=lambda i: about[int(ids[i])][0]), dtype=np.intp)
    if not len(order):
        return
    lengths = np.array([about[int(ids[i])][0] for i in order])
    vectors = matrix[order] / np.maximum(np.linalg.norm(matrix[order], axis=1, keepdims=True), 1e-12)
    ends = np.searchsorted(lengths, lengths + seconds, side="right")
    for start in range(0, len(order), 256):
        stop = min(start + 256, len(order))
        apart = 1 - vectors[start:stop] @ vectors[start : ends[stop - 1]].T
        for i, j in np.argwhere(apart <= distance).tolist():
            a, b = int(ids[order[start + i]]), int(ids[order[start + j]])
            same = about[a][1] is not None and about[a][1] == about[b][1]
            if i < j < ends[start + i] - start and not same:
                yield a, b, max(float(apart[i, j]), 0.0)


def same_sound(library: Library) -> Iterator[list[int]]:
    """The ids of songs whose audio is the same, packet for packet, in order of paths; two or more a group."""
    rows = library.db.execute(
        "SELECT content_hash, id FROM song WHERE content_hash IS NOT NULL AND missing_since IS NULL AND error IS NULL "
        "ORDER BY path"
    )
    groups: dict[str, list[int]] = {}
    for content, number in rows:
        groups.setdefault(content, []).append(number)
    yield from (group for group in groups.values() if len(group) > 1)
