"""zhanr tells the genre of every song you own: offline, with a probability you can trust.

>>> from zhanr import Classifier
>>> Classifier.load().predict("song.mp3").genre
'reggae'
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zhanr.errors import AudioError, ConfigError, DatasetError, ModelFileError, ZhanrError

if TYPE_CHECKING:
    from zhanr.classifier import Classifier, Prediction, Style

__version__ = "0.1.0"
__all__ = [
    "AudioError",
    "Classifier",
    "ConfigError",
    "DatasetError",
    "ModelFileError",
    "Prediction",
    "Style",
    "ZhanrError",
    "__version__",
]


def __getattr__(name: str) -> Any:
    """Import the classifier when it is first asked for, so that `import zhanr` stays instant."""
    if name in ("Classifier", "Prediction", "Style"):
        from zhanr import classifier

        return getattr(classifier, name)
    raise AttributeError(f"module 'zhanr' has no attribute {name!r}")
