"""A linear classifier on embeddings: multinomial logistic regression, and what it is worth on artists it never saw.

A model's song probabilities are the softmax of the mean of its windows' log-probabilities. Each window's normalisation
is one number for all genres and falls out of that softmax, so with logits that are linear in the embedding, the answer
for a song is exactly that for the mean of its windows' embeddings, which is what a library keeps. So the head is
trained on what it is applied to, and no audio is needed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from zhanr import metrics, stratify
from zhanr.aggregate import log_softmax
from zhanr.errors import ConfigError
from zhanr.learn.lbfgs import minimise

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)
FOLDS, INNER_FOLDS = 5, 3


@dataclass(frozen=True, eq=False)
class Head:
    """logits = embedding @ weights.T + bias, with weights (k, d) and bias (k,) for embeddings as they come."""

    weights: Floats
    bias: Floats

    def logits(self, x: NDArray[np.floating]) -> Floats:
        """Of embeddings (n, d): (n, k)."""
        return np.asarray(x, np.float64) @ self.weights.T + self.bias


@dataclass(frozen=True, eq=False)
class CrossValidation:
    """Logits (n, k) for every song by a head that saw none of its group; `penalty` is the choice for all songs.

    `fold` (n,) says which songs were left out together.
    """

    logits: Floats
    penalty: float
    temperature: float
    fold: Ints

    @property
    def log_probabilities(self) -> Floats:
        """Calibrated, (n, k)."""
        return log_softmax(self.logits / self.temperature)


def fit(x: NDArray[np.floating], y: Ints, n_genres: int, penalty: float) -> Head:
    """Fit a head to embeddings (n, d) and genre numbers (n,); each genre weighs as much as any other.

    The embeddings are standardised; `penalty` times half the squared weights is added to the mean loss. The problem is
    convex, and the result does not depend on a seed.
    """
    x = np.asarray(x, np.float64)
    mean, deviation = x.mean(axis=0), x.std(axis=0)
    deviation = np.where(deviation > 1e-6 * max(float(deviation.max()), 1e-12), deviation, np.inf)  # constant: unused
    inputs = np.column_stack([(x - mean) / deviation, np.ones(len(x))])  # the last weight is the bias
    counts = np.bincount(y, minlength=n_genres)
    balance = len(y) / (np.count_nonzero(counts) * np.maximum(counts, 1.0))
    importance = (balance[y] / balance[y].sum())[:, None]
    wanted = np.eye(n_genres)[y]
    decay = penalty * np.append(np.ones(x.shape[1]), 0.01)

    def loss(flat: Floats) -> tuple[float, Floats]:
        weights = flat.reshape(n_genres, -1)
        log_p = log_softmax(inputs @ weights.T)
        value = -float((importance * wanted * log_p).sum()) + 0.5 * float((decay * weights**2).sum())
        slope = (importance * (np.exp(log_p) - wanted)).T @ inputs + decay * weights
        return value, slope.ravel()

    solution = minimise(loss, np.zeros(n_genres * inputs.shape[1])).reshape(n_genres, -1)
    scaled = solution[:, :-1] / deviation
    return Head(scaled, solution[:, -1] - scaled @ mean)


def folds(y: Ints, groups: Sequence[str], n_folds: int) -> Ints:
    """The fold of each song, (n,): a group is never divided, and each fold gets its share of each genre if it can.

    Groups are dealt out from the largest to the smallest (`stratify`).
    """
    names, number = np.unique(np.asarray(groups), return_inverse=True)
    if len(names) < n_folds:
        raise ConfigError(f"an honest test needs songs of {n_folds} artists or albums at least, there are {len(names)}")
    table = stratify.amounts(number, y)
    order = np.lexsort((np.arange(len(names)), -table[:, -1]))
    fold_of = np.empty(len(names), np.int64)
    fold_of[order] = stratify.deal(table[order], np.full(n_folds, 1 / n_folds))
    return np.asarray(fold_of[number], np.int64)


def cross_validate(x: NDArray[np.floating], y: Ints, groups: Sequence[str], n_genres: int) -> CrossValidation:
    """Answer for every song with a head that was fitted, and its penalty chosen, without the song's group."""
    fold = folds(y, groups, FOLDS)
    logits = predict_unseen(Taught(x, y, groups, fold), x, fold, n_genres)
    return CrossValidation(logits, choose_penalty(x, y, groups, n_genres), _temperature(log_softmax(logits), y), fold)


def _temperature(log_p: Floats, y: Ints) -> float:
    """The temperature under which log-probabilities (n, k) of unseen songs are calibrated.

    Where every answer is right, any sharper one is likelier still, up to probabilities of 1 that no other song
    reaches. So there one song more counts, an ordinary one that is wrong: n right answers say (n + 1) / (n + 2), not 1
    (Laplace's rule of succession).
    """
    ranked = np.sort(log_p, axis=1)
    if (log_p.argmax(axis=1) == y).all():
        margins = ranked[:, -1] - ranked[:, -2]
        ordinary = int(np.argsort(margins)[len(margins) // 2])
        second = int(np.argsort(log_p[ordinary])[-2])
        log_p, y = np.vstack([log_p, log_p[ordinary]]), np.append(y, second)
    return metrics.fit_temperature(log_p, y)


class Taught(NamedTuple):
    """What a head is fitted to: embeddings (n, d), genre numbers (n,), groups and folds (n,)."""

    x: NDArray[np.floating]
    y: Ints
    groups: Sequence[str]
    fold: Ints


def predict_unseen(taught: Taught, x: NDArray[np.floating], fold: Ints, n_genres: int) -> Floats:
    """Logits (m, n_genres) of embeddings (m, d), each by a head that was fitted without the songs of its fold (m,)."""
    logits = np.empty((len(x), n_genres))
    for number in np.unique(fold):
        test, train = np.flatnonzero(fold == number), np.flatnonzero(taught.fold != number)
        inner = [taught.groups[int(i)] for i in train]
        penalty = choose_penalty(taught.x[train], taught.y[train], inner, n_genres)
        logits[test] = fit(taught.x[train], taught.y[train], n_genres, penalty).logits(x[test])
    return logits


def choose_penalty(x: NDArray[np.floating], y: Ints, groups: Sequence[str], n_genres: int) -> float:
    """The penalty whose heads are the likeliest on groups that they did not see, each genre weighing the same."""
    weights = 1 / np.bincount(y, minlength=n_genres)[y]
    losses = np.zeros(len(PENALTIES))
    for train, test in _parts(folds(y, groups, INNER_FOLDS)):
        for i, penalty in enumerate(PENALTIES):
            log_p = log_softmax(fit(x[train], y[train], n_genres, penalty).logits(x[test]))
            losses[i] -= (weights[test] * log_p[np.arange(len(test)), y[test]]).sum()
    return PENALTIES[int(losses.argmin())]


def _parts(fold: Ints) -> Iterator[tuple[Ints, Ints]]:
    for i in range(int(fold.max()) + 1):
        yield np.flatnonzero(fold != i), np.flatnonzero(fold == i)
