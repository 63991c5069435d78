"""Damage music files at random and decode them: how many are answered, how many hang, crash or make anything print.

python research/benchmarks/fuzz.py [--files 10000] [--seed 0] [--folder FOLDER]

Fifteen formats are encoded here, or the files of FOLDER are taken. Each damaged file is decoded and hashed as
`zhanr scan` does it, in processes with limits of time and memory. The last line is the outcome as JSON; exit code 0:
every file gave music or a sentence, and nothing else was written to standard error.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np

from research.benchmarks.robustness import RATE, encode
from zhanr.audio import load
from zhanr.audio.payload import payload_sha256
from zhanr.scan.worker import Ask, Limits, Lost, Pool, Task, Work

FORMATS = {  # FFmpeg's names of container and codec
    "wav": ("wav", "pcm_s16le"),
    "w64": ("w64", "pcm_s16le"),
    "aiff": ("aiff", "pcm_s16be"),
    "au": ("au", "pcm_s16be"),
    "caf": ("caf", "pcm_s16be"),
    "flac": ("flac", "flac"),
    "wv": ("wv", "wavpack"),
    "mka": ("matroska", "flac"),
    "mp3": ("mp3", "libmp3lame"),
    "m4a": ("ipod", "aac"),
    "aac": ("adts", "aac"),
    "opus": ("ogg", "libopus"),
    "oga": ("ogg", "flac"),
    "wma": ("asf", "wmav2"),
    "ac3": ("ac3", "ac3"),
}
UNANSWERED = ("decoding it crashed", "decoding it took longer", "decoding it failed unexpectedly")
SECONDS = 1.5  # of each song: little to decode, and more than the least that is accepted
EXTREMES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 2**63 - 1, 2**63, 2**64 - 1)


def damaged(data: bytes, rng: random.Random) -> bytes:
    """The bytes of a file with one to four faults, most of them where the headers are."""
    out = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        rng.choice(FAULTS)(out, rng)
    return bytes(out)


def _place(out: bytearray, rng: random.Random) -> int:
    return rng.randrange(max(1, min(len(out), rng.choice((64, 512, 4096, len(out))))))


def _flip(out: bytearray, rng: random.Random) -> None:
    for _ in range(rng.randint(1, 16)):
        at = _place(out, rng)
        out[at : at + 1] = bytes([rng.randrange(256)])


def _number(out: bytearray, rng: random.Random) -> None:
    """A size or a position that leads nowhere."""
    at, width = _place(out, rng), rng.choice((1, 2, 4, 8))
    value = rng.choice(EXTREMES) % 256**width
    out[at : at + width] = value.to_bytes(width, rng.choice(("big", "little")))


def _cut(out: bytearray, rng: random.Random) -> None:
    del out[_place(out, rng) :]


def _remove(out: bytearray, rng: random.Random) -> None:
    at = _place(out, rng)
    del out[at : at + rng.randint(1, 300)]


def _insert(out: bytearray, rng: random.Random) -> None:
    at = _place(out, rng)
    out[at:at] = rng.randbytes(rng.randint(1, 300))


def _repeat(out: bytearray, rng: random.Random) -> None:
    begin, at = _place(out, rng), _place(out, rng)
    out[at:at] = out[begin : begin + rng.randint(1, 2000)]


def _blank(out: bytearray, rng: random.Random) -> None:
    at, n = _place(out, rng), rng.randint(1, 300)
    out[at : at + n] = bytes(len(out[at : at + n]))


FAULTS: tuple[Callable[[bytearray, random.Random], None], ...] = (
    _flip, _flip, _number, _number, _number, _cut, _remove, _insert, _repeat, _blank
)  # fmt: skip


def originals(folder: Path | None) -> dict[str, bytes]:
    """The undamaged files by their names."""
    if folder is not None:
        return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}
    t = np.arange(round(SECONDS * RATE)) / RATE
    tune = (0.3 * np.sin(2 * np.pi * (220 + 110 * np.floor(4 * t)) * t)).astype(np.float32)
    return {f"tune.{suffix}": encode(tune, *names, bit_rate=128_000) for suffix, names in FORMATS.items()}


def decode(path: Path, ask: Ask) -> str:
    """What a scan does with the sound of a file. Raises `AudioError`."""
    del ask
    load(path, sample_rate=22050)
    payload_sha256(path)
    return "music"


def _start() -> Work[str]:
    return decode


def tasks(files: dict[str, bytes], n: int, seed: int, folder: Path) -> Iterator[Task]:
    """Damage the files in turn; each lies in the folder only as long as it is needed."""
    names = sorted(files)
    for number in range(n):
        name = names[number % len(names)]
        rng = random.Random(f"{seed} {number}")  # so that one file can be made again without all before it
        path = folder / f"{number:06}-{name}"
        path.write_bytes(damaged(files[name], rng))
        yield Task(path, path.stat().st_size)


@contextmanager
def recorded(stream: int) -> Iterator[BinaryIO]:
    """What this process and its children write to a file descriptor meanwhile goes into a file."""
    before = os.dup(stream)
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), stream)
        try:
            yield file
        finally:
            os.dup2(before, stream)
            os.close(before)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--jobs", type=int, default=1)
    arguments = parser.parse_args()
    files, outcomes, lost = originals(arguments.folder), Counter[str](), []
    with tempfile.TemporaryDirectory() as folder, recorded(2) as errors:
        with Pool(_start, jobs=arguments.jobs, limits=Limits()) as pool:
            work = tasks(files, arguments.files, arguments.seed, Path(folder))
            for task, outcome in pool.run(work, lambda *_: False):
                reason = outcome.reason if isinstance(outcome, Lost) else outcome
                outcomes[re.sub(r"\d+", "#", reason)] += 1
                if reason.startswith(UNANSWERED):
                    lost.append(f"{task.path.name}: {reason}")
                else:
                    task.path.unlink()
        errors.seek(0)
        written = errors.read().decode("utf-8", "replace")
    for text in (*lost, *written.splitlines()[:40]):
        print(text)
    for reason, n in outcomes.most_common():
        print(f"{n:7} {reason}")
    print(
        json.dumps(
            {"files": sum(outcomes.values()), "music": outcomes["music"], "lost": len(lost), "written": len(written)}
        )
    )
    return 1 if lost or written else 0


if __name__ == "__main__":
    sys.exit(main())
