"""From a file to its song in the library: here for whoever needs one, and what a worker of a scan does."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from zhanr.audio.payload import payload_sha256
from zhanr.bundle import Bundle, load_bundle
from zhanr.classifier import Classifier
from zhanr.errors import AudioError
from zhanr.files import read_failure
from zhanr.library import Song
from zhanr.library.columns import with_prediction
from zhanr.prediction import Prediction
from zhanr.tags.labels import with_labels

AGAIN = 0
"""The `mtime_ns` of a song that the next scan should look at again, whatever its file says."""


class Analyser:
    """Says everything of a file that the library keeps.

    `model_sha256` is what the model file must hash to, so that all workers have the same one. Raises `ModelFileError`.
    """

    def __init__(self, model: str | os.PathLike[str] | None, model_sha256: str, precision: float | None = None) -> None:
        self._classifier = Classifier.load(model, threads=1, sha256=model_sha256, precision=precision)
        self.model_sha256 = model_sha256

    def __call__(self, path: Path, ask: Callable[[str], bool]) -> Song | None:
        """Hash the sound and read the tags; then classify, unless `ask(content_hash)` says that the answer is known.

        A song whose answer is known comes without one. A file that can't be read gives a song with an `error`, and
        None means that there is no file any more.
        """
        try:
            song = self._analyse(_of_file(path, self.model_sha256), ask)
            return song if _same_file(song, path) else replace(song, mtime_ns=AGAIN)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            return Song(path, mtime_ns=AGAIN, error=read_failure(error))

    def _analyse(self, song: Song, ask: Callable[[str], bool]) -> Song:
        try:
            song = _described(song)
            known = ask(song.content_hash or "")
            return song if known else with_prediction(song, self._classifier.predict(song.path))
        except AudioError as error:
            trouble = error.__cause__
            if isinstance(trouble, FileNotFoundError | NotADirectoryError):
                raise trouble from None
            disk = type(trouble).__module__ == "builtins" and isinstance(trouble, OSError)  # and not FFmpeg's word
            return replace(song, error=error.reason, mtime_ns=AGAIN if disk else song.mtime_ns)


def analyser(
    model: str | os.PathLike[str] | Bundle | None = None, *, precision: float | None = None
) -> tuple[partial[Analyser], str]:
    """What starts an `Analyser` in another process, and the model's sha256. Raises `ModelFileError`."""
    bundle = model if isinstance(model, Bundle) else load_bundle(model)
    return partial(Analyser, bundle.path.absolute(), bundle.sha256, precision), bundle.sha256


def song_of(path: Path, prediction: Prediction, model_sha256: str) -> Song:
    """Everything that the library keeps of a file and of what a model says of it. Raises `AudioError`, `OSError`."""
    return with_prediction(_described(_of_file(path, model_sha256)), prediction)


def _of_file(path: Path, model_sha256: str) -> Song:
    status = path.stat()
    return Song(path, status.st_size, status.st_mtime_ns, model_sha256=model_sha256)


def _described(song: Song) -> Song:
    """The song with the hash of its sound and what its tags say."""
    return with_labels(replace(song, content_hash=payload_sha256(song.path)))


def _same_file(song: Song, path: Path) -> bool:
    """Whether the file is still what it was before it was read."""
    status = path.stat()
    return song.mtime_ns in (AGAIN, status.st_mtime_ns) and song.size == status.st_size
