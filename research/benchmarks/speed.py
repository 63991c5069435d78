"""How long a song takes, part by part, beside decoding and a librosa mel-spectrogram of the same song, in one run.

python research/benchmarks/speed.py demo/blues.mp3          needs the extra `dev` (librosa)

Every part runs on one thread; the numbers are medians in milliseconds of CPU time.
"""

from __future__ import annotations

import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"  # before NumPy is loaded

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import librosa

from zhanr import Classifier, features
from zhanr.audio import load

REPEATS = 15


def milliseconds(work: Callable[[], Any]) -> float:
    """The median CPU time of one call, after one that warms up."""
    work()
    times = []
    for _ in range(REPEATS):
        begin = time.process_time()
        work()
        times.append(1000 * (time.process_time() - begin))
    return statistics.median(times)


def start_up(code: str) -> float:
    """The median CPU time of a fresh interpreter that runs `code`, less that of one that does nothing."""
    script = "import time; begin = time.process_time(); {}; print(1000 * (time.process_time() - begin))"
    runs = [subprocess.check_output([sys.executable, "-c", script.format(code)]) for _ in range(5)]
    return statistics.median(float(run.split()[-1]) for run in runs)


def main(path: str) -> None:
    """Measure and print a table."""
    classifier = Classifier.load()
    config = classifier.card.features
    samples = load(path, sample_rate=config.sample_rate, duration=30).samples
    picture = features.extract(samples, config)
    parts = {
        "decoding to 22,050 Hz mono": milliseconds(lambda: load(path, sample_rate=config.sample_rate, duration=30)),
        "librosa mel-spectrogram": milliseconds(lambda: librosa.feature.melspectrogram(y=samples, sr=22050)),
        "zhanr features": milliseconds(lambda: features.extract(samples, config)),
        "zhanr network, all windows": milliseconds(lambda: classifier.predict_features(picture)),
        "import zhanr": start_up("import zhanr"),
        "Classifier.load()": start_up("from zhanr import Classifier; Classifier.load()"),
    }
    for name, value in parts.items():
        print(f"{name:28} {value:8.1f} ms")
    theirs = parts["decoding to 22,050 Hz mono"] + parts["librosa mel-spectrogram"]
    ours = parts["zhanr features"] + parts["zhanr network, all windows"]
    print(f"features + network are {ours:.1f} ms, {ours / theirs:.2f} of decoding + librosa's mel ({theirs:.1f} ms)")


if __name__ == "__main__":
    main(sys.argv[1])
