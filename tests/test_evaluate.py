"""The evaluation of a classifier, with one whose answers are written into what it is asked."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from zhanr.bundle import load_bundle
from zhanr.card import Card
from zhanr.classifier import Classifier, Prediction
from zhanr.config import FeatureConfig, WindowConfig
from zhanr.errors import AudioError, ConfigError, DatasetError
from zhanr.lab.datasets import Dataset, FeatureStore, Track
from zhanr.lab.evaluation.evaluate import Predictor, Report, evaluate, parse_labels, trained_on

GENRES = ("blues", "jazz", "rock")
KEYS = {
    *("model", "target", "n", "trained_on", "accuracy", "ci95", "macro_f1", "ece", "nll", "brier", "selective"),
    *("answered", "answered_accuracy", "per_genre", "confusion", "failed", "unknown_genres", "labels"),
}


class FakeClassifier:
    """Reads the probabilities off the picture's first bins, or off a table by file name; sure from 0.5 on."""

    def __init__(self, by_name: dict[str, list[float]] | None = None) -> None:
        self.by_name = by_name or {}
        self.widths: list[int] = []
        self.jobs: list[int] = []

    @property
    def labels(self) -> tuple[str, ...]:
        return GENRES

    @property
    def card(self) -> Card:
        return Card("fake", GENRES, FeatureConfig(), WindowConfig(), embedding_size=2, licence="none")

    def predict_features(self, picture: NDArray[Any], *, name: str = "<features>") -> Prediction:
        self.widths.append(picture.shape[1])
        return self._answer(name, picture[:3, 0])

    def predict_many(self, sources: Iterable[Path], *, jobs: int = 1) -> Iterator[Prediction | AudioError]:
        self.jobs.append(jobs)
        for path in sources:
            p = self.by_name.get(path.name)
            yield self._answer(str(path), np.array(p)) if p else AudioError(path, "it holds no music")

    def _answer(self, path: str, p: NDArray[Any]) -> Prediction:
        named = dict(sorted(zip(GENRES, p.tolist(), strict=True), key=lambda item: -item[1]))
        genre, confidence = next(iter(named.items()))
        return Prediction(
            path, genre if confidence >= 0.5 else None, confidence, named, (), np.zeros(2, np.float32), 30
        )


def a_real_classifier_will_do(classifier: Classifier) -> Predictor:
    return classifier  # held by mypy


def store(rows: list[tuple[str, list[float]]], *, n_frames: list[int] | None = None, **features: Any) -> FeatureStore:
    """A store of (genre, the answer it will get)."""
    x = np.zeros((len(rows), 128, 4), np.uint8)
    for i, (_, p) in enumerate(rows):
        x[i, :3, :] = np.rint(np.array(p) * 255).astype(np.uint8)[:, None]
    return FeatureStore(
        x=x,
        names=np.array([f"song{i}" for i in range(len(rows))]),
        labels=np.array([genre for genre, _ in rows]),
        features=FeatureConfig(**features),
        n_frames=np.array(n_frames or [4] * len(rows), np.int64),
    )


def data_set(*songs: tuple[str, str], problems: tuple[DatasetError, ...] = ()) -> Dataset:
    return Dataset("songs", tuple(Track(Path(f).stem, Path("/music") / f, g) for f, g in songs), problems)


FOUR = [
    ("blues", [0.8, 0.2, 0.0]),  # right and sure
    ("jazz", [0.0, 0.4, 0.6]),  # wrong and sure
    ("rock", [0.4, 0.2, 0.4]),  # a tie: the first genre wins, so wrong; not sure
    ("rock", [0.2, 0.4, 0.4]),  # likewise
]


