"""zhanr tells the genre of every song you own: offline, with a probability you can trust.

>>> from zhanr import Classifier
>>> Classifier.load().predict("song.mp3").genre
'reggae'
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from zhanr.errors import AudioError, ConfigError, DatasetError, ModelFileError, ZhanrError

if TYPE_CHECKING:
    from zhanr.classifier import Classifier, Prediction, Style

# Two libraries report their use to their makers unless these are set before they are loaded; everything that uses them
# here is below this package, and processes that it starts inherit them. Nothing is stricter, so nothing is asked.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # ONNX Runtime from 1.29 on
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"

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


def __dir__() -> list[str]:
    """Name what is imported late too, so that editors and IPython complete it."""
    return sorted({*globals(), *__all__})
