"""A new model beside the old one, on songs of artists that the new one was not trained on."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zhanr import metrics
from zhanr.learn.examples import Examples
from zhanr.learn.linear import FOLDS, CrossValidation

RESAMPLES = 2000  # bootstrap draws: the ends of the interval are then stable to about 0.1 points
PROTOCOL = f"{FOLDS}-fold cross-validation; an artist, an album and copies of a recording are in one fold"


@dataclass(frozen=True)
class Comparison:
    """The new model beside the old one, on songs of artists that it was not trained on.

    Accuracies are over all songs; `known_*` over the `known` songs whose genre the old one has. `gain` is new minus
    old over all, with its 95 % interval by a bootstrap of whole artists and albums.
    """

    songs: int
    new: float
    old: float
    macro_f1: float
    known: int
    known_new: float | None
    known_old: float | None
    gain: tuple[float, float, float]
    known_gain: tuple[float, float, float] | None
    corrections: int

    @property
    def better(self) -> bool:
        """The rule: surely better over all, and not surely worse on the genres that the old one knows."""
        return self.gain[1] > 0 and (self.known_gain is None or self.known_gain[2] >= 0)

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return dataclasses.asdict(self) | {"better": self.better, "protocol": PROTOCOL}


def compare(examples: Examples, found: CrossValidation, *, seed: int = 0) -> Comparison:
    """Score new and old on every song, the new one as it answers for artists it never saw.

    Songs of genres that were left out count, too: the new model is wrong on them, and the old one may be right.
    """
    truth = examples.y
    answers = found.logits.argmax(axis=1)
    genres = np.array([*(examples.genres[i] for i in truth), *examples.lost_genres])
    groups = np.array([*examples.groups, *examples.lost_groups])
    new = np.concatenate([answers == truth, np.zeros(len(examples.lost_genres), np.bool_)])
    old = np.array([o == g for o, g in zip((*examples.old, *examples.lost_old), genres.tolist(), strict=True)])
    known = np.isin(genres, examples.old_knows)
    some = bool(known.any())
    return Comparison(
        songs=len(genres),
        new=float(new.mean()),
        old=float(old.mean()),
        macro_f1=metrics.macro_f1(metrics.confusion_matrix(truth, answers, len(examples.genres))),
        known=int(known.sum()),
        known_new=float(new[known].mean()) if some else None,
        known_old=float(old[known].mean()) if some else None,
        gain=_gain(new, old, groups, seed),
        known_gain=_gain(new[known], old[known], groups[known], seed) if some else None,
        corrections=examples.n_corrections,
    )


def _gain(
    new: NDArray[np.bool_], old: NDArray[np.bool_], groups: NDArray[Any], seed: int
) -> tuple[float, float, float]:
    """The mean of new minus old, and its 95 % interval where whole groups are drawn."""
    _, number = np.unique(groups, return_inverse=True)
    gains = np.bincount(number, new.astype(float) - old)
    sizes = np.bincount(number)
    drawn = np.random.default_rng(seed).integers(len(sizes), size=(RESAMPLES, len(sizes)))
    means = gains[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(gains.sum() / sizes.sum()), float(low), float(high)
