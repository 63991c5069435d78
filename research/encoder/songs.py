"""The songs behind embedded windows: genre, collection, artist and fold, and what a song's windows say together."""

from __future__ import annotations

import warnings
import zlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold

from research.encoder.embed import SOUND, STORE, Rows
from research.encoder.music import LABELLED, Piece
from zhanr.lab.datasets import gtzan
from zhanr.words import artist_key

Array = NDArray[Any]
Mask = NDArray[np.bool_]
LABELS = (*gtzan.GENRES, "electronic")
N_FOLDS = 5
STORE_WEIGHT = 0.4  # of a store's excerpt beside a recording
BALANCE = 0.5  # 0: each song weighs the same, 1: each genre of a collection does


@dataclass(frozen=True)
class Songs:
    """Windows and their songs: `song` (m,) of each window; of each song genre (n,), -1 for none of ours, and the rest.

    `fold` (n,) is where a song is tested: artists stay together, and sounds of one group.
    """

    rows: Rows
    song: NDArray[np.int64]
    pieces: list[Piece]

    @classmethod
    def of(cls, rows: Rows) -> Songs:
        """Pieces of one recording are one song."""
        keys = [(piece.collection, piece.path, piece.name) for piece in rows.pieces]
        number: dict[tuple[str, str, str], int] = {}
        found = [number.setdefault(keys[piece], len(number)) for piece in rows.piece]
        first = dict(zip(reversed(keys), reversed(rows.pieces), strict=True))
        return cls(rows, np.array(found), [first[key] for key in number])

    def __len__(self) -> int:
        return len(self.pieces)

    @cached_property
    def genre(self) -> NDArray[np.int64]:
        """The place among `LABELS`, (n,)."""
        return np.array([LABELS.index(p.genre) if p.genre in LABELS else -1 for p in self.pieces])

    @cached_property
    def collection(self) -> NDArray[np.str_]:
        """The collection's name, (n,)."""
        return np.array([piece.collection for piece in self.pieces])

    @cached_property
    def strange(self) -> Mask:
        """Songs of labelled collections whose genre is none of ours, (n,)."""
        return np.isin(self.collection, LABELLED) & (self.genre < 0)

    @cached_property
    def fold(self) -> NDArray[np.int64]:
        """The fold of each song, (n,)."""
        artists = np.array([artist_of(piece) for piece in self.pieces])
        fold = np.array([zlib.crc32(artist.encode()) % N_FOLDS for artist in artists])
        known = np.flatnonzero(self.genre >= 0)
        of = np.where(self.collection == STORE, "gtzan", self.collection)
        strata = np.array([f"{of[song]}|{self.genre[song]}" for song in known])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # some strata have fewer songs than there are folds
            splits = StratifiedGroupKFold(N_FOLDS, shuffle=True, random_state=0).split(known, strata, artists[known])
            for number, (_, tested) in enumerate(splits):
                fold[known[tested]] = number
        return fold

    def weights(self, chosen: Mask) -> Array:
        """How much each chosen window counts in a fit, (m_chosen,), one on average.

        A song weighs the same whatever its number of windows; then genres of a collection are balanced, half way.
        """
        _, song, count = np.unique(self.song[chosen], return_inverse=True, return_counts=True)
        weight = 1 / count[song]
        of = self.song[chosen]
        strata = np.array([f"{self.collection[s]}|{self.genre[s]}" for s in of])
        _, stratum = np.unique(strata, return_inverse=True)
        weight = weight * np.bincount(stratum, weight)[stratum] ** -BALANCE
        weight = np.where(self.collection[of] == STORE, STORE_WEIGHT, 1.0) * weight
        return np.asarray(weight * len(weight) / weight.sum())

    def pooled(self, values: Array, chosen: Mask) -> Array:
        """The mean (n, k) over the chosen windows of each song of `values` (m_chosen, k); zero where there is none."""
        sums = np.zeros((len(self), values.shape[1]))
        np.add.at(sums, self.song[chosen], values)
        return sums / np.maximum(np.bincount(self.song[chosen], minlength=len(self)), 1)[:, None]


def artist_of(piece: Piece) -> str:
    """What must stay together in a cross-validation.

    All of MacLeod is by one composer, who would leave nothing to test on: each of his pieces stands alone.
    """
    if piece.collection in ("gtzan", STORE):
        return artist_key(gtzan.artists().get(piece.name) or piece.name)
    if piece.collection == SOUND:
        return f"sound:{piece.artist}"
    if piece.collection == "macleod":
        return f"macleod:{piece.name}"
    return f"{piece.collection}:{artist_key(piece.artist or piece.name)}"
