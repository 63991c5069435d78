"""Ask a classifier about labelled music and count: a feature store, or a data set of audio files.

The answers come from the classifier's own `predict_features` and `predict_many`, so that what is measured here is what
a user gets.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from zhanr import metrics
from zhanr.bundle import STORE_MODEL
from zhanr.config import FeatureConfig
from zhanr.errors import ConfigError, DatasetError, FileError
from zhanr.lab.datasets import Dataset
from zhanr.lab.datasets.store import HASH_DIGITS, TRACKS, FeatureStore

if TYPE_CHECKING:
    from zhanr.card import Card
    from zhanr.classifier import Prediction

COVERAGES = (0.5, 0.7, 0.9)
"""The shares of the surest songs for which selective accuracy is reported."""

Progress = Callable[[int, int], None]
"""Called as progress(done, total) after each song."""


class Predictor(Protocol):
    """What is asked of a classifier here; `zhanr.Classifier` is one."""

    @property
    def labels(self) -> tuple[str, ...]:
        """The genres, in a fixed order."""

    @property
    def card(self) -> Card:
        """For its name and its feature settings."""

    def predict_features(self, picture: NDArray[Any], *, name: str = ...) -> Prediction:
        """One excerpt of a feature store, (n_bins, n_frames)."""

    def predict_many(self, sources: Iterable[Path], *, jobs: int = ...) -> Iterator[Prediction | FileError]:
        """Many files, in their order; a file that can't be read gives its error instead."""


@dataclass(frozen=True)
class Report:
    """The scores of one classifier on one target.

    n songs were scored. Accuracy takes the likeliest genre of each, also where the classifier says "not sure";
    `answered` is the share of songs where it doesn't, and `answered_accuracy` how often it is right there (None if it
    never answers). `failed` are the files that could not be read and `unknown_genres` counts the songs of genres that
    the model lacks: neither is in n. The arrays have one row per scored song and are not part of the JSON.
    """

    model: str
    target: str
    genres: tuple[str, ...]
    labels: Mapping[str, str]
    failed: tuple[FileError, ...]
    unknown_genres: Mapping[str, int]
    names: tuple[str, ...] = field(repr=False)
    truth: metrics.Ints = field(repr=False)
    probabilities: metrics.Floats = field(repr=False)
    sure: NDArray[np.bool_] = field(repr=False)
    trained_on: int | None = None
    """How many of the songs the model was trained on, where its card tells and the target is a store."""

    @property
    def n(self) -> int:
        """The number of songs scored."""
        return len(self.truth)

    @property
    def confidence(self) -> metrics.Floats:
        """The probability of the likeliest genre of each song, (n,)."""
        return np.asarray(self.probabilities.max(axis=1))

    @property
    def correct(self) -> NDArray[np.bool_]:
        """Whether the likeliest genre is the true one, (n,)."""
        return np.asarray(self.probabilities.argmax(axis=1) == self.truth)

    @property
    def accuracy(self) -> float:
        """The share of songs whose likeliest genre is the true one."""
        return float(self.correct.mean())

    @property
    def confusion(self) -> metrics.Ints:
        """Counts (n_genres, n_genres): rows are true genres, columns predicted ones."""
        return metrics.confusion_matrix(self.truth, self.probabilities.argmax(axis=1), len(self.genres))

    def to_dict(self) -> dict[str, Any]:
        """Every score, in plain JSON types; numbers are rounded to six decimals."""
        scores = metrics.genre_scores(self.confusion)
        with np.errstate(divide="ignore"):
            logs = np.log(self.probabilities)
        answers = {
            "model": self.model,
            "target": self.target,
            "n": self.n,
            "trained_on": self.trained_on,
            "accuracy": self.accuracy,
            "ci95": list(metrics.wilson_interval(int(self.correct.sum()), self.n)),
            "macro_f1": metrics.macro_f1(self.confusion),
            "ece": metrics.expected_calibration_error(self.confidence, self.correct),
            "nll": metrics.negative_log_likelihood(logs, self.truth),
            "brier": metrics.brier(self.probabilities, self.truth),
            "selective": {
                f"{100 * c:.0f}": metrics.selective_accuracy(self.confidence, self.correct, c) for c in COVERAGES
            },
            "answered": float(self.sure.mean()),
            "answered_accuracy": float(self.correct[self.sure].mean()) if self.sure.any() else None,
            "per_genre": {g: dataclasses.asdict(s) for g, s in zip(self.genres, scores, strict=True)},
            "confusion": {"labels": list(self.genres), "matrix": self.confusion.tolist()},
            "failed": [{"path": error.path, "reason": error.reason} for error in self.failed],
            "unknown_genres": dict(self.unknown_genres),
            "labels": dict(self.labels),
        }
        return {key: _rounded(value) for key, value in answers.items()}


