"""How good the heads are on songs that they did not see, and which thresholds that allows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from research.encoder.embed import SOUND, STORE
from research.encoder.logistic import softmax
from research.encoder.music import LABELLED
from research.encoder.songs import LABELS, Songs
from zhanr.calibration import PRECISIONS
from zhanr.card import OperatingPoint

Array = NDArray[Any]
Mask = NDArray[np.bool_]
KNOWN = 0.97  # of the songs of a known genre pass the gate
TEMPERATURES = np.linspace(0.3, 2.0, 60)
CONFIDENCES = np.linspace(0.3, 0.995, 140)
SLACK = 0.03  # the worst collection may be so much below the mean that was promised
UNSEEN_SLACK = 0.10  # and one that was left out of the fit so much
FEWEST = 8  # answers by which a collection is judged


class Answers(NamedTuple):
    """Of each song the mean log-probability (n, 11) and the novelty (n,); zeros where it was not asked."""

    log_probability: Array
    novelty: Array

    @classmethod
    def none(cls, n: int, n_genres: int) -> Self:
        """Nothing asked yet."""
        return cls(np.zeros((n, n_genres)), np.zeros(n))

    def __add__(self, other: object) -> Answers:
        """Both, where each song was asked once."""
        assert isinstance(other, Answers)
        return Answers(self.log_probability + other.log_probability, self.novelty + other.novelty)

    @property
    def asked(self) -> Mask:
        """Which songs were asked, (n,)."""
        return np.asarray(self.log_probability.any(axis=1))


class Outcome(NamedTuple):
    """Of songs of one collection the share that is answered, the share of the answers that is right, and how many."""

    answered: float
    right: float
    n: int


class Judged(NamedTuple):
    """Of one collection's songs: confidence (n,), whether right (n,), whether the gate lets them through (n,)."""

    confidence: Array
    right: Mask
    passes: Mask

    def at(self, confidence: float) -> Outcome:
        """What is answered from a probability on."""
        kept = self.passes & (self.confidence >= confidence)
        return Outcome(float(kept.mean()), float(self.right[kept].mean()) if kept.any() else 1.0, int(kept.sum()))


def report(songs: Songs, folds: Mapping[str, Answers], left_out: Mapping[str, Answers]) -> dict[str, Any]:
    """Everything that the card says of the genres, as plain JSON."""
    sets = {name: (songs.collection == name) & (songs.genre >= 0) for name in (*LABELLED, STORE)}
    clean = folds["clean"]
    temperature = fit_temperature(songs, clean, [chosen for name, chosen in sets.items() if name != "macleod"])
    gate = float(np.quantile(clean.novelty[sets["gtzan"] | sets["emotify"]], KNOWN))
    seen = [judged(songs, clean, chosen, temperature, gate) for chosen in sets.values()]
    # the gate of a song of a collection that was left out is that of the folds, as the gate was chosen there
    apart = judged(songs, left_out["emotify"]._replace(novelty=clean.novelty), sets["emotify"], temperature, gate)
    return {
        "temperature": temperature,
        "novelty": gate,
        "points": [point.to_dict() for point in points(seen, apart, gate)],
        "accuracy": {name: accuracy(songs, clean, chosen) for name, chosen in sets.items()}
        | {"gtzan_3s_crops": accuracy(songs, folds["short"], sets["gtzan"] & folds["short"].asked)},
        "n": {name: int(chosen.sum()) for name, chosen in sets.items()},
        "by_genre": {name: by_genre(songs, clean, chosen) for name, chosen in sets.items()},
        "left_out": {name: by_genre(songs, said, sets[name]) for name, said in left_out.items()},
        "stopped": {
            "sounds": stopped(clean, songs.collection == SOUND, gate),
            "music of other genres": stopped(clean, songs.strange & clean.asked, gate),
        },
    }


def fit_temperature(songs: Songs, said: Answers, sets: list[Mask]) -> float:
    """The temperature with the lowest mean log loss, where each collection weighs the same."""

    def loss(temperature: float) -> float:
        return float(
            np.mean([log_loss(said.log_probability[c] / temperature, songs.genre[c]) for c in sets if c.any()])
        )

    return float(min(TEMPERATURES, key=loss))


def log_loss(logits: Array, truth: NDArray[np.int64]) -> float:
    """The mean over songs."""
    return float(-np.log(softmax(logits)[np.arange(len(truth)), truth] + 1e-12).mean())


def judged(songs: Songs, said: Answers, chosen: Mask, temperature: float, gate: float) -> Judged:
    """The chosen songs' answers."""
    p = softmax(said.log_probability[chosen] / temperature)
    return Judged(p.max(axis=1), p.argmax(axis=1) == songs.genre[chosen], said.novelty[chosen] <= gate)


def points(seen: list[Judged], apart: Judged, gate: float) -> list[OperatingPoint]:
    """For each precision the lowest confidence at which it is kept; they rise with it.

    It is kept by the mean of the collections, by the worst of them but for `SLACK`, and by the collection that was left
    out but for `UNSEEN_SLACK`.
    """
    found: list[OperatingPoint] = []
    for precision in PRECISIONS:
        held = [holds(seen, precision, confidence) for confidence in CONFIDENCES]
        steady = [i for i in range(len(held)) if all(held[i : i + 3])]
        first = steady[0] if steady else len(held) - 1
        within = [c for c in CONFIDENCES[first:] if apart.at(c).right >= precision - UNSEEN_SLACK]
        confidence = float(round(within[0] if within else CONFIDENCES[-1], 4))
        confidence = max([confidence, *(point.confidence for point in found)])
        outcomes = [one.at(confidence) for one in seen]
        answers = sum(one.n for one in outcomes)
        right = sum(one.right * one.n for one in outcomes) / max(1, answers)
        answered = float(np.mean([one.answered for one in outcomes]))
        found.append(OperatingPoint(precision, confidence, round(answered, 4), round(right, 4), round(gate, 4)))
    return found


def holds(seen: list[Judged], precision: float, confidence: float) -> bool:
    """Whether the collections that are judged keep a precision."""
    right = [one.right for one in (judged.at(confidence) for judged in seen) if one.n >= FEWEST]
    return bool(right) and float(np.mean(right)) >= precision and min(right) >= precision - SLACK


def accuracy(songs: Songs, said: Answers, chosen: Mask) -> float | None:
    """The share of the chosen songs whose likeliest genre is right."""
    right = said.log_probability[chosen].argmax(axis=1) == songs.genre[chosen]
    return round(float(right.mean()), 4) if len(right) else None


def by_genre(songs: Songs, said: Answers, chosen: Mask) -> dict[str, list[int]]:
    """How many are right, and of how many, by genre."""
    best = said.log_probability.argmax(axis=1)
    return {
        LABELS[genre]: [int((best[of] == genre).sum()), int(of.sum())]
        for genre in np.unique(songs.genre[chosen])
        for of in [chosen & (songs.genre == genre)]
    }


def stopped(said: Answers, chosen: Mask, gate: float) -> list[int]:
    """How many of the chosen songs the gate stops, and of how many."""
    return [int((said.novelty[chosen] > gate).sum()), int(chosen.sum())]