def test_a_store_is_scored_as_by_hand() -> None:
    answer = evaluate(store(FOUR), FakeClassifier()).to_dict()
    assert set(answer) == KEYS
    assert (answer["n"], answer["accuracy"], answer["model"]) == (4, 0.25, "fake")
    assert answer["confusion"] == {"labels": list(GENRES), "matrix": [[1, 0, 0], [0, 0, 1], [1, 1, 0]]}
    assert answer["per_genre"]["blues"] == {"precision": 0.5, "recall": 1.0, "f1": 0.666667, "support": 1}
    assert answer["macro_f1"] == pytest.approx(2 / 9, abs=1e-6)
    assert answer["ci95"] == pytest.approx([0.045587, 0.699358], abs=1e-6)  # Wilson 1927 for 1 of 4
    assert answer["selective"] == {"50": 0.5, "70": pytest.approx(1 / 3, abs=1e-6), "90": 0.25}
    assert answer["brier"] == pytest.approx((0.08 + 0.72 + 0.56 + 0.56) / 4, abs=1e-6)
    assert (answer["failed"], answer["unknown_genres"], answer["labels"]) == ([], {}, {})


def test_not_sure_counts_by_its_likeliest_genre_and_is_reported_apart() -> None:
    unsure_but_right = ("jazz", [0.3, 0.4, 0.3])
    answer = evaluate(store([*FOUR, unsure_but_right]), FakeClassifier()).to_dict()
    assert answer["accuracy"] == 0.4
    assert answer["answered"] == 0.4  # two of five
    assert answer["answered_accuracy"] == 0.5  # the first right, the second wrong


def test_never_answering_has_no_answered_accuracy() -> None:
    answer = evaluate(store([("jazz", [0.3, 0.4, 0.3])]), FakeClassifier()).to_dict()
    assert (answer["answered"], answer["answered_accuracy"], answer["accuracy"]) == (0.0, None, 1.0)


def test_the_report_is_plain_json_even_with_certain_errors() -> None:
    report = evaluate(store([("jazz", [1.0, 0.0, 0.0])]), FakeClassifier())
    assert json.loads(json.dumps(report.to_dict(), allow_nan=False)) == report.to_dict()
    assert report.to_dict()["nll"] == pytest.approx(-np.log(1e-12), abs=1e-5)


def test_padding_is_not_heard() -> None:
    classifier = FakeClassifier()
    evaluate(store(FOUR, n_frames=[4, 2, 3, 1]), classifier)
    assert classifier.widths == [4, 2, 3, 1]


def test_other_feature_settings_are_named() -> None:
    with pytest.raises(DatasetError) as caught:
        evaluate(store(FOUR, hop_length=512, mel_scale="htk"), FakeClassifier())
    assert "hop_length is 512 and not 1709, mel_scale is htk and not slaney" in caught.value.reason
    assert "n_fft" not in caught.value.reason


def test_the_note_of_the_settings_is_not_compared() -> None:
    assert evaluate(store(FOUR, note="hop is nominal"), FakeClassifier()).n == 4


def test_foreign_labels_and_genres_that_the_model_lacks() -> None:
    rows = [("Trad Jazz", [0.1, 0.8, 0.1]), ("ROCK", [0.0, 0.0, 1.0]), ("ragtime", [1.0, 0.0, 0.0])]
    rows += [("ragtime", [1.0, 0.0, 0.0]), ("polka", [1.0, 0.0, 0.0])]
    answer = evaluate(store(rows), FakeClassifier(), labels={"Trad Jazz": "jazz", "absent": "rock"}).to_dict()
    assert (answer["n"], answer["accuracy"]) == (2, 1.0)
    assert answer["unknown_genres"] == {"polka": 1, "ragtime": 2}
    assert answer["labels"] == {"Trad Jazz": "jazz", "absent": "rock"}
    assert answer["macro_f1"] == 1.0  # over the two genres there are


def test_a_mapping_may_rename_a_genre_of_ours() -> None:
    assert evaluate(store([("rock", [1.0, 0.0, 0.0])]), FakeClassifier(), labels={"rock": "blues"}).accuracy == 1.0