def parse_labels(text: str) -> dict[str, str]:
    """Read the command line's `theirs=ours,theirs=ours` into a mapping. Raises `ConfigError` where it is not that."""
    mapping: dict[str, str] = {}
    for part in filter(None, (p.strip() for p in text.split(","))):
        theirs, equals, ours = (p.strip() for p in part.partition("="))
        if not (theirs and equals and ours) or "=" in ours:
            raise ConfigError(f"labels: expected pairs such as hip-hop=hiphop, separated by commas, got {part!r}")
        if mapping.setdefault(theirs, ours) != ours:
            raise ConfigError(f"labels: {theirs} is given twice, as {mapping[theirs]} and as {ours}")
    return mapping


def evaluate(
    target: FeatureStore | Dataset,
    classifier: Predictor,
    *,
    labels: Mapping[str, str] | None = None,
    progress: Progress | None = None,
    jobs: int = 1,
) -> Report:
    """Score a classifier on labelled music.

    Parameters
    ----------
    target : a store, or a data set of audio files, of which `jobs` are read at once.
    labels : the target's genre names to the model's, for those that differ by more than upper and lower case.

    Raises
    ------
    ConfigError
        `labels` leads to a genre that the model does not have.
    DatasetError
        The store was made with other settings than the model wants, or nothing is left to score.

    """
    mapping = dict(labels or {})
    genre_of = _translator(classifier.labels, mapping)
    tell = progress or _silent
    if isinstance(target, FeatureStore):
        songs = _of_store(target, classifier, genre_of, tell)
    else:
        songs = _of_files(target, classifier, genre_of, tell, jobs)
    where = _name(target)
    if not songs.truth:
        raise DatasetError(where, _why_nothing(songs))
    return Report(
        model=classifier.card.name,
        target=where,
        genres=classifier.labels,
        labels=mapping,
        failed=tuple(songs.failed),
        unknown_genres=dict(sorted(songs.unknown.items())),
        names=tuple(songs.names),
        truth=np.array(songs.truth, dtype=np.int64),
        probabilities=np.array(songs.rows, dtype=np.float64),
        sure=np.array(songs.sure, dtype=np.bool_),
        trained_on=trained_on(target, classifier.card, songs.names) if isinstance(target, FeatureStore) else None,
    )


def trained_on(store: FeatureStore, card: Card, names: Sequence[str]) -> int:
    """How many of these songs of a store the model of a card was trained on: by its tracks, or by its whole stores."""
    if tracks := _values(card.training, TRACKS):
        known = {hash_ for listed in tracks for hash_ in listed}
        contents = store.contents()
        return sum(contents[name][:HASH_DIGITS] in known for name in names)
    return len(names) if store.sha256() in _values(card.training, "sha256") else 0


def _values(tree: Any, key: str) -> list[Any]:
    """All values of a key, however deep."""
    if isinstance(tree, dict):
        return [v for k, v in tree.items() if k == key] + [v for inner in tree.values() for v in _values(inner, key)]
    return [v for inner in tree for v in _values(inner, key)] if isinstance(tree, list | tuple) else []


@dataclass
class _Songs:
    """What was heard so far."""

    names: list[str] = field(default_factory=list)
    truth: list[int] = field(default_factory=list)
    rows: list[metrics.Floats] = field(default_factory=list)
    sure: list[bool] = field(default_factory=list)
    failed: list[FileError] = field(default_factory=list)
    unknown: Counter[str] = field(default_factory=Counter)

    def add(self, name: str, genre: int, probabilities: metrics.Floats, sure: bool) -> None:
        self.names.append(name)
        self.truth.append(genre)
        self.rows.append(probabilities)
        self.sure.append(sure)


