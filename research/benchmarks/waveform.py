"""The model that takes a waveform beside the picture model: its size, and the time for 30 s and for 3 minutes of music.

python research/benchmarks/waveform.py [MODEL]          needs the extra `learn` (onnx)

Both begin with samples in memory and run on one thread; the numbers are medians in milliseconds of CPU time.
"""

from __future__ import annotations

import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"  # before NumPy is loaded

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
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


def milliseconds(work: Callable[[], Any]) -> float:
    """The median CPU time of one call, after one that warms up."""
    work()
    times = []
    for _ in range(REPEATS):
        begin = time.process_time()
        work()
        times.append(1000 * (time.process_time() - begin))
    return statistics.median(times)


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
        pictures = milliseconds(partial(through_pictures, classifier, samples))
        waveform = milliseconds(partial(session.run, ["probabilities"], {"samples": samples}))
        print(f"| {name} of music | {pictures:.0f} ms | {waveform:.0f} ms |")


if __name__ == "__main__":
    main()
