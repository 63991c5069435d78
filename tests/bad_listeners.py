"""What the engine's processes must survive: each song says by its name what happens to the process that hears it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from bad_decoders import misbehave
from zhanr.app import analysis
from zhanr.classifier import Classifier, Prediction

GOOD = analysis.classify


def classify(classifier: Classifier, path: Path, ask: analysis.Ask, *, name: str, **options: Any) -> Prediction:
    """As `zhanr.app.analysis.classify`, but for songs with telling names."""
    word = name.split("-")[0]
    misbehave(word)
    if word == "wait":  # until the test lets it go on
        while Path(name.removeprefix("wait-").replace("|", "/")).exists():
            time.sleep(0.01)
    return GOOD(classifier, path, ask, name=name, **options)