def _of_store(
    store: FeatureStore, classifier: Predictor, genre_of: Callable[[str], int | None], tell: Progress
) -> _Songs:
    _check_features(store, classifier.card.features)
    songs = _Songs()
    for i, (name, label) in enumerate(zip(store.names.tolist(), store.labels.tolist(), strict=True)):
        if (genre := genre_of(label)) is None:
            songs.unknown[label] += 1
        else:
            answer = classifier.predict_features(store.picture(i), name=name)
            songs.add(name, genre, _row(answer, classifier.labels), answer.genre is not None)
        tell(i + 1, len(store.names))
    return songs


def _of_files(
    dataset: Dataset, classifier: Predictor, genre_of: Callable[[str], int | None], tell: Progress, jobs: int
) -> _Songs:
    songs = _Songs(failed=list(dataset.problems))
    known = []
    for track in dataset.tracks:
        if (genre := genre_of(track.genre)) is None:
            songs.unknown[track.genre] += 1
        else:
            known.append((track, genre))
    answers = classifier.predict_many([track.path for track, _ in known], jobs=jobs)
    for done, ((track, genre), answer) in enumerate(zip(known, answers, strict=True), start=1):
        if isinstance(answer, FileError):
            songs.failed.append(answer)
        else:
            songs.add(track.name, genre, _row(answer, classifier.labels), answer.genre is not None)
        tell(done, len(known))
    return songs


def _translator(genres: tuple[str, ...], mapping: Mapping[str, str]) -> Callable[[str], int | None]:
    """A function from the target's genre name to the number of ours, None where the model lacks it."""
    if missing := sorted(set(mapping.values()) - set(genres)):
        raise ConfigError(f"labels: the model has no genre {', '.join(missing)} (it has {', '.join(genres)})")
    number = {genre: i for i, genre in enumerate(genres)}
    folded = {genre.casefold(): i for genre, i in number.items()}

    def genre_of(name: str) -> int | None:
        ours = mapping.get(name, name)
        return number.get(ours, folded.get(ours.casefold()))

    return genre_of


def _check_features(store: FeatureStore, wanted: FeatureConfig) -> None:
    # The two scales are the same where an excerpt reaches its floor; the published stores have the more fragile one.
    if store.features == wanted or dataclasses.replace(store.features, scale=wanted.scale) == wanted:
        return
    different = [
        f"{f.name} is {getattr(store.features, f.name)} and not {getattr(wanted, f.name)}"
        for f in dataclasses.fields(FeatureConfig)
        if f.compare and getattr(store.features, f.name) != getattr(wanted, f.name)
    ]
    hint = (
        f"; `--model {STORE_MODEL}` reads it"
        if dataclasses.replace(store.features, scale="minmax") == FeatureConfig()
        else ""
    )
    raise DatasetError(_name(store), f"it was made with other settings than the model's: {', '.join(different)}{hint}")


def _silent(done: int, total: int) -> None:
    del done, total


def _row(answer: Prediction, genres: tuple[str, ...]) -> metrics.Floats:
    return np.array([answer.probabilities[g] for g in genres], dtype=np.float64)


def _name(target: FeatureStore | Dataset) -> str:
    return target.name if isinstance(target, Dataset) else str(target.path or "feature store")


def _why_nothing(songs: _Songs) -> str:
    if not songs.unknown and not songs.failed:
        return "it holds no songs"
    reasons = []
    if songs.unknown:
        reasons.append(f"the model knows none of its genres ({', '.join(sorted(songs.unknown))})")
    if songs.failed:
        reasons.append(f"{len(songs.failed)} files can't be read (the first: {songs.failed[0]})")
    return f"nothing is left to score: {' and '.join(reasons)}"


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 6)
    if isinstance(value, dict):
        return {key: _rounded(v) for key, v in value.items()}
    return [_rounded(v) for v in value] if isinstance(value, list) else value
