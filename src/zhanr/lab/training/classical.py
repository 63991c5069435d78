"""Classifiers on tables of hand-made features: a scaler and an SVM, k-NN, boosted trees or logistic regression.

The only home of scikit-learn, which is loaded when a classifier is made: a study of networks needs none of it. Settings
are chosen by cross-validation inside the training part, in which all songs of an artist are in one fold; what a
classifier is scored on is never seen before.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from zhanr import metrics
from zhanr.aggregate import log_softmax
from zhanr.errors import ConfigError, DatasetError
from zhanr.lab.datasets import splits
from zhanr.lab.datasets.table import Table

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

Floats = NDArray[np.float64]

FOLDS = 5
_SURELY_NOT = 0.01
"""The least probability that k-NN gives: that none of a few neighbours has a genre does not make it impossible."""


@dataclass(frozen=True)
class Kind:
    """A family of classifiers: how one is made from a seed and its settings, and the values that these may take."""

    title: str
    make: Callable[..., Any]
    grid: Mapping[str, Sequence[Any]] = field(default_factory=dict)

    def settings(self) -> list[dict[str, Any]]:
        """Every combination of the values."""
        return [dict(zip(self.grid, values, strict=True)) for values in itertools.product(*self.grid.values())]

    def pipeline(self, seed: int, settings: Mapping[str, Any]) -> Pipeline:
        """A scaler and a new classifier."""
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        return make_pipeline(StandardScaler(), self.make(seed, **settings))


def _svm(_seed: int, **settings: Any) -> Any:
    from sklearn.svm import SVC

    return SVC(kernel="rbf", **settings)


def _knn(_seed: int, **settings: Any) -> Any:
    from sklearn.neighbors import KNeighborsClassifier

    return KNeighborsClassifier(weights="distance", **settings)


def _boosting(seed: int, **settings: Any) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(random_state=seed, max_leaf_nodes=8, min_samples_leaf=10, **settings)


def _logistic(_seed: int, **settings: Any) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(max_iter=2000, **settings)


def _guess(seed: int) -> Any:
    from sklearn.dummy import DummyClassifier

    return DummyClassifier(strategy="stratified", random_state=seed)


CLASSIFIERS = {
    "svm": Kind("SVM", _svm, {"C": (1, 4, 16), "gamma": ("scale", 0.005, 0.05)}),
    "knn": Kind("k-NN", _knn, {"n_neighbors": (1, 3, 5, 9, 15, 25)}),
    "boosting": Kind("gradient boosting", _boosting, {"max_iter": (30, 60)}),
    "logistic": Kind("logistic regression", _logistic, {"C": (0.001, 0.01, 0.1, 1.0)}),
    "guess": Kind("a random guess", _guess),
}
"""By name; a new one is an entry here. The SVM's kernel is the Gaussian one; a guess knows how frequent genres are."""


@dataclass(frozen=True, eq=False)
class Fitted:
    """A trained classifier of `labels`; `out_of_fold` (n, k) is what it would say of its training songs unseen.

    `settings` are those that were chosen. Scores become probabilities by one temperature (Guo et al. 2017), fitted
    on `out_of_fold`.
    """

    labels: tuple[str, ...]
    settings: Mapping[str, Any]
    columns: tuple[str, ...]
    temperature: float
    out_of_fold: Floats
    _model: Pipeline

    def log_probabilities(self, table: Table) -> Floats:
        """Of each track and genre, (n, k)."""
        with threadpool_limits(1):  # matrices this small are slower in several threads
            raw = _scores(self._model, table.select(self.columns).x, len(self.labels))
        return log_softmax(raw / self.temperature)


def fit(name: str, table: Table, *, seed: int = 0) -> Fitted:
    """Train the classifier `name` of `CLASSIFIERS`, with the settings that are right most often on unseen artists.

    Of equally good settings the likelier wins. `seed` deals the folds, and is that of boosting. `ConfigError` for an
    unknown name, `DatasetError` where there are too few artists for the folds.
    """
    if name not in CLASSIFIERS:
        raise ConfigError(f"no classifier is called {name!r} (there are: {', '.join(CLASSIFIERS)})")
    kind = CLASSIFIERS[name]
    y = targets(table, table.genres)
    folds = _folds(table, seed)
    best: tuple[float, float] | None = None
    with threadpool_limits(1):
        for settings in kind.settings():
            raw = np.zeros((len(table), len(table.genres)))
            for train, test in folds:
                model = kind.pipeline(seed, settings).fit(table.x[train], y[train])
                raw[test] = _scores(model, table.x[test], len(table.genres))
            temperature = metrics.fit_temperature(raw, y)
            log_p = log_softmax(raw / temperature)
            merit = (metrics.accuracy(y, log_p.argmax(axis=1)), -metrics.negative_log_likelihood(log_p, y))
            if best is None or merit > best:
                best, chosen = merit, (settings, temperature, log_p)
        settings, temperature, log_p = chosen
        model = kind.pipeline(seed, settings).fit(table.x, y)
    return Fitted(table.genres, settings, table.columns, temperature, log_p, model)


