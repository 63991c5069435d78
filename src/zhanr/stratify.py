"""Stratified grouping: whole groups of songs are dealt to the parts of a split or the folds of a cross-validation.

Every split and fold of the lab and of `learn` comes from here, so that all of them keep an artist's songs together in
the same way.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]


def amounts(group: NDArray[np.int64], genre: NDArray[np.int64]) -> Numbers:
    """How many songs of each genre a group has, and of all in the last column: (n_groups, n_genres + 1).

    `group` and `genre` are the numbers of each song's, both (n,) and from 0.
    """
    table = np.zeros((int(group.max()) + 1, int(genre.max()) + 2))
    np.add.at(table, (group, genre), 1)
    table[:, -1] = table[:, :-1].sum(axis=1)
    return table


def deal(amounts: Numbers, share: Numbers) -> NDArray[np.int64]:
    """The part of each group, (n_groups,): in turn to the part that lacks its genres the most, then improved.

    `amounts` is (n_groups, n_genres + 1) as the function of that name gives it, in the order of dealing, best the
    largest first; `share` is what each part is due of all, (n_parts,), with the sum 1.
    """
    return _improve(_assign(amounts, share), amounts, share)


def _assign(amounts: Numbers, share: Numbers) -> NDArray[np.int64]:
    lacking = np.outer(share, amounts.sum(axis=0))
    weight = _weight(lacking)
    home = np.zeros(len(amounts), np.int64)
    for i, amount in enumerate(amounts):
        # the decrease of the summed squared lack, relative to what each part is due, if this part takes the group
        gain = (amount * (2 * lacking - amount) * weight).sum(axis=1)
        home[i] = int(np.argmax(gain))
        lacking[home[i]] -= amount
    return home


def _improve(home: NDArray[np.int64], amounts: Numbers, share: Numbers, rounds: int = 20) -> NDArray[np.int64]:
    """Move single groups as long as that brings the parts closer to their shares."""
    lacking = np.outer(share, amounts.sum(axis=0))
    weight = _weight(lacking)
    np.subtract.at(lacking, home, amounts)
    for _ in range(rounds):
        moved = False
        for i, amount in enumerate(amounts):
            lacking[home[i]] += amount
            best = int(np.argmax((amount * (2 * lacking - amount) * weight).sum(axis=1)))
            lacking[best] -= amount
            moved, home[i] = moved or best != home[i], best
        if not moved:
            break
    return home


def _weight(due: Numbers) -> Numbers:
    """What one track too many costs: relative to what is due, and the size of a part counts as several genres."""
    weight = 1 / np.maximum(due, 1e-9)  # a genre may have no song here
    weight[:, -1] *= np.sqrt(due.shape[1] - 1)
    return weight
