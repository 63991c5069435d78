"""Is a part of a song enough? The answer of N spread segments of 30 s against that of the whole song, and the time.

python research/benchmarks/whole_songs.py FOLDER...

"same genre" is the share of songs whose likeliest genre is that of the whole song, "moved" the median change of its
probability, "time" the CPU time in milliseconds for decoding, features and network, summed over all songs.
"""

from __future__ import annotations

import sys
import time

import numpy as np
from numpy.typing import NDArray

from zhanr import Classifier
from zhanr.aggregate import aggregate
from zhanr.audio import AudioReader, probe
from zhanr.features import dequantise
from zhanr.scan.walk import find_audio
from zhanr.segments import segments
from zhanr.windows import cut

SPREAD = (1, 2, 3, 5, 8)
SECONDS = 30.0
LEAST_SECONDS = 90.0  # a shorter song has nothing to leave out


def logits(classifier: Classifier, path: str, start: float = 0.0, duration: float | None = None) -> NDArray[np.float32]:
    """The logits (n_windows, n_genres) of a part of a song."""
    card = classifier.card
    with AudioReader(path, sample_rate=card.features.sample_rate, start=start, duration=duration) as reader:
        parts = [cut(s.picture, card.windows) for s in segments(reader, card.features, card.windows)]
    return np.concatenate([classifier.bundle.run(dequantise(part)).logits for part in parts])


def spread(classifier: Classifier, path: str, length: float, n: int) -> NDArray[np.float32]:
    """The logits of `n` segments, evenly spread: the middles of n equal parts."""
    starts = [(i + 0.5) * length / n - SECONDS / 2 for i in range(n)]
    return np.concatenate([logits(classifier, path, max(0.0, start), SECONDS) for start in starts])


def main(folders: list[str]) -> None:
    """Measure and print a table."""
    classifier = Classifier.load()
    lengths = {str(path): probe(path).duration or 0.0 for path in find_audio(folders)}
    songs = {path: length for path, length in lengths.items() if length >= LEAST_SECONDS}
    rows: dict[str, list[tuple[NDArray[np.float64], float]]] = {}
    for path, length in songs.items():
        for n in (None, *SPREAD):
            begin = time.process_time()
            out = logits(classifier, path) if n is None else spread(classifier, path, length, n)
            answer = aggregate(out, classifier.card.aggregation, temperature=classifier.card.temperature)
            rows.setdefault(f"{n} segments" if n else "all", []).append((answer, time.process_time() - begin))
    whole = np.array([answer for answer, _ in rows["all"]])
    best, each = whole.argmax(axis=1), np.arange(len(whole))
    print(f"{len(songs)} songs of {LEAST_SECONDS:.0f} s or more, model {classifier.card.name}\n")
    print("| analysed | same genre | moved | time |\n|---|---|---|---|")
    for name, results in rows.items():
        answers = np.array([answer for answer, _ in results])
        moved = np.median(np.abs(answers[each, best] - whole[each, best]))
        seconds = sum(taken for _, taken in results)
        print(f"| {name} | {(answers.argmax(axis=1) == best).mean():.0%} | {moved:.3f} | {1000 * seconds:.0f} |")


if __name__ == "__main__":
    main(sys.argv[1:])
