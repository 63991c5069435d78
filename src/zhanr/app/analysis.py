"""What the worker processes do with a file: functions that the engine sends to them."""

from __future__ import annotations

import wave
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zhanr.audio import AudioInfo, AudioReader, Bounds
from zhanr.classifier import Classifier, Prediction
from zhanr.errors import FileError
from zhanr.explain import explain_song
from zhanr.library import Song
from zhanr.scan.analyse import song_of
from zhanr.segments import Segment

COLUMNS = 2000
Ask = Callable[[str], bool]


@dataclass(frozen=True, eq=False)
class Analysis:
    """All that a page shows of a song.

    `picture` is its mel-spectrogram, uint8 (n_bins, n_columns), the lowest frequency first, and `peaks` its waveform,
    uint8 (n_columns,), 255 for full scale: both over the whole song, `column_seconds` a column and no more than
    `COLUMNS` of them. `song` is what the library would keep of it.
    """

    prediction: Prediction
    picture: NDArray[np.uint8]
    peaks: NDArray[np.uint8]
    column_seconds: float
    info: AudioInfo
    song: Song


class Cancelled(FileError):
    """Nobody waits for the answer any more."""


def classify(classifier: Classifier, path: Path, ask: Ask, *, bounds: Bounds, name: str) -> Prediction:
    """The answer alone, about a song of that name. Raises `AudioError`, and `Cancelled` where `ask` says so."""
    with AudioReader(path, sample_rate=classifier.card.features.sample_rate, bounds=bounds) as reader:
        return replace(classifier.predict_reader(reader, lambda _: _go_on(reader, ask)), path=name)


def analyse(classifier: Classifier, path: Path, ask: Ask, *, bounds: Bounds, name: str) -> Analysis:
    """The answer, the pictures and the hash, of one decoding. The errors are those of `classify`."""
    config = classifier.card.features
    strip = Strip(config.n_bins)

    def watch(segment: Segment) -> None:
        strip.put(round(segment.start / config.frame_seconds), segment.picture)
        _go_on(reader, ask)

    with _Watched(path, config.sample_rate, bounds, config.hop_length, strip) as reader:
        prediction = replace(classifier.predict_reader(reader, watch), path=name)
    return Analysis(
        prediction,
        *strip.finish(),
        strip.per_column * config.frame_seconds,
        reader.info,
        replace(song_of(path, prediction, classifier.bundle.sha256), path=Path(name)),
    )


def _go_on(reader: AudioReader, ask: Ask) -> None:
    """Say how far it is, 0..1, and stop where nobody wants to know."""
    total = reader.info.duration or 0.0
    if not ask(f"{min(1.0, reader.seconds / total) if total > 0 else 0.0:.3f}"):
        raise Cancelled(reader.label, "nobody waits for it any more")


class _Watched(AudioReader):
    """A reader that notes the waveform's peaks as it reads."""

    def __init__(self, path: Path, sample_rate: int, bounds: Bounds, hop_length: int, strip: Strip) -> None:
        super().__init__(path, sample_rate=sample_rate, bounds=bounds)
        self._hop_length, self._strip = hop_length, strip

    def blocks(self, n_samples: int) -> Iterator[NDArray[np.float32]]:
        for index, block in enumerate(super().blocks(n_samples)):
            loud = np.maximum.reduceat(np.abs(block), np.arange(0, len(block), self._hop_length))
            peaks = np.rint(255 * np.minimum(loud, 1)).astype(np.uint8)
            self._strip.put_peaks(index * n_samples // self._hop_length, peaks)
            yield block


class Strip:
    """A song of any length in a table of no more than `COLUMNS` columns: neighbours are merged, the larger one stays.

    Row 0 holds the waveform's peaks, the others the picture; both are put in at the index of their first frame.
    """

    def __init__(self, n_bins: int) -> None:
        self.per_column = 1
        self._table = np.zeros((1 + n_bins, 2 * COLUMNS), np.uint8)
        self._n_frames = 0

    def put_peaks(self, first: int, peaks: NDArray[np.uint8]) -> None:
        """Add peaks (n_frames,)."""
        self._put(slice(0, 1), first, peaks[None])

    def put(self, first: int, picture: NDArray[np.uint8]) -> None:
        """Add a picture (n_bins, n_frames)."""
        self._put(slice(1, None), first, picture)

    def finish(self) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Picture and peaks."""
        while self._n_frames > COLUMNS * self.per_column:
            self._merge()
        used = -(-self._n_frames // self.per_column)
        return self._table[1:, :used].copy(), self._table[0, :used].copy()

    def _put(self, rows: slice, first: int, values: NDArray[np.uint8]) -> None:
        self._n_frames = max(self._n_frames, first + values.shape[1])
        while self._n_frames > self._table.shape[1] * self.per_column:
            self._merge()
        columns = (first + np.arange(values.shape[1])) // self.per_column
        begins = np.flatnonzero(np.diff(columns, prepend=-1))
        merged = np.maximum.reduceat(values, begins, axis=1)
        target = self._table[rows, columns[0] : columns[-1] + 1]
        np.maximum(target, merged, out=target)

    def _merge(self) -> None:
        half = np.maximum(self._table[:, ::2], self._table[:, 1::2])
        self._table[:] = 0
        self._table[:, : half.shape[1]] = half
        self.per_column *= 2


def explain_genre(classifier: Classifier, path: Path, ask: Ask, *, genre: str, bounds: Bounds) -> dict[str, Any]:
    """The explanation of a genre in its JSON form. Raises `AudioError`, and `ConfigError` for an unknown genre."""
    del ask
    return explain_song(path, classifier.bundle, genre, bounds=bounds).to_dict()


def decode(classifier: Classifier, path: Path, ask: Ask, *, target: Path, bounds: Bounds) -> int:
    """Write a file as 16-bit mono wav, for a browser that doesn't know its format, and give its size in bytes.

    Raises `AudioError`.
    """
    del ask
    rate = classifier.card.features.sample_rate
    try:
        with AudioReader(path, sample_rate=rate, bounds=bounds) as reader, wave.open(str(target), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(rate)
            for block in reader.blocks(rate):
                file.writeframes(np.rint(np.clip(block, -1, 1) * 32767).astype("<i2").tobytes())
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    return target.stat().st_size
