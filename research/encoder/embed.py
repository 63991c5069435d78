"""Stage 5: the encoder's numbers for everything that the heads are fitted and measured on.

    python -m research.encoder.embed --encoder run/encoder.safetensors --shards shards --sounds sounds.npz \\
        --out embeddings.npz S/gtzan/mel128_train.npz S/gtzan/mel128_valid.npz

Labelled pieces come as they are, coded, respeeded, as short crops and by way of a store; the others, feature stores and
sounds as they are. One window of 10 s takes 10 ms.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from enum import IntEnum
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray

from research.encoder import cache, picture, sounds
from research.encoder.cache import FRAMES, Corpus
from research.encoder.music import LABELLED, Piece
from research.encoder.network import Student, to_onnx
from zhanr.lab.datasets.store import FeatureStore

Array = NDArray[Any]
WINDOW = 500  # frames: 10 s
SHORT = 150  # frames: 3 s
NARROWEST = 100  # frames; what is narrower is repeated
STORE, SOUND = "store", "sound"  # names of their collections


class Kind(IntEnum):
    """How a window came to be."""

    CLEAN = 0
    CODED = 1
    RESPEEDED = 2
    SHORT = 3  # three seconds, clean or coded
    SHORT_CLEAN = 4
    STORE_LIKE = 5


class Rows(NamedTuple):
    """Embeddings (m, 640) float32; for each its kind and the number of its piece, both (m,); and the pieces.

    Excerpts of feature stores are pieces of the collection "store", sounds of the collection "sound", where the artist
    is the group and the genre is empty.
    """

    embedding: NDArray[np.float32]
    kind: NDArray[np.int64]
    piece: NDArray[np.int64]
    pieces: list[Piece]


class View(NamedTuple):
    """A window (103, frames) uint8 of one piece."""

    piece: int
    kind: Kind
    window: NDArray[np.uint8]


def main() -> None:
    arguments = parse()
    torch.set_num_threads(1)
    corpus = cache.read(arguments.shards)
    pieces = list(corpus.pieces)
    views = list(views_of(corpus, np.random.default_rng(0)))
    for more, pictures in (stored(arguments.stores), made(arguments.sounds)):
        for piece, whole in zip(more, pictures, strict=True):
            views += [View(len(pieces), Kind.CLEAN, window) for window in windows(whole)]
            pieces.append(piece)
    write(arguments.out, embedded(Student.load(arguments.encoder), views, pieces))
    print(f"{len(views)} windows of {len(pieces)} pieces")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stores", nargs="+", type=Path, help="feature stores of GTZAN")
    parser.add_argument("--encoder", type=Path, required=True, help="what stage 3 wrote, or the one of this folder")
    parser.add_argument("--shards", type=Path, required=True, help="folder that stage 2 wrote")
    parser.add_argument("--sounds", type=Path, required=True, help="what stage 4 wrote")
    parser.add_argument("--out", type=Path, required=True)
    return parser.parse_args()


def write(path: Path, rows: Rows) -> None:
    """One file, the embeddings in half precision."""
    about = json.dumps([piece.to_dict() for piece in rows.pieces])
    embedding = rows.embedding.astype(np.float16)
    np.savez(path, allow_pickle=False, embedding=embedding, kind=rows.kind, piece=rows.piece, pieces=about)


def read(path: Path) -> Rows:
    """The rows of a file of `write`."""
    with np.load(path) as file:
        pieces = [Piece.from_dict(row) for row in json.loads(str(file["pieces"]))]
        return Rows(file["embedding"].astype(np.float32), file["kind"], file["piece"], pieces)


def views_of(corpus: Corpus, rng: np.random.Generator) -> Iterator[View]:
    """The windows of every piece: clean ones all, of the copies of a labelled piece one each."""
    for number, (piece, pictures) in enumerate(zip(corpus.pieces, corpus.pictures, strict=True)):
        clean = windows(pictures[0])
        yield from (View(number, Kind.CLEAN, window) for window in clean)
        if piece.collection in LABELLED:
            place = int(rng.integers(len(clean)))
            for view, kind in ((1, Kind.CODED), (2, Kind.RESPEEDED), (3, Kind.STORE_LIKE)):
                yield View(number, kind, windows(pictures[view])[place])
            if pictures.shape[2] >= 2 * SHORT:
                for kind, choice in ((Kind.SHORT, (0, 1)), (Kind.SHORT, (0, 1)), (Kind.SHORT_CLEAN, (0,))):
                    begin = int(rng.integers(pictures.shape[2] - SHORT))
                    yield View(number, kind, pictures[int(rng.choice(choice))][:, begin : begin + SHORT])


def windows(whole: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """All whole windows of (103, frames); what is shorter is one by itself."""
    n = max(1, whole.shape[1] // WINDOW)
    return [whole[:, WINDOW * i : WINDOW * (i + 1)] for i in range(n)]


def stored(paths: list[Path]) -> tuple[list[Piece], list[NDArray[np.uint8]]]:
    """The excerpts of feature stores as pieces and pictures (103, 1500)."""
    stores = [FeatureStore.load(path) for path in paths]
    names = [str(name) for store in stores for name in store.names]
    pieces = [Piece(STORE, name, "", 30.0, name.split(".")[0]) for name in names]
    return pieces, [picture.from_store(x)[:, :FRAMES] for store in stores for x in store.x]


def made(path: Path) -> tuple[list[Piece], list[NDArray[np.uint8]]]:
    """The sounds as pieces and pictures."""
    found = sounds.read(path)
    pieces = [
        Piece(
            SOUND,
            f"{sound.group}/{sound.name}",
            "",
            sound.picture.shape[1] / picture.FRAMES_PER_SECOND,
            artist=sound.group,
        )
        for sound in found
    ]
    return pieces, [sound.picture for sound in found]


def embedded(student: Student, views: list[View], pieces: list[Piece]) -> Rows:
    """Run the encoder on every window, in ONNX Runtime, which takes a third of torch's time."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    graph = to_onnx(student.encoder, ["embedding"])
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    windows = (_filled(view.window)[None] / np.float32(255) for view in views)
    return Rows(
        np.concatenate([session.run(None, {"x": window})[0] for window in windows]),
        np.array([view.kind for view in views]),
        np.array([view.piece for view in views]),
        pieces,
    )


def _filled(window: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A narrow window, repeated until it is wide enough."""
    return np.tile(window, -(-NARROWEST // window.shape[1])) if window.shape[1] < NARROWEST else window


if __name__ == "__main__":
    main()