def test_a_mapping_to_a_genre_that_the_model_lacks_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"no genre jaz .*blues, jazz, rock"):
        evaluate(store(FOUR), FakeClassifier(), labels={"Trad": "jaz"})


def test_files_that_fail_are_listed_and_left_out() -> None:
    classifier = FakeClassifier({"a.mp3": [1.0, 0.0, 0.0], "c.mp3": [0.0, 0.0, 1.0]})
    problems = (DatasetError("/music/d.mp3", "there is no such file"),)
    songs = data_set(("a.mp3", "blues"), ("b.mp3", "blues"), ("r.mp3", "ragtime"), ("c.mp3", "rock"), problems=problems)
    seen: list[tuple[int, int]] = []
    report = evaluate(songs, classifier, jobs=2, progress=lambda done, total: seen.append((done, total)))
    answer = report.to_dict()
    assert (answer["n"], answer["accuracy"], answer["target"]) == (2, 1.0, "songs")
    assert answer["failed"] == [
        {"path": "/music/d.mp3", "reason": "there is no such file"},
        {"path": "/music/b.mp3", "reason": "it holds no music"},
    ]
    assert answer["unknown_genres"] == {"ragtime": 1}
    assert report.names == ("a", "c")
    assert classifier.jobs == [2]
    assert seen == [(1, 3), (2, 3), (3, 3)]  # the ragtime is not even opened


def test_progress_over_a_store_reaches_its_end() -> None:
    seen: list[tuple[int, int]] = []
    evaluate(store(FOUR), FakeClassifier(), progress=lambda done, total: seen.append((done, total)))
    assert seen == [(i, 4) for i in range(1, 5)]


def test_nothing_to_score_is_a_clear_error() -> None:
    with pytest.raises(DatasetError, match=r"knows none of its genres \(polka, ragtime\)"):
        evaluate(store([("ragtime", FOUR[0][1]), ("polka", FOUR[0][1])]), FakeClassifier())
    with pytest.raises(DatasetError, match=r"2 files can't be read \(the first: /music/a.mp3: it holds no music"):
        evaluate(data_set(("a.mp3", "rock"), ("b.mp3", "jazz")), FakeClassifier())
    with pytest.raises(DatasetError, match="songs: it holds no songs"):
        evaluate(data_set(), FakeClassifier())


def test_the_order_of_songs_does_not_matter() -> None:
    def scores(report: Report) -> dict[str, Any]:
        return report.to_dict()

    assert scores(evaluate(store(FOUR), FakeClassifier())) == scores(evaluate(store(FOUR[::-1]), FakeClassifier()))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("hip-hop=hiphop", {"hip-hop": "hiphop"}),
        (" R&B = blues , Drum and Bass=disco,", {"R&B": "blues", "Drum and Bass": "disco"}),
        ("џез=jazz,џез=jazz", {"џез": "jazz"}),
    ],
)
def test_parse_labels(text: str, expected: dict[str, str]) -> None:
    assert parse_labels(text) == expected


@pytest.mark.parametrize("text", ["jazz", "a=", "=b", "a=b=c", "a=b,c", "a=b,a=c"])
def test_parse_labels_refuses_what_is_not_pairs(text: str) -> None:
    with pytest.raises(ConfigError, match="labels: "):
        parse_labels(text)


def test_songs_that_a_model_was_trained_on_are_counted() -> None:
    known, new = store(FOUR[:2]), store(FOUR)
    card = load_bundle().card
    by_store = dataclasses.replace(card, training={"data": {"train": {"sha256": known.sha256()}}})
    assert trained_on(known, by_store, known.names.tolist()) == 2
    assert trained_on(new, by_store, new.names.tolist()) == 0
    by_track = dataclasses.replace(card, training={"data": {"train": {"tracks": known.tracks()}}})
    assert trained_on(new, by_track, new.names.tolist()) == 2
