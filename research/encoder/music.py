"""Stage 1: what the encoder listens to: pieces of 30 s of GTZAN, of the labelled modern music and of games' music.

    python -m research.encoder.music --gtzan ../shared/gtzan --modern ../shared/modern --games FOLDER --out pieces.json

FOLDER is that of `packages`. Pieces come in the order in which they are worth having: the first of each labelled
recording, the first of each other one, then their second and third pieces, each group shuffled.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from zhanr.audio import probe
from zhanr.config import Config
from zhanr.errors import AudioError
from zhanr.scan.walk import find_audio

LABELLED = ("gtzan", "emotify", "macleod")
PIECE_SECONDS = 30.0
SHORTEST_SONG = 25.0  # seconds; what is shorter in a game is a sound, not its music
SMALLEST_SONG = 150_000  # bytes, likewise
HELD_OUT = 20  # one recording in so many is held out of the distillation
SEED = 1


@dataclass(frozen=True)
class Recording(Config):
    """A recording: where it lies, of what collection it is, and what is known of it ("" is nothing)."""

    collection: str
    name: str
    path: str
    seconds: float
    genre: str = ""
    artist: str = ""


@dataclass(frozen=True)
class Piece(Recording):
    """Up to 30 s of a recording from `start` (s) on, the `order`-th of them; a recording is held out as a whole."""

    start: float = 0.0
    order: int = 0
    held_out: bool = False


def main() -> None:
    arguments = parse()
    recordings = [*gtzan(arguments.gtzan), *modern(arguments.modern), *games(arguments.games)]
    chosen = ordered([piece for recording in recordings for piece in cut(recording)], random.Random(SEED))
    arguments.out.write_text(json.dumps([piece.to_dict() for piece in chosen], indent=1), encoding="utf-8")
    print(f"{len(chosen)} pieces of {len(recordings)} recordings")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gtzan", type=Path, required=True, help="folder with audio.csv: track, genre, file, seconds")
    parser.add_argument("--modern", type=Path, required=True, help="folder with index.csv")
    parser.add_argument("--games", type=Path, required=True, help="folder with one folder for each package")
    parser.add_argument("--out", type=Path, required=True)
    return parser.parse_args()


def read(path: Path) -> list[Piece]:
    """The pieces of a file that this stage wrote."""
    return [Piece.from_dict(row) for row in json.loads(path.read_text(encoding="utf-8"))]


def gtzan(folder: Path) -> Iterator[Recording]:
    """The partial recordings of GTZAN; their artists are those of `zhanr.lab.datasets.gtzan`."""
    for row in _rows(folder / "audio.csv"):
        path = (folder / row["file"]).resolve()
        yield Recording("gtzan", row["track"], str(path), float(row["seconds"]), row["genre"])


def modern(folder: Path) -> Iterator[Recording]:
    """Labelled recordings of other collections; a genre that the model does not have is one of the unknown."""
    for row in _rows(folder / "index.csv"):
        path = (folder / row["file"]).resolve()
        yield Recording(row["source"], path.name, str(path), float(row["seconds"]), row["genre"], row["artist"])


def games(folder: Path) -> Iterator[Recording]:
    """The music of games, each a collection of its own, without labels."""
    for path in find_audio([folder]):
        if path.is_symlink() or path.stat().st_size < SMALLEST_SONG:
            continue
        try:
            seconds = probe(path).duration or 0.0
        except AudioError as error:
            print(f"left out: {error}", file=sys.stderr)
            continue
        if seconds >= SHORTEST_SONG:
            yield Recording(path.relative_to(folder).parts[0], path.name, str(path.resolve()), seconds)


def cut(recording: Recording) -> list[Piece]:
    """The pieces of one recording: from its start and its end where it is short, from within where it is a song."""
    held_out = zlib.crc32(f"{recording.collection}/{recording.name}".encode()) % HELD_OUT == 0
    about = recording.to_dict()
    return [
        Piece(**about, start=start, order=order, held_out=held_out)
        for order, start in enumerate(starts(recording.seconds))
    ]


def starts(seconds: float) -> list[float]:
    """Where pieces begin, in seconds; a song's first and last tenth are rarely what it is like."""
    if seconds <= 33:
        return [0.0]
    if seconds <= 66:
        return [0.0, seconds - PIECE_SECONDS]
    inner = [0.3 * seconds, min(0.65 * seconds, seconds - PIECE_SECONDS - 1)]
    return inner + [0.1 * seconds] * (seconds > 240)


def ordered(pieces: list[Piece], rng: random.Random) -> list[Piece]:
    """First pieces before second ones, labelled ones before others, shuffled within."""

    def group(piece: Piece) -> tuple[int, bool]:
        return piece.order, piece.collection not in LABELLED

    shuffled = rng.sample(pieces, len(pieces))
    return sorted(shuffled, key=group)


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


if __name__ == "__main__":
    main()
