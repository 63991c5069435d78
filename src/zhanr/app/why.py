"""What else the listening processes do for a page: say why, and decode; functions that the engine sends to them."""

from __future__ import annotations

import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from zhanr.audio import AudioReader, Bounds
from zhanr.classifier import Classifier
from zhanr.explain import explain_song


def why(
    classifier: Classifier, path: Path, ask: Callable[[str], bool], *, genre: str, bounds: Bounds
) -> dict[str, Any]:
    """The explanation of a genre in its JSON form. Raises `AudioError`, and `ConfigError` for an unknown genre."""
    del ask
    return explain_song(path, classifier.bundle, genre, bounds=bounds).to_dict()


def decode(classifier: Classifier, path: Path, ask: Callable[[str], bool], *, target: Path, bounds: Bounds) -> int:
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
