"""From a song to its genre: the one place that strings all the stages together."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zhanr import features, windows
from zhanr.aggregate import aggregate, novelty, softmax
from zhanr.audio import AudioReader, Source
from zhanr.bundle import Bundle, Card, Outputs, load_bundle
from zhanr.errors import AudioError
from zhanr.segments import Segment, segments


@dataclass(frozen=True)
class Moment:
    """One window of a song: from `start` to `end` in seconds, its likeliest genre and all probabilities."""

    start: float
    end: float
    genre: str
    probabilities: dict[str, float]


@dataclass(frozen=True)
class Prediction:
    """What zhanr says of one song.

    `genre` is None where the model is not sure; `reason` then says why, and `best` is still its likeliest genre.
    `confidence` is the probability of that likeliest genre. `probabilities` are sorted, the likeliest first.
    `embedding` is the mean of the windows' embeddings, (d,) float32. `duration` is in seconds of decoded audio.
    """

    path: str
    genre: str | None
    confidence: float
    probabilities: dict[str, float]
    timeline: tuple[Moment, ...]
    embedding: NDArray[np.float32]
    duration: float
    warnings: tuple[str, ...] = ()
    reason: str | None = None

    @property
    def best(self) -> str:
        """The likeliest genre, sure or not."""
        return next(iter(self.probabilities))

    def to_dict(self, *, timeline: bool = False) -> dict[str, Any]:
        """The JSON form that the command line and the API share."""
        answer: dict[str, Any] = {
            "path": self.path,
            "genre": self.genre,
            "confidence": round(self.confidence, 4),
            "probabilities": {g: round(p, 4) for g, p in self.probabilities.items()},
            "duration": round(self.duration, 3),
            "warnings": list(self.warnings),
        }
        if self.reason is not None:
            answer["reason"] = self.reason
        if timeline:
            answer["timeline"] = [
                {
                    "start": round(m.start, 3),
                    "end": round(m.end, 3),
                    "genre": m.genre,
                    "probabilities": {g: round(p, 4) for g, p in m.probabilities.items()},
                }
                for m in self.timeline
            ]
        return answer


class Classifier:
    """A loaded model. It may be used from several threads at once and needs no torch.

    >>> classifier = Classifier.load()
    >>> classifier.predict("song.mp3").probabilities
    {'reggae': 0.91, 'hiphop': 0.04, ...}
    """

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle

    @classmethod
    def load(cls, model: str | os.PathLike[str] | None = None, *, threads: int = 1) -> Classifier:
        """Load the default model, a built-in one by name ("paper"), or a `.onnx` file. Raises `ModelFileError`."""
        return cls(load_bundle(model, threads=threads))

    @property
    def card(self) -> Card:
        """Everything that the model says of itself."""
        return self.bundle.card

    @property
    def labels(self) -> tuple[str, ...]:
        """The genres that the model knows."""
        return self.card.labels

    def predict(self, source: Source) -> Prediction:
        """Tell the genre of one song: a path, bytes or a binary file object. Raises `AudioError`."""
        with AudioReader(source, sample_rate=self.card.features.sample_rate) as reader:
            return self.hear(reader)

    def hear(self, reader: AudioReader, watch: Callable[[Segment], None] | None = None) -> Prediction:
        """Tell the genre of what a reader reads, which must be at the card's rate; `watch` is shown every segment.

        Raises `AudioError`.
        """
        parts: list[tuple[float, tuple[NDArray[np.intp], Outputs]]] = []
        for segment in segments(reader, self.card.features, self.card.windows):
            parts.append((segment.start, self._run(segment)))
            if watch is not None:
                watch(segment)
        return self._conclude(reader.label, parts, reader.seconds, tuple(reader.warnings))

    def predict_many(
        self, sources: Iterable[str | os.PathLike[str]], *, jobs: int = 1
    ) -> Iterator[Prediction | AudioError]:
        """Tell the genres of many songs, in their order; a file that can't be read gives its error instead.

        `jobs` files are worked on at once, in threads: decoding and the network both run outside Python's lock.
        """
        if jobs <= 1:
            yield from map(self._predict_or_error, sources)
            return
        waiting: deque[Future[Prediction | AudioError]] = deque()
        with ThreadPoolExecutor(jobs) as pool:
            try:
                for source in sources:
                    waiting.append(pool.submit(self._predict_or_error, source))
                    if len(waiting) > 2 * jobs:  # a bounded look-ahead: flat memory however long the list
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            finally:
                for future in waiting:
                    future.cancel()

    def predict_features(self, picture: NDArray[Any], *, name: str = "<features>") -> Prediction:
        """Tell the genre of one excerpt of a feature store: (n_bins, n_frames), uint8, or float32 from 0 to 1."""
        stored = picture if picture.dtype == np.uint8 else features.quantise(picture)
        outputs = self._run(Segment(0.0, stored))
        return self._conclude(name, [(0.0, outputs)], stored.shape[1] * self.card.features.frame_seconds, ())

    def _predict_or_error(self, source: str | os.PathLike[str]) -> Prediction | AudioError:
        try:
            return self.predict(source)
        except AudioError as error:
            return error

    def _run(self, segment: Segment) -> tuple[NDArray[np.intp], Outputs]:
        """The first frame of every window of a segment, and what the network says of each."""
        batch = windows.cut(segment.picture, self.card.windows)
        first = windows.starts(segment.picture.shape[1], self.card.windows)
        return first, self.bundle.run(features.dequantise(batch))

    def _conclude(
        self,
        name: str,
        parts: list[tuple[float, tuple[NDArray[np.intp], Outputs]]],
        duration: float,
        warnings: tuple[str, ...],
    ) -> Prediction:
        """Aggregate the windows of all segments."""
        card = self.card
        logits = np.concatenate([outputs.logits for _, (_, outputs) in parts])
        embedding = np.concatenate([outputs.embedding for _, (_, outputs) in parts]).mean(axis=0)
        begin = np.concatenate([start + first * card.features.frame_seconds for start, (first, _) in parts])
        song = aggregate(logits, card.aggregation, temperature=card.temperature)
        probabilities = self._named(song)
        genre, confidence = next(iter(probabilities.items()))
        prototypes = parts[0][1][1].prototypes
        reason = self._doubt(confidence, None if prototypes is None else novelty(song, embedding, prototypes))
        return Prediction(
            path=name,
            genre=None if reason else genre,
            confidence=confidence,
            probabilities=probabilities,
            timeline=self._timeline(begin, logits, duration),
            embedding=embedding,
            duration=duration,
            warnings=warnings,
            reason=reason,
        )

    def _doubt(self, confidence: float, strangeness: float | None) -> str | None:
        """Say why the answer is "not sure", or None where it is sure."""
        limits = self.card.thresholds
        if strangeness is not None and strangeness > limits.get("novelty", np.inf):
            return "not sure: this sounds like none of the genres that the model knows"
        if confidence < limits.get("confidence", 0.0):
            return f"not sure: the likeliest genre has a probability of only {confidence:.0%}"
        return None

    def _timeline(self, begin: NDArray[np.float64], logits: NDArray[np.float32], duration: float) -> tuple[Moment, ...]:
        seconds = self.card.windows.frames * self.card.features.frame_seconds
        moments = []
        for start, row in zip(begin, softmax(logits, temperature=self.card.temperature), strict=True):
            named = self._named(row)
            end = min(float(start) + seconds, duration)
            moments.append(Moment(float(start), end, next(iter(named)), named))
        return tuple(moments)

    def _named(self, probabilities: NDArray[np.float64]) -> dict[str, float]:
        """Probabilities by genre, the likeliest first."""
        order = np.argsort(-probabilities, kind="stable")
        return {self.labels[i]: float(probabilities[i]) for i in order}
