"""Songs that sound alike: an exact index of embeddings, and what to make of its answers.

One million songs are searched in milliseconds without an index that approximates. Each embedding is turned so that its
first few numbers say most of it (principal components). Of the rest only the length is kept, and with that the
Cauchy-Schwarz inequality bounds how near a song can be. All bounds together are one product of a narrow matrix with a
vector; only the songs whose bound beats the best ones found are then compared in full.
`research/benchmarks/similar.py` measures it beside the alternatives.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from zhanr.errors import ConfigError
from zhanr.library.store import Library, Song

Metric = Literal["cosine", "euclidean"]
METRICS: tuple[Metric, ...] = get_args(Metric)

COLUMNS = 32
"""The width of the table of bounds: more makes the bounds tighter, and reading the table slower."""
BLOCK = 500
SEEDS = 200
CHUNK = 20_000
SLACK = 1e-5
"""What rounding may cost, relative to the squared lengths: bounds are loosened by it, so no song is missed."""

Floats = NDArray[np.float32]
Rows = NDArray[np.intp]


class Index:
    """An exact nearest-neighbour index of embeddings (n, d), n >= 1; it refers to the matrix and does not copy it.

    Cosine distance is half the squared Euclidean distance of vectors of length 1, so both metrics are one search.
    """

    def __init__(self, matrix: Floats, metric: Metric = "cosine") -> None:
        if metric not in METRICS:
            raise ConfigError(f"{metric!r} is not a metric (there are {', '.join(METRICS)})")
        if matrix.ndim != 2 or not matrix.size:
            raise ConfigError("an index needs at least one embedding")
        self.matrix = matrix
        self.metric = metric
        self._center, self._basis = self._principal_components()
        self._table = self._make_table()
        self._longest = float(self._table[:, -1].max())
        self._lengths = np.maximum(np.sqrt(np.einsum("ij,ij->i", matrix, matrix)), np.float32(1e-12))

    def search(self, vector: ArrayLike, n: int) -> tuple[Rows, Floats]:
        """The rows of the n nearest embeddings and their distances, the nearest first (equally near: by row).

        `vector` is (d,). Cosine distance is 1 - cos, from 0 to 2.
        """
        query = self._scaled(np.asarray(vector, np.float32)[None])[0]
        if query.shape != self._center.shape:
            raise ConfigError(f"the vector has {query.size} numbers, and those of the index {self._center.size}")
        n = min(n, len(self.matrix))
        moved = query - self._center
        turned = moved @ self._basis
        rest = float(np.linalg.norm(moved - self._basis @ turned))
        half = 0.5 * float(moved @ moved)
        nearness = self._table @ np.concatenate([turned, np.array([rest, -1.0], np.float32)])
        # nearness - half >= -squared distance / 2, with equality where the rest of both points the same way
        rows = self._candidates(nearness, query, half, n)
        if len(rows) > max(CHUNK, len(self.matrix) // 50):  # these embeddings have no principal directions
            rows = self._candidates(self._in_full(moved), query, half, n)
        squared = self._squared(rows, query)
        order = np.lexsort((rows, squared))[:n]
        return rows[order], self._distance(squared[order])

    def _candidates(self, nearness: Floats, query: Floats, half: float, n: int) -> Rows:
        """All rows that may be among the n nearest, given for each row how near it is at most."""
        seeds = _largest(nearness, max(SEEDS, 2 * n))
        worst = float(np.partition(self._squared(seeds, query), n - 1)[n - 1])
        slack = SLACK * max(half, worst, self._longest)
        return np.flatnonzero(nearness >= half - 0.5 * worst - slack)

    def _in_full(self, moved: Floats) -> Floats:
        """How near each row is, from all of its numbers: right but for rounding, and several times slower."""
        products = self.matrix @ moved
        if self.metric == "cosine":
            products /= self._lengths
        result: Floats = products - self._center @ moved - self._table[:, -1]
        return result

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

    def _principal_components(self) -> tuple[Floats, Floats]:
        """The mean (d,) of a sample and its first principal components (d, <= COLUMNS - 2)."""
        step = max(1, len(self.matrix) // CHUNK)
        sample = self._scaled(self.matrix[::step]).astype(np.float64)
        center = sample.mean(axis=0)
        _, vectors = np.linalg.eigh((sample - center).T @ (sample - center))
        return center.astype(np.float32), np.ascontiguousarray(vectors[:, ::-1][:, : COLUMNS - 2], np.float32)

    def _make_table(self) -> Floats:
        """Per row: its principal components, the length of the rest, half its squared length, all from the centre."""
        width = self._basis.shape[1]
        table = np.empty((len(self.matrix), width + 2), np.float32)
        for start in range(0, len(table), CHUNK):
            part = table[start : start + CHUNK]
            moved = self._scaled(self.matrix[start : start + CHUNK]) - self._center
            part[:, :width] = moved @ self._basis
            part[:, -1] = 0.5 * np.einsum("ij,ij->i", moved, moved)
            moved -= part[:, :width] @ self._basis.T
            part[:, width] = np.linalg.norm(moved, axis=1)
        return table


def _largest(values: Floats, n: int) -> Rows:
    """Rows of n of the largest values, or nearly so: of the blocks with the largest maxima; quicker than sorting."""
    whole = len(values) // BLOCK
    n_blocks = n // 3 + 1
    if whole <= n_blocks:
        return np.argsort(-values, kind="stable")[:n]
    maxima = values[: whole * BLOCK].reshape(whole, BLOCK).max(axis=1)
    blocks = np.argpartition(maxima, whole - n_blocks)[whole - n_blocks :]
    rows = (blocks[:, None] * BLOCK + np.arange(BLOCK)).ravel()
    best = np.argpartition(values[rows], len(rows) - n)[len(rows) - n :]
    result: Rows = rows[best]
    return result


@dataclass(frozen=True, eq=False)
class Hit:
    """A song that sounds like another one; `distance` is in the index's metric, 0 for the same embedding."""

    song: Song
    distance: float


