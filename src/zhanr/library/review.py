"""What a person should listen to first: the songs of which zhanr is least certain, or whose tag says something else."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zhanr.library import query as language
from zhanr.library.agreement import Names
from zhanr.library.store import Library, as_library_errors

DISAGREEMENT = 0.5
"""What a tag that says something else adds to the doubt: so much as if zhanr were half as sure."""


@dataclass(frozen=True, eq=False)
class Queue:
    """Songs to review: their `ids` (n,), the most doubtful first; the first `doubtful` of them need it.

    Those are the ones of which zhanr is not sure or whose tag disagrees; the rest is only there to be confirmed.
    """

    ids: NDArray[np.int64]
    doubtful: int = 0


def queue(library: Library, query: str | None = None, names: Names | None = None) -> Queue:
    """All songs that were answered and that no person has spoken of yet, as far as a filter picks them.

    The doubt is 1 - confidence, and `DISAGREEMENT` more where the tag names another genre. Raises `ConfigError`.
    """
    where, values = language.to_sql(query)
    statement = (
        "SELECT song.id, song.genre, song.confidence, song.tag_genre, song.model_sha256 FROM song "
        f"WHERE {where} AND song.correction IS NULL AND song.best IS NOT NULL ORDER BY song.path"
    )
    with as_library_errors(library.path):
        rows = library.db.execute(statement, values).fetchall()
    disagrees = _Disagreement(library, names or Names())
    n = len(rows)
    ids = np.fromiter((row[0] for row in rows), np.int64, n)
    unsure = np.fromiter((row[1] is None for row in rows), bool, n)
    confidence = np.fromiter((row[2] or 0.0 for row in rows), np.float64, n)
    others = np.fromiter((disagrees(genre, tag, model) for _, genre, _, tag, model in rows), bool, n)
    doubtful = others | unsure
    doubt = 1 - confidence + DISAGREEMENT * others
    order = np.lexsort((-doubt, ~doubtful))  # stable: equal doubts stay in order of their paths
    return Queue(ids[order], int(doubtful.sum()))


class _Disagreement:
    """`Verdict.DISAGREE` for many songs: what a tag means is found out once for each tag."""

    def __init__(self, library: Library, names: Names) -> None:
        self._library = library
        self._names = names
        self._labels: dict[str | None, tuple[str, ...]] = {}
        self._meant: dict[tuple[str, str | None], set[str]] = {}

    def __call__(self, genre: str | None, tag: str | None, model: str | None) -> bool:
        if genre is None or not tag:
            return False
        if (tag, model) not in self._meant:
            self._meant[tag, model] = self._names.meant(tag, self._labels_of(model))
        meant = self._meant[tag, model]
        return bool(meant) and genre not in meant

    def _labels_of(self, model: str | None) -> tuple[str, ...]:
        if model not in self._labels:
            row = self._library.db.execute(
                "SELECT probabilities FROM song WHERE model_sha256 IS ? AND best IS NOT NULL LIMIT 1", (model,)
            ).fetchone()
            self._labels[model] = tuple(json.loads(row[0])) if row else ()
        return self._labels[model]
