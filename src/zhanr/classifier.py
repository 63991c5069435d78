"""From a song to its genre: the one place that strings all the stages together."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from zhanr import features, windows
from zhanr.aggregate import aggregate, novelty, softmax
from zhanr.audio import AudioReader, Source
from zhanr.bundle import Bundle, Card, Outputs, load_bundle
from zhanr.errors import AudioError, ModelFileError
from zhanr.prediction import Moment, Prediction, Style
from zhanr.segments import Segment, segments

__all__ = ["Classifier", "Moment", "Prediction", "Style"]


class WindowOutputs(NamedTuple):
    """The windows of one segment: when each begins, in seconds (n_windows,), and what the network says of each."""

    begin: NDArray[np.floating]
    outputs: Outputs


class Classifier:
    """A loaded model. It may be used from several threads at once and needs no torch.

    >>> classifier = Classifier.load()
    >>> classifier.predict("song.mp3").probabilities
    {'reggae': 0.91, 'hiphop': 0.04, ...}
    """

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle

    @classmethod
    def load(
        cls, model: str | os.PathLike[str] | None = None, *, threads: int = 1, sha256: str | None = None
    ) -> Classifier:
        """Load the default model, a built-in one by name ("paper"), or a `.onnx` file.

        Raises `ModelFileError`, also where the file doesn't hash to `sha256`: somebody has changed it since.
        """
        bundle = load_bundle(model, threads=threads)
        if sha256 not in (None, bundle.sha256):
            raise ModelFileError(bundle.path, "the model file was changed meanwhile")
        return cls(bundle)

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
            return self.predict_reader(reader)

    def predict_reader(self, reader: AudioReader, watch: Callable[[Segment], None] | None = None) -> Prediction:
        """Tell the genre of what a reader reads, which must be at the card's rate; `watch` is shown every segment.

        Raises `AudioError`.
        """
        parts: list[WindowOutputs] = []
        for segment in segments(reader, self.card.features, self.card.windows):
            parts.append(self._run(segment))
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
        parts = [self._run(Segment(0.0, stored))]
        return self._conclude(name, parts, stored.shape[1] * self.card.features.frame_seconds, ())

    def _predict_or_error(self, source: str | os.PathLike[str]) -> Prediction | AudioError:
        try:
            return self.predict(source)
        except AudioError as error:
            return error

    def _run(self, segment: Segment) -> WindowOutputs:
        """Cut a segment into windows and run the network on them."""
        card = self.card
        first = windows.starts(segment.picture.shape[1], card.windows)
        batch = features.dequantise(windows.cut(segment.picture, card.windows))
        return WindowOutputs(segment.start + first * card.features.frame_seconds, self.bundle.run(batch))

    def _conclude(
        self, name: str, parts: list[WindowOutputs], duration: float, warnings: tuple[str, ...]
    ) -> Prediction:
        """Aggregate the windows of all segments."""
        card = self.card
        begin = np.concatenate([part.begin for part in parts])
        logits = np.concatenate([part.outputs.logits for part in parts])
        embedding = np.concatenate([part.outputs.embedding for part in parts]).mean(axis=0)
        prototypes = parts[0].outputs.prototypes
        song = aggregate(logits, card.aggregation, temperature=card.temperature)
        probabilities = self._named(song)
        genre, confidence = next(iter(probabilities.items()))
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

    def _timeline(
        self, begin: NDArray[np.floating], logits: NDArray[np.float32], duration: float
    ) -> tuple[Moment, ...]:
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
