"""Songs a second and core, bytes a row.

    python research/benchmarks/throughput.py FOLDER [--model MODEL] (for docs/scale.md)

Processor time is counted, not the time on the wall, so that other work on the machine changes little.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from zhanr.audio import AudioReader
from zhanr.audio.payload import payload_sha256
from zhanr.classifier import Classifier
from zhanr.library import Library, Song
from zhanr.library.parquet import write_songs
from zhanr.scan.analyse import analyser
from zhanr.scan.walk import find_audio
from zhanr.segments import segments


def main() -> None:
    """Print the numbers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model")
    options = parser.parse_args()
    start, _ = analyser(options.model)
    listen, card = start(), Classifier.load(options.model).card
    paths = list(find_audio([options.folder]))
    listen(paths[0], lambda _: False)  # the first one pays for what is loaded once
    spent = dict.fromkeys(("hash", "decode", "decode and features", "everything"), 0.0)
    songs: list[Song] = []
    for path in paths:
        begin = time.process_time()
        payload_sha256(path)
        spent["hash"] += time.process_time() - begin
        begin = time.process_time()
        with AudioReader(path, sample_rate=card.features.sample_rate) as reader:
            for _ in reader.blocks(1 << 18):
                pass
        spent["decode"] += time.process_time() - begin
        begin = time.process_time()
        with AudioReader(path, sample_rate=card.features.sample_rate) as reader:
            for _ in segments(reader, card.features, card.windows):
                pass
        spent["decode and features"] += time.process_time() - begin
        begin = time.process_time()
        song = listen(path, lambda _: False)
        spent["everything"] += time.process_time() - begin
        if song is not None and song.error is None:
            songs.append(song)
    seconds = sum(song.duration or 0 for song in songs)
    print(
        f"{len(songs)} songs of {seconds / len(songs):.0f} s and {sum(s.size for s in songs) / len(songs) / 1e6:.1f} MB"
    )
    for stage, time_ in spent.items():
        print(f"{stage:<20} {1000 * time_ / len(songs):8.0f} ms a song  {seconds / time_:8.0f} times real time")
    with tempfile.TemporaryDirectory() as folder:
        many = [_copy(songs[i % len(songs)], i) for i in range(10_000)]
        target = Path(folder) / "songs.parquet"
        write_songs(many, target)
        print(f"{target.stat().st_size / len(many):8.0f} bytes a row of Parquet")
        with Library.open(Path(folder) / "library.sqlite") as library:
            begin = time.process_time()
            library.add(*many)
            spent_here = time.process_time() - begin
        print(f"{(Path(folder) / 'library.sqlite').stat().st_size / len(many):8.0f} bytes a row of the library")
        print(f"{len(many) / spent_here:8.0f} rows a second into the library")


def _copy(song: Song, i: int) -> Song:
    """The song under another name, with an embedding that doesn't repeat and so can't be compressed away."""
    import dataclasses

    import numpy as np

    noise = np.random.default_rng(i).normal(size=0 if song.embedding is None else len(song.embedding))
    return dataclasses.replace(
        song,
        path=Path(f"/music/artist {i // 100}/album {i // 10}/{i:08} a song.mp3"),
        content_hash=f"{i:064x}"[::-1],
        embedding=noise.astype(np.float32),
        probabilities={g: p + 1e-3 * float(noise[0]) for g, p in song.probabilities.items()},
    )


if __name__ == "__main__":
    main()