@dataclass(frozen=True, eq=False)
class Unseen:
    """How the songs that were scored fared: whether each was `right` (n,), its `loss` in nats (n,); `learnt` from."""

    right: NDArray[np.bool_]
    loss: Floats
    learnt: int
    fitted: Fitted
    """The classifier, of several folds the last."""


PROTOCOLS = {
    "fault_filtered": "GTZAN's fault-filtered split: learnt from its training part, scored on its validation part",
    "artists": f"{FOLDS} folds, all songs of an artist in one: each fold scored by what learnt from the others",
    "random": f"{FOLDS} folds at random, as in most of the literature: songs of one artist are on both sides",
}
"""The ways in which `answers` divides a table."""


def divide(table: Table, protocol: str, seed: int) -> list[tuple[Table, Table]]:
    """The training and the test part of each fold; `ConfigError` for an unknown protocol."""
    if protocol not in PROTOCOLS:
        raise ConfigError(f"no protocol is called {protocol!r} (there are: {', '.join(PROTOCOLS)})")
    if protocol == "fault_filtered":
        parts = splits.fault_filtered(table.names)
        if missing := {"train", "valid"} - set(parts):
            raise DatasetError(table.path or "table", f"it has no tracks of the part {', '.join(sorted(missing))}")
        return [(table.subset(parts["train"]), table.subset(parts["valid"]))]
    if protocol == "artists":
        splits.check_artists_known(str(table.path or "table"), table.names, table.artists)
    artists = table.artists if protocol == "artists" else None
    folds = splits.kfold(table.names, table.labels, FOLDS, seed, artists)
    return [(table.subset(fold["train"]), table.subset(fold["test"])) for fold in folds]


def predict_unseen(name: str, table: Table, protocol: str, *, seed: int = 0) -> Unseen:
    """Train and score the classifier `name` on a table divided by a protocol."""
    right, loss, learnt = [], [], []
    for train, test in divide(table, protocol, seed):
        fitted = fit(name, train, seed=seed)
        log_p, y = fitted.log_probabilities(test), targets(test, fitted.labels)
        right.append(log_p.argmax(axis=1) == y)
        loss.append(-log_p[np.arange(len(y)), y])
        learnt.append(len(train))
    return Unseen(np.concatenate(right), np.concatenate(loss), round(np.mean(learnt)), fitted)


def targets(table: Table, labels: Sequence[str]) -> NDArray[np.int64]:
    """The genre of each track as its place in `labels`, (n,)."""
    if unknown := sorted(set(table.genres) - set(labels)):
        raise DatasetError(table.path or "table", f"it has genres to be told that none was learnt of: {unknown}")
    return np.array([labels.index(label) for label in table.labels], np.int64)


def _folds(table: Table, seed: int) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """The rows of the training and the test part of each fold."""
    row = {name: i for i, name in enumerate(table.names)}
    dealt = splits.kfold(table.names, table.labels, FOLDS, seed, table.artists)
    return [tuple(np.array([row[n] for n in fold[part]]) for part in ("train", "test")) for fold in dealt]  # type: ignore[misc]


def _scores(model: Pipeline, x: Floats, n_genres: int) -> Floats:
    """Logits, distances or log-probabilities (n, k), what the model has; a genre it never saw is the least likely."""
    if hasattr(model, "decision_function"):
        raw = np.asarray(model.decision_function(x))
        raw = np.stack([-raw, raw], axis=1) if raw.ndim == 1 else raw
    else:
        raw = np.log(np.maximum(model.predict_proba(x), _SURELY_NOT))
    scores = np.full((len(x), n_genres), raw.min(initial=0.0) - 1)
    scores[:, model.classes_] = raw
    return scores
