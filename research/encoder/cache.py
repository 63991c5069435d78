"""Stage 2: what the teachers say of each piece, and the pictures that the encoder will see of it.

    python -m research.encoder.cache --pieces pieces.json --teachers ../shared/teachers --musicnn M --out shards

M is the folder `musicnn/MSD_musicnn` of the unpacked wheel `musicnn==0.1.0`. A piece takes two seconds of one core and
640 kB. A shard holds twenty pieces; shards that are there are not made again, and `--part 0/2` makes every second one,
for two processes side by side.
"""

from __future__ import annotations

import argparse
import json
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from research.encoder import copies, music, targets
from research.encoder.music import Piece
from research.encoder.picture import FRAMES_PER_SECOND, N_MELS
from research.encoder.targets import CELL_SECONDS, N_CELLS
from research.encoder.teachers import RATE, SHORT_SECONDS, Teachers, pieces
from zhanr.audio import load
from zhanr.errors import AudioError
from zhanr.files import replacing

Array = NDArray[Any]
SHARD = 20  # pieces
FRAMES = int(music.PIECE_SECONDS * FRAMES_PER_SECOND)
QUIETEST_PEAK = 1e-3  # -60 dB: below it there is nothing to learn from
INTO_CELL = 0.5  # seconds after a cell's begin that the musicnns' three seconds begin


@dataclass
class Corpus:
    """All pieces: pictures (4, 103, frames <= 1500) uint8 of each, clean, coded, respeeded and store-like; targets
    (n, 6, 1582) float16."""

    pieces: list[Piece]
    pictures: list[NDArray[np.uint8]]
    targets: NDArray[np.float16]

    @property
    def cells(self) -> NDArray[np.int64]:
        """How many whole cells of 5 s each piece has, (n,), at least one."""
        frames = np.array([picture.shape[-1] for picture in self.pictures])
        return np.clip(frames // (CELL_SECONDS * FRAMES_PER_SECOND), 1, N_CELLS)

    @property
    def held_out(self) -> NDArray[np.bool_]:
        """Which pieces the encoder must not learn from, (n,)."""
        return np.array([piece.held_out for piece in self.pieces])


def main() -> None:
    arguments = parse()
    torch.set_num_threads(1)
    teachers = Teachers(arguments.teachers, arguments.musicnn)
    todo = music.read(arguments.pieces)
    part, parts = map(int, arguments.part.split("/"))
    arguments.out.mkdir(parents=True, exist_ok=True)
    for number in range(part, -(-len(todo) // SHARD), parts):
        target = arguments.out / f"{number:04d}.npz"
        if not target.exists():
            rows = list(made(teachers, todo[number * SHARD : (number + 1) * SHARD]))
            write(target, rows)
            print(f"{target}: {len(rows)} pieces", flush=True)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pieces", type=Path, required=True, help="what stage 1 wrote")
    parser.add_argument("--teachers", type=Path, required=True, help="folder with the six teachers' arrays")
    parser.add_argument("--musicnn", type=Path, required=True, help="folder MSD_musicnn of the unpacked wheel")
    parser.add_argument("--out", type=Path, required=True, help="folder of the shards")
    parser.add_argument("--part", default="0/1", help="which of how many processes this is")
    return parser.parse_args()


def made(teachers: Teachers, todo: list[Piece]) -> Iterator[tuple[Piece, Array, Array]]:
    """Piece, pictures and targets of each that can be read and holds sound."""
    for piece in todo:
        try:
            seconds = music.PIECE_SECONDS
            high = load(piece.path, sample_rate=copies.SOURCE_RATE, start=piece.start, duration=seconds).samples
        except AudioError as error:
            print(f"left out: {error}", file=sys.stderr)
            continue
        if np.abs(high).max() >= QUIETEST_PEAK:
            seed = zlib.crc32(f"{piece.collection}/{piece.name}/{piece.start}".encode())
            low = copies.resample(high, copies.SOURCE_RATE, RATE)
            rows = targets.aligned(teachers(low, high, short_windows(low)))
            yield piece, pictures(high, np.random.default_rng(seed)), rows


def short_windows(low: Array) -> Array:
    """From (n,) at 16 kHz three seconds within each cell of five, (m, 48000); of less than that the whole, repeated."""
    size = int(SHORT_SECONDS * RATE)
    begins = [int((INTO_CELL + CELL_SECONDS * cell) * RATE) for cell in range(N_CELLS)]
    windows = [low[begin : begin + size] for begin in begins if len(low) >= begin + size]
    return np.stack(windows) if windows else pieces(low, size)[:1]


def pictures(high: Array, rng: np.random.Generator) -> NDArray[np.uint8]:
    """(n,) at 32 kHz to (4, 103, frames) of one width: a copy that came out shorter goes on from its start."""
    views = copies.pictures(high, rng)
    frames = min(FRAMES, views[0].shape[1])
    stacked = np.empty((len(views), N_MELS, frames), np.uint8)
    for row, view in zip(stacked, views, strict=True):
        row[:] = np.take(view, np.arange(frames), axis=1, mode="wrap")
    return stacked


def write(target: Path, rows: list[tuple[Piece, Array, Array]]) -> None:
    """One shard; it appears whole or not at all."""
    arrays = {str(i): row[1] for i, row in enumerate(rows)}
    about = json.dumps([piece.to_dict() for piece, *_ in rows])
    values = np.array([row[2] for row in rows], np.float16).reshape(-1, N_CELLS, targets.N_TARGETS)
    with replacing(target) as temporary, temporary.open("wb") as file:
        np.savez(file, allow_pickle=False, pieces=about, targets=values, **arrays)


def read(folder: Path) -> Corpus:
    """All shards of a folder, in order; 600 kB of memory for each piece."""
    found: list[Piece] = []
    views, values = [], []
    for path in sorted(folder.glob("*.npz")):
        with np.load(path) as shard:
            about = [Piece.from_dict(row) for row in json.loads(str(shard["pieces"]))]
            views += [shard[str(i)] for i in range(len(about))]
            values.append(shard["targets"])
            found += about
    if not found:
        raise SystemExit(f"{folder} holds no shards of stage 2")
    return Corpus(found, views, np.concatenate(values))


if __name__ == "__main__":
    main()
