"""Hand-made features beside the network: do they know something that it does not? The paper's "future work"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zhanr import metrics
from zhanr.aggregate import aggregate, log_softmax
from zhanr.lab.datasets import splits
from zhanr.lab.datasets.store import FeatureStore
from zhanr.lab.datasets.table import Table
from zhanr.lab.studies.handmade import librosa_table
from zhanr.lab.studies.material import Material
from zhanr.lab.studies.runner import key_of, load, perform
from zhanr.lab.studies.study import Case, Scores, Study, TaskResult
from zhanr.lab.studies.training import Training, configure
from zhanr.lab.training.classical import CLASSIFIERS, fit, targets
from zhanr.lab.training.config import TrainConfig

Floats = NDArray[np.float64]

FOLDS = 3
CLASSIFIER = "logistic"
"""Of the hand-made features, and of both together: its probabilities are what it is trained for."""
WEIGHTS = tuple(np.round(np.linspace(0, 1, 21), 2).tolist())
"""What the network may weigh in the average; the hand-made features weigh the rest."""

NETWORK, HANDMADE, AVERAGE, TOGETHER = "network", "handmade", "average", "together"


@dataclass(frozen=True)
class Combination:
    """A network, a classifier on hand-made features, and both, scored on the same songs.

    What joins them is learnt from the training songs, and from what each part says of a song without having seen its
    artist: for that the network is trained again, once for each of `FOLDS` folds of the training part.
    """

    config: TrainConfig
    train: FeatureStore
    valid: FeatureStore
    table: Table
    seed: int

    @property
    def network(self) -> Training:
        """The training that other studies may have done already."""
        return Training(self.config, self.train, self.valid)

    @property
    def identity(self) -> Mapping[str, Any]:
        """Those of the network and of the features."""
        network = self.network.identity
        return {
            "task": "combination",
            "config": network["config"],
            "folds": FOLDS,
            "classifier": {CLASSIFIER: dict(CLASSIFIERS[CLASSIFIER].grid)},
            "seed": self.seed,
            "data": {**network["data"], "table": self.table.sha256()},
        }

    def run(self, at: Path) -> Scores:
        """Train what is not trained yet; whether each song is right is kept beside the scores, for each way."""
        learn, test = (self.table.subset(store.names.tolist()) for store in (self.train, self.valid))
        y, truth = targets(learn, learn.genres), targets(test, learn.genres)
        unseen, told = self._unseen(at.parent), self._answers(self.network, at.parent)
        temperature = metrics.fit_temperature(unseen, y)
        unseen, told = (log_softmax(log_p / temperature) for log_p in (unseen, told))
        by_hand = fit(CLASSIFIER, learn, seed=self.seed)
        weight = best_weight(unseen, by_hand.out_of_fold, y)
        stack = fit(CLASSIFIER, beside(learn, unseen), seed=self.seed)
        ways = {
            NETWORK: told,
            HANDMADE: by_hand.log_probabilities(test),
            AVERAGE: mix(told, by_hand.log_probabilities(test), weight),
            TOGETHER: stack.log_probabilities(beside(test, told)),
        }
        right = {way: log_p.argmax(axis=1) == truth for way, log_p in ways.items()}
        np.savez_compressed(at.with_suffix(".npz"), **right)
        scores: dict[str, float] = {"n": len(truth), "weight": weight}
        for way, log_p in ways.items():
            scores[f"{way}_accuracy"] = float(right[way].mean())
            scores[f"{way}_loss"] = metrics.negative_log_likelihood(log_p, truth)
            scores[f"{way}_gained"] = int((right[way] & ~right[NETWORK]).sum())
            scores[f"{way}_lost"] = int((~right[way] & right[NETWORK]).sum())
        return scores

    def _unseen(self, folder: Path) -> Floats:
        """What networks say of training songs whose artists they never saw: (n_train, k)."""
        names, labels = self.train.names.tolist(), self.train.labels.tolist()
        artists, contents = self.train.artist_of, self.train.contents()
        log_p = np.zeros((len(names), len(self.train.genres)))
        for fold in splits.kfold(names, labels, FOLDS, self.seed, artists, contents=contents):
            part = Training(self.config, self.train.subset(fold["train"]), self.train.subset(fold["test"]))
            log_p[[names.index(name) for name in fold["test"]]] = self._answers(part, folder)
        return log_p

    def _answers(self, task: Training, folder: Path) -> Floats:
        """The log-probabilities of the songs that a training scored, (n, k): of a stored one where there is one."""
        key = key_of(task)
        result = load(folder / f"{key}.json") or perform(key, task, folder)
        with np.load(result.at.with_suffix(".npz")) as stored:
            clips = np.split(stored["logits"], np.cumsum(stored["counts"])[:-1])
        songs = [aggregate(one, self.config.training.aggregation) for one in clips]
        return np.log(np.maximum(songs, metrics.SMALLEST_PROBABILITY))


def beside(table: Table, log_p: Floats) -> Table:
    """A table with what a network says of its tracks as further columns."""
    columns = tuple(f"network_{i}" for i in range(log_p.shape[1]))
    return table.beside(replace(table, x=log_p, columns=columns))


def mix(one: Floats, other: Floats, weight: float) -> Floats:
    """The weighted geometric mean of probabilities, given and returned as logarithms (n, k)."""
    return log_softmax(weight * one + (1 - weight) * other)


def best_weight(one: Floats, other: Floats, y: NDArray[np.int64]) -> float:
    """The weight of `one` that makes the songs' genres the likeliest."""
    losses = [metrics.negative_log_likelihood(mix(one, other, weight), y) for weight in WEIGHTS]
    return float(WEIGHTS[int(np.argmin(losses))])


