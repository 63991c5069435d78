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
from zhanr.aggregate import aggregate, novelty, sigmoid, softmax
from zhanr.audio import AudioReader, Source
from zhanr.audio.samples import LABEL, as_wav
from zhanr.bundle import Bundle, Outputs, load_bundle
from zhanr.card import Card
from zhanr.errors import AudioError, ModelFileError
from zhanr.prediction import DOUBTFUL, NOVEL, SILENCE, Moment, Prediction, Style
from zhanr.segments import Segment, segments

__all__ = ["Classifier", "Moment", "Prediction", "Style"]

GAP = 0.1  # seconds between two windows that are no more than rounding
MAX_STYLES = 5
SOUNDING = 0.5  # a window of which no more than this share sounds counts for nothing


class WindowOutputs(NamedTuple):
    """The windows of one segment: when each begins, in seconds (n_windows,), and what the network says of each.

    `sounds` (n_windows,) is the share of each window, 0..1, that isn't silent.
    """

    begin: NDArray[np.floating]
    sounds: NDArray[np.floating]
    outputs: Outputs


class _Windows(NamedTuple):
    """All windows of a song; `counts` (n_windows,) are those that are heard, the others are silent."""

    begin: NDArray[np.floating]
    counts: NDArray[np.bool_]
    outputs: Outputs

    @classmethod
    def of(cls, parts: list[WindowOutputs]) -> _Windows:
        sounds = np.concatenate([part.sounds for part in parts])
        counts = sounds > min(
            SOUNDING, float(sounds.max()) - 1e-9
        )  # a song of a few short sounds is heard all the same
        begin = np.concatenate([part.begin for part in parts])
        return cls(begin, counts, Outputs.join([part.outputs for part in parts]))


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
        cls,
        model: str | os.PathLike[str] | None = None,
        *,
        threads: int = 1,
        sha256: str | None = None,
        precision: float | None = None,
    ) -> Classifier:
        """Load the default model, a built-in one by name ("paper"), or a `.onnx` file.

        `precision`, 0..1, is the share of answers that shall be right: less of it gives more answers. The card's table
        `precisions` says what to expect. Without it the model's own thresholds hold.

        Raises `ModelFileError`, also where the file doesn't hash to `sha256`: somebody has changed it since. Raises
        `ConfigError` for a precision that the model can't promise.
        """
        bundle = load_bundle(model, threads=threads)
        if sha256 not in (None, bundle.sha256):
            raise ModelFileError(bundle.path, "the model file was changed meanwhile")
        return cls(bundle if precision is None else bundle.with_card(bundle.card.at(precision)))

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

    def predict_samples(self, y: NDArray[Any], sample_rate: int) -> Prediction:
        """Tell the genre of samples in memory, as librosa, soundfile and torchaudio give them. Raises `AudioError`.

        `y` is (n,) or (channels, n), floats of full scale -1..1 or whole numbers, at any sample rate (hertz).
        The result is that of a file of these samples: the same down-mix and resampling.
        """
        with AudioReader(as_wav(y, sample_rate), sample_rate=self.card.features.sample_rate) as reader:
            reader.label = LABEL
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

    def predict_many(self, sources: Iterable[Source], *, jobs: int = 1) -> Iterator[Prediction | AudioError]:
        """Tell the genres of many songs, in their order; a file that can't be read gives its error instead.

        `jobs` files are worked on at once, in threads: decoding and the network both run outside Python's lock.
        What hangs or crashes a decoder does so here as well: processes with limits (`scan.worker`, which scans and the
        application go through) would cost every call a second of starting up and each job a model of its own.
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

    def _predict_or_error(self, source: Source) -> Prediction | AudioError:
        try:
            return self.predict(source)
        except AudioError as error:
            return error

    def _run(self, segment: Segment) -> WindowOutputs:
        """Cut a segment into windows and run the network on them."""
        config, step = self.card.windows, self.card.features.frame_seconds
        first = windows.starts(segment.picture.shape[1], config)
        sounds = np.ones(len(first))
        if segment.sounds is not None:
            sounds = np.array([segment.sounds[i : i + config.frames].mean() for i in first])
        batch = features.dequantise(windows.cut(segment.picture, config))
        return WindowOutputs(segment.start + first * step, sounds, self.bundle.run(batch))

    def _conclude(
        self, name: str, parts: list[WindowOutputs], duration: float, warnings: tuple[str, ...]
    ) -> Prediction:
        """Aggregate the windows of all segments."""
        found = _Windows.of(parts)
        counts, outputs = found.counts, found.outputs
        embedding = outputs.embedding[counts].mean(axis=0)
        song = aggregate(outputs.logits[counts], self.card.aggregation, temperature=self.card.temperature)
        probabilities = self._named(song)
        genre, confidence = next(iter(probabilities.items()))
        strangeness = None
        if outputs.novelty is not None:
            strangeness = float(outputs.novelty[counts].mean())
        elif outputs.prototypes is not None:
            strangeness = novelty(song, embedding, outputs.prototypes)
        reason = self._doubt(confidence, strangeness)
        return Prediction(
            path=name,
            genre=None if reason else genre,
            confidence=confidence,
            probabilities=probabilities,
            timeline=self._timeline(found, duration),
            embedding=embedding,
            duration=duration,
            warnings=warnings,
            reason=reason,
            styles=() if outputs.styles is None else self._styles(outputs.styles[counts]),
        )

    def _doubt(self, confidence: float, strangeness: float | None) -> str | None:
        """Say why the answer is "not sure", or None where it is sure."""
        limits = self.card.thresholds
        if strangeness is not None and strangeness > limits.get("novelty", np.inf):
            return NOVEL
        if confidence < limits.get("confidence", 0.0):
            return f"{DOUBTFUL} of only {confidence:.0%}"
        return None

    def _styles(self, logits: NDArray[np.float32]) -> tuple[Style, ...]:
        """The styles that are set, by the logits (n_windows, n_styles); the clearest first."""
        labels = self.card.styles
        p = sigmoid(logits.mean(axis=0))
        above = p - [label.threshold for label in labels]
        order = np.argsort(-above, kind="stable")[:MAX_STYLES]
        return tuple(Style(labels[i].name, float(p[i])) for i in order if above[i] >= 0)

    def _timeline(self, found: _Windows, duration: float) -> tuple[Moment, ...]:
        """A moment for each window, and for the silence in which no window lies."""
        seconds = self.card.windows.frames * self.card.features.frame_seconds
        moments: list[Moment] = []
        end = 0.0
        rows = softmax(found.outputs.logits, temperature=self.card.temperature)
        for start, sounds, row in zip(found.begin.tolist(), found.counts, rows, strict=True):
            if start > end + GAP:
                moments.append(_silence(end, start))
            end = min(start + seconds, duration)
            named = self._named(row)
            moments.append(Moment(start, end, next(iter(named)), named) if sounds else _silence(start, end))
        silent = self._silent_after(duration - end)
        return (*moments, _silence(end, end + silent)) if silent > 0 else tuple(moments)

    def _silent_after(self, seconds: float) -> float:
        """How many of the `seconds` behind the last window are silent; less than a window was never looked at."""
        config, step = self.card.windows, self.card.features.frame_seconds
        rest = seconds % (config.segment_frames * step)
        return seconds if rest >= config.frames * step else seconds - rest

    def _named(self, probabilities: NDArray[np.float64]) -> dict[str, float]:
        """Probabilities by genre, the likeliest first."""
        order = np.argsort(-probabilities, kind="stable")
        return {self.labels[i]: float(probabilities[i]) for i in order}


def _silence(start: float, end: float) -> Moment:
    return Moment(start, end, None, {}, SILENCE)
