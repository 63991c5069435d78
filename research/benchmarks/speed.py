"""How long a song takes, part by part, beside decoding and a librosa mel-spectrogram of the same song, in one run.

python -m research.benchmarks.speed demo/blues.mp3          needs the extra `dev` (librosa)

Every part runs on one thread; the numbers are medians in milliseconds of CPU time.
"""

from __future__ import annotations

from research.benchmarks.timing import milliseconds  # first: it allows one thread, before NumPy is loaded

# isort: split
import statistics
import subprocess
import sys
from functools import partial

import librosa

from zhanr import Classifier, features
from zhanr.audio import load


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
    timed = partial(milliseconds, repeats=15)
    decoding, rate = f"decoding to {config.sample_rate:,} Hz mono", config.sample_rate
    parts = {
        decoding: timed(lambda: load(path, sample_rate=rate, duration=30)),
        "librosa mel-spectrogram": timed(lambda: librosa.feature.melspectrogram(y=samples, sr=rate)),
        "zhanr features": timed(lambda: features.extract(samples, config)),
        "zhanr network, all windows": timed(lambda: classifier.predict_features(picture)),
        "import zhanr": start_up("import zhanr"),
        "Classifier.load()": start_up("from zhanr import Classifier; Classifier.load()"),
    }
    for name, value in parts.items():
        print(f"{name:28} {value:8.1f} ms")
    theirs = parts[decoding] + parts["librosa mel-spectrogram"]
    ours = parts["zhanr features"] + parts["zhanr network, all windows"]
    print(f"features + network are {ours:.1f} ms, {ours / theirs:.2f} of decoding + librosa's mel ({theirs:.1f} ms)")


if __name__ == "__main__":
    main(sys.argv[1])
