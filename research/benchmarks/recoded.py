"""Does a codec move the answer? The same music as wav, flac, mp3, m4a and opus, made by ffmpeg with its defaults.

python research/benchmarks/recoded.py FOLDER... [--every N]     needs the program ffmpeg

A song counts as moved where any genre's probability differs from that of the wav file by more than 0.05.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from zhanr import Classifier, Prediction
from zhanr.scan.walk import find_audio

FORMATS = ("wav", "flac", "mp3", "m4a", "opus")
MOVED = 0.05


def answers(classifier: Classifier, song: Path, folder: Path) -> dict[str, Prediction]:
    """The prediction for each format of a song."""
    found = {}
    for suffix in FORMATS:
        target = folder / f"song.{suffix}"
        command = ["ffmpeg", "-v", "error", "-y", "-i", str(song), "-vn", "-map_metadata", "-1", str(target)]
        subprocess.run(command, check=True)
        found[suffix] = classifier.predict(target)
    return found


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+")
    parser.add_argument("--every", type=int, default=1, help="only every so many songs of a folder")
    parser.add_argument("--model")
    options = parser.parse_args()
    classifier = Classifier.load(options.model)
    songs = [song for folder in options.folders for song in list(find_audio([folder]))[:: options.every]]
    with tempfile.TemporaryDirectory() as folder:
        found = [answers(classifier, song, Path(folder)) for song in songs]
    print(f"{len(songs)} songs, model {classifier.card.name}\n")
    print("| format | moved | largest change | likeliest genre changed | answer changed |\n|---|---|---|---|---|")
    for suffix in FORMATS[1:]:
        pairs = [(of["wav"], of[suffix]) for of in found]
        change = np.array([max(abs(b.probabilities[g] - p) for g, p in a.probabilities.items()) for a, b in pairs])
        best = sum(a.best != b.best for a, b in pairs)
        genre = sum(a.genre != b.genre for a, b in pairs)
        print(f"| {suffix} | {(change > MOVED).mean():.0%} | {change.max():.3f} | {best} | {genre} |")


if __name__ == "__main__":
    main()
