"""How far apart are the embeddings of one recording in two codings?

    python research/benchmarks/duplicates.py FOLDER [--model M]

Chooses `zhanr.scan.duplicates.DISTANCE`: it must be above nearly all distances between codings of a recording, and
below most between different songs, because every pair below it is decoded and compared by fingerprint.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import av
import numpy as np

from zhanr import Classifier
from zhanr.library.similar import Index
from zhanr.scan.walk import find_audio

CODINGS = (("libmp3lame", 128_000, "mp3"), ("libmp3lame", 64_000, "mp3"), ("aac", 96_000, "m4a"), ("flac", 0, "flac"))


def recode(source: Path, target: Path, codec: str, bit_rate: int) -> None:
    """Write the same music in another coding, stereo at 44,100 Hz."""
    with av.open(str(source)) as before, av.open(str(target), "w") as after:
        stream = after.add_stream(codec, rate=44100)
        assert isinstance(stream, av.AudioStream)
        if bit_rate:
            stream.bit_rate = bit_rate
        stream.layout = "stereo"
        for frame in before.decode(audio=0):
            frame.pts = None
            after.mux(stream.encode(frame))
        after.mux(stream.encode(None))


def main() -> None:
    """Print quantiles."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model")
    parser.add_argument("--songs", type=int, default=40)
    options = parser.parse_args()
    classifier = Classifier.load(options.model)
    paths = sorted(find_audio([options.folder]), key=lambda p: -p.stat().st_size)[: options.songs]
    x = np.stack([classifier.predict(path).embedding for path in paths])
    index = Index(x)
    nearest = [index.search(v, 2)[1][-1] for v in x]
    quantiles = (0.01, 0.05, 0.5, 0.95, 1.0)
    print(f"{len(paths)} songs; cosine distances; quantiles {quantiles}")
    print(f"{'nearest other song':<24}", *(f"{q:.4f}" for q in np.quantile(nearest, quantiles)))
    pairs = 1 - (x / np.linalg.norm(x, axis=1)[:, None]) @ (x / np.linalg.norm(x, axis=1)[:, None]).T
    print(f"{'any other song':<24}", *(f"{q:.4f}" for q in np.quantile(pairs[np.triu_indices(len(x), 1)], quantiles)))
    with tempfile.TemporaryDirectory() as folder:
        for codec, bit_rate, suffix in CODINGS:
            distances = []
            for path, vector in zip(paths, x, strict=True):
                target = Path(folder) / f"song.{suffix}"
                recode(path, target, codec, bit_rate)
                other = classifier.predict(target).embedding
                distances.append(1 - vector @ other / (np.linalg.norm(vector) * np.linalg.norm(other)))
            name = f"{codec} {bit_rate // 1000}k" if bit_rate else codec
            print(f"{name:<24}", *(f"{q:.4f}" for q in np.quantile(distances, quantiles)), flush=True)


if __name__ == "__main__":
    main()