class SimilarSongs:
    """All songs of a library that one model heard, ready to be searched. Raises `ConfigError` if there are none."""

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

    def find(self, embedding: ArrayLike | None, n: int = 10, *, seed: Song | None = None) -> list[Hit]:
        """The n songs nearest to an embedding (d,), the nearest first.

        The `seed` itself is left out, and so is every copy of a recording that is already there: a list of similar
        songs that holds the same sound twice helps nobody.
        """
        if embedding is None:
            raise ConfigError("this song has no embedding, because it could not be read; scan it again")
        hits: list[Hit] = []
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
                    hits.append(Hit(song, float(distance)))
                if len(hits) == n:
                    return hits
            if len(rows) < asked:
                return hits
            asked, done = 4 * asked, asked


Pair = tuple[int, int, float]
"""Ids of two songs, and the cosine distance of their embeddings."""


def close_pairs(
    library: Library, *, distance: float, seconds: float, model_sha256: str | None = None
) -> Iterator[Pair]:
    """Pairs of songs that may be one recording: embeddings within a cosine distance, durations within `seconds`.

    Songs are sorted by duration and each is compared with those that are up to `seconds` longer only, so that the
    work grows with how many songs are as long as each other, and not with the square of the library. Pairs of equal
    content hash are left out (`same_sound` has them).
    """
    ids, matrix = library.embeddings(model_sha256)
    rows = library.db.execute("SELECT id, duration, content_hash FROM song WHERE duration IS NOT NULL")
    about = {number: (duration, content) for number, duration, content in rows}
    known = [i for i, number in enumerate(ids.tolist()) if number in about]
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


def same_sound(library: Library) -> Iterator[list[Song]]:
    """Groups of songs whose audio is the same, packet for packet; only their tags or containers may differ."""
    statement = (
        "SELECT content_hash FROM song WHERE content_hash IS NOT NULL AND missing_since IS NULL AND error IS NULL "
        "GROUP BY content_hash HAVING count(*) > 1 ORDER BY min(path)"
    )
    for (content,) in library.db.execute(statement).fetchall():
        found = library.db.execute(
            "SELECT id FROM song WHERE content_hash = ? AND missing_since IS NULL AND error IS NULL ORDER BY path",
            (content,),
        ).fetchall()
        yield [song for (number,) in found if (song := library.song_by_id(number)) is not None]
