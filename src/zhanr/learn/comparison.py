"""A new model beside the old one, on songs of artists that the new one was not trained on."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zhanr import metrics
from zhanr.learn.examples import Examples, Past
from zhanr.learn.linear import FOLDS, CrossValidation, Taught, predict_unseen

RESAMPLES = 2000  # bootstrap draws: the ends of the interval are then stable to about 0.1 points
PROTOCOL = f"{FOLDS}-fold cross-validation; an artist, an album and copies of a recording are in one fold"


@dataclass(frozen=True)
class Comparison:
    """The new model beside the old one, on songs of artists that neither was trained on.

    Where the old one was taught by the same library, it is fitted anew for each fold, without the songs of that fold;
    so was it for `retested` songs, and the same data twice give the same answers twice.

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
    retested: int = 0

    @property
    def tied(self) -> bool:
        """Whether both are right on exactly the same songs, or as good as."""
        return self.gain == (0.0, 0.0, 0.0)

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
    said = (*examples.old, *examples.lost_old) if examples.past is None else _old_unseen(examples, examples.past, found)
    old = np.array([o == g for o, g in zip(said, genres.tolist(), strict=True)])
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
        retested=0 if examples.past is None else sum(name in examples.past.ids for name in examples.ids),
    )


def _old_unseen(examples: Examples, past: Past, found: CrossValidation) -> list[str | None]:
    """What the old model says of every song, lost ones last, when it is fitted without the songs of its fold."""
    labels = tuple(examples.means)
    fold_of = dict(zip(examples.groups, found.fold.tolist(), strict=True))
    others = sorted({*past.groups, *examples.lost_groups} - fold_of.keys())
    fold_of |= {group: i % FOLDS for i, group in enumerate(others)}
    taught = Taught(past.x, past.y, past.groups, np.array([fold_of[group] for group in past.groups]))
    x = examples.x if examples.lost_x is None else np.concatenate([examples.x, examples.lost_x])
    fold = np.array([fold_of[group] for group in (*examples.groups, *examples.lost_groups)])
    answers = predict_unseen(taught, x, fold, len(labels)).argmax(axis=1)
    return [examples.means[labels[i]] for i in answers]


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