def task(material: Material, seed: int) -> Combination:
    """The base network of the studies, and the widely used table of hand-made features."""
    return Combination(configure(material, seed), material.train, material.valid, librosa_table(material), seed)


def read(way: str, result: TaskResult) -> Scores:
    """One of the ways of a stored task."""
    scores = {"song_accuracy": result.scores[f"{way}_accuracy"], "n": result.scores["n"]}
    scores["song_loss"] = result.scores[f"{way}_loss"]
    if way != NETWORK:
        scores |= {"gained": result.scores[f"{way}_gained"], "lost": result.scores[f"{way}_lost"]}
    return scores | ({"weight": result.scores["weight"]} if way == AVERAGE else {})


def cases(material: Material) -> list[Case]:
    """Each part alone, and both together in two ways, all of one task."""
    names = {
        NETWORK: "the network alone",
        HANDMADE: "57 hand-made features alone",
        AVERAGE: "both: weighted mean of log-probabilities",
        TOGETHER: "both: one classifier on features and the network's answer",
    }
    return [Case(name, partial(task, material), read=partial(read, way)) for way, name in names.items()]


def compare(measured: Sequence[tuple[Case, Scores]], folder: Path) -> list[str]:
    """The gain over the network, with its interval, in words."""
    del folder
    paragraphs = []
    for name in dict.fromkeys(case.name for case, scores in measured if "gained" in scores):
        rows = [scores for case, scores in measured if case.name == name]
        n, gained, lost = (float(np.mean([row[key] for row in rows])) for key in ("n", "gained", "lost"))
        mean, low, high = (100 * value for value in paired_gain(gained, lost, n))
        paragraphs.append(
            f"{name[0].upper()}{name[1:]}, against the network alone: {mean:+.1f} points, 95 % interval {low:+.1f} to "
            f"{high:+.1f} ({gained:.1f} songs more right and {lost:.1f} no longer, of {n:.0f}, as means of the seeds)."
        )
    return paragraphs


def paired_gain(gained: float, lost: float, n: float) -> tuple[float, float, float]:
    """The difference of two accuracies on the same n songs with its 95 % interval, by the normal approximation.

    Only the songs on which they disagree count (Agresti & Min 2005, "Simple improved confidence intervals for comparing
    matched proportions", whose half a song more of each is here, too).
    """
    a, b, m = gained + 0.5, lost + 0.5, n + 2
    half = metrics.Z95 * float(np.sqrt(a + b - (a - b) ** 2 / m)) / m
    return (gained - lost) / n, (a - b) / m - half, (a - b) / m + half


COMBINATION = Study(
    name="combination",
    title="Hand-made features beside the network",
    question="Do hand-made features know something that the network does not? (The paper's future work.)",
    protocol="Fault-filtered split: learnt from its training part, scored on its validation part. Of the network the "
    "epoch was chosen on that part, too, so that its score is a little optimistic; the hand-made features and the way "
    "in which both are joined were chosen inside the training part alone, from what networks and classifiers say of "
    "songs of artists that they were not trained on.",
    cases=cases,
    columns=("song_loss", "gained", "lost", "weight"),
    notes=(
        "gained: songs right that the network alone has wrong; lost: the other way round; weight: the network's, the "
        "hand-made features have the rest.",
        "A network's answers for its own training songs would show it far too good to need help. So it was trained on "
        f"{FOLDS} times two thirds of the training part, and what joins the parts learns from the remaining thirds.",
    ),
    extra=compare,
)
