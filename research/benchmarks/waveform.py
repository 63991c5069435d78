"""The model that takes a waveform beside the picture model: its size, and the time for 30 s and for 3 minutes of music.

python -m research.benchmarks.waveform [MODEL]          needs the extra `learn` (onnx)

Both begin with samples in memory and run on one thread; the numbers are medians in milliseconds of CPU time.
"""

from __future__ import annotations

from research.benchmarks.timing import milliseconds  # first: it allows one thread, before NumPy is loaded

# isort: split
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from zhanr import Classifier, features
from zhanr.audio import load
from zhanr.segments import Segment
from zhanr.waveform import export

SONG = Path(__file__).parents[2] / "demo" / "jazz.wav"
REPEATS = 7


def through_pictures(classifier: Classifier, samples: np.ndarray[Any, Any]) -> None:
    """What `Classifier.predict` does behind the decoder."""
    config, size = classifier.card.features, classifier.card.windows.segment_frames
    for first in range(0, len(samples), size * config.hop_length):
        piece = samples[first : first + size * config.hop_length]
        classifier._run(Segment(0.0, features.quantise(features.extract(piece, config)[:, :size])))


def main() -> None:
    """Print the table."""
    classifier = Classifier.load(sys.argv[1] if len(sys.argv) > 1 else None)
    with tempfile.TemporaryDirectory() as folder:
        path = export(Path(folder) / "waveform.onnx", classifier.bundle.path)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        sizes = classifier.bundle.path.stat().st_size / 1e6, path.stat().st_size / 1e6
    song = load(SONG, sample_rate=classifier.card.features.sample_rate).samples
    print("| | picture model | waveform model |\n|---|---|---|")
    print(f"| file | {sizes[0]:.2f} MB | {sizes[1]:.2f} MB |")
    for name, samples in (("30 s", song), ("3 min", np.tile(song, 6))):
        pictures = milliseconds(partial(through_pictures, classifier, samples), REPEATS)
        waveform = milliseconds(partial(session.run, ["probabilities"], {"samples": samples}), REPEATS)
        print(f"| {name} of music | {pictures:.0f} ms | {waveform:.0f} ms |")


if __name__ == "__main__":
    main()
