"""A linear classifier on embeddings: multinomial logistic regression, and what it is worth on artists it never saw.

A model's song probabilities are the softmax of the mean of its windows' log-probabilities. Each window's normalisation
is one number for all genres and falls out of that softmax, so with logits that are linear in the embedding, the answer
for a song is exactly that for the mean of its windows' embeddings, which is what a library keeps. So the head is
trained on what it is applied to, and no audio is needed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from zhanr import metrics
from zhanr.aggregate import log_softmax
from zhanr.errors import ConfigError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)
FOLDS, INNER_FOLDS = 5, 3
STEPS = 100


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
    """Logits (n, k) for every song by a head that saw none of its group; `penalty` is the choice for all songs."""

    logits: Floats
    penalty: float
    temperature: float

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
    inputs, targets = torch.from_numpy((x - mean) / deviation), torch.from_numpy(y)
    counts = np.bincount(y, minlength=n_genres)
    balance = torch.from_numpy(len(y) / (np.count_nonzero(counts) * np.maximum(counts, 1.0)))
    weights = torch.zeros(n_genres, x.shape[1], dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(n_genres, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([weights, bias], max_iter=STEPS, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        logits = torch.nn.functional.linear(inputs, weights, bias)
        loss = torch.nn.functional.cross_entropy(logits, targets, weight=balance)
        loss = loss + 0.5 * penalty * (weights.square().sum() + 0.01 * bias.square().sum())
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    with _one_thread():
        optimizer.step(closure)  # type: ignore[no-untyped-call]
    scaled = weights.detach().numpy() / deviation
    return Head(scaled, bias.detach().numpy() - scaled @ mean)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Matrices this small are slower in several threads: 60 times on a machine that is busy."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def folds(y: Ints, groups: Sequence[str], n_folds: int) -> Ints:
    """The fold of each song, (n,): a group is never divided, and each fold gets its share of each genre if it can.

    Groups are dealt out from the largest to the smallest, each to where its genres are most missing.
    """
    names, number = np.unique(np.asarray(groups), return_inverse=True)
    table = np.zeros((len(names), int(y.max()) + 1))
    np.add.at(table, (number, y), 1)
    if len(names) < n_folds:
        raise ConfigError(f"an honest test needs songs of {n_folds} artists or albums at least, there are {len(names)}")
    share = np.maximum(table.sum(axis=0) / n_folds, 1e-9)
    filled = np.zeros((n_folds, table.shape[1]))
    fold_of = np.empty(len(names), np.int64)
    for group in np.lexsort((np.arange(len(names)), -table.sum(axis=1))):
        cost = (((filled + table[group]) / share) ** 2 - (filled / share) ** 2).sum(axis=1)
        fold_of[group] = np.lexsort((filled.sum(axis=1), np.round(cost, 9)))[0]
        filled[fold_of[group]] += table[group]
    return np.asarray(fold_of[number], np.int64)


def cross_validate(x: NDArray[np.floating], y: Ints, groups: Sequence[str], n_genres: int) -> CrossValidation:
    """Answer for every song with a head that was fitted, and its penalty chosen, without the song's group."""
    logits = np.empty((len(y), n_genres))
    for train, test in _parts(folds(y, groups, FOLDS)):
        inner = [groups[i] for i in train]
        head = fit(x[train], y[train], n_genres, choose_penalty(x[train], y[train], inner, n_genres))
        logits[test] = head.logits(x[test])
    temperature = metrics.fit_temperature(log_softmax(logits), y)
    return CrossValidation(logits, choose_penalty(x, y, groups, n_genres), temperature)


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
