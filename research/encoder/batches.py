"""What one step of the distillation sees: crops of pieces in one of four views, changed, some of them mixed.

Pictures are in decibels above their floor here. What is changed (tilt, level, floor, bands, gaps, speed) must not
change what the music is.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from research.encoder.cache import Corpus
from research.encoder.network import Standard
from research.encoder.picture import FRAMES_PER_SECOND, N_MELS, PICTURE
from research.encoder.targets import CELL_SECONDS

Array = NDArray[Any]
CELL = CELL_SECONDS * FRAMES_PER_SECOND
RANGE_DB = float(PICTURE.top_db or 0)
VIEWS = (0.3, 0.28, 0.27, 0.15)  # how often a crop is clean, coded, respeeded, store-like
EXTREME = 5.0  # standard deviations; what is further out counts as that
BANDS = np.linspace(0, 1, N_MELS)


class Batch(NamedTuple):
    """Pictures x (n, 103, frames) of values about 0..1, standardised targets y (n, 1582), both float32."""

    x: Tensor
    y: Tensor


def draw(
    corpus: Corpus, candidates: NDArray[np.int64], target: Standard, n: int, frames: int, rng: np.random.Generator
) -> Batch:
    """`n` crops of `frames` frames (20 ms each) of the pieces `candidates`; one in five is a mix of two."""
    pictures, rows = [], []
    for piece in rng.choice(candidates, n):
        db, row = crop(corpus, int(piece), frames, rng)
        if rng.random() < 0.2:
            db, row = mix(db, row, *crop(corpus, int(rng.choice(candidates)), frames, rng), rng)
        pictures.append(changed(db, rng) / RANGE_DB)
        rows.append(row)
    return Batch(torch.from_numpy(np.stack(pictures).astype(np.float32)), standardised(np.stack(rows), target))


def clean(corpus: Corpus, piece: int, frames: int, target: Standard) -> Batch:
    """The beginning of a piece as it is, as a batch of one."""
    x = corpus.pictures[piece][0][:, :frames]
    row = corpus.targets[piece, : min(_span(frames), corpus.cells[piece])].astype(np.float32).mean(axis=0)
    return Batch(torch.from_numpy(x.astype(np.float32) / 255)[None], standardised(row[None], target))


def standardised(rows: Array, target: Standard) -> Tensor:
    """Targets (n, 1582) as deviations from their mean, none of them extreme."""
    z = (torch.from_numpy(rows.astype(np.float32)) - target.mean) / target.deviation
    return z.clamp(-EXTREME, EXTREME)


def crop(corpus: Corpus, piece: int, frames: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Some whole cells of one piece in one of its views, now and then faster or slower: decibels and targets."""
    view = corpus.pictures[piece][rng.choice(len(VIEWS), p=VIEWS)]
    cells, span, width = int(corpus.cells[piece]), _span(frames), view.shape[1]
    first = int(rng.integers(0, max(1, cells - span + 1)))
    row = corpus.targets[piece, np.minimum(first + np.arange(span), cells - 1)].astype(np.float32).mean(axis=0)
    speed = rng.uniform(0.92, 1.09) if rng.random() < 0.4 else 1.0
    begin = CELL * first + max(0, CELL * span - frames) / 2 + rng.uniform(-25, 25)
    at = np.floor(begin + np.arange(frames) * speed).astype(int)
    if width >= frames:
        at -= max(0, at[-1] - (width - 1))
    return np.take(view, at, axis=1, mode="wrap").astype(np.float32) * (RANGE_DB / 255), row


def changed(db: Array, rng: np.random.Generator) -> Array:
    """Another equaliser, floor, band limit, gap in time or in frequency, each with a chance of its own."""
    frames = db.shape[1]
    if rng.random() < 0.7:
        curve = np.interp(BANDS, np.linspace(0, 1, 7), rng.normal(0, 3.5, 7)) + rng.normal(0, 5) * (BANDS - 0.5)
        db = db + curve[:, None].astype(np.float32) * (db > 0)
    if rng.random() < 0.3:
        db = np.maximum(db, rng.uniform(0, 35))
    if rng.random() < 0.15:
        db[int(rng.uniform(0.78, 1) * N_MELS) :] = db.min()
    if rng.random() < 0.4:
        gap = int(rng.uniform(5, 0.15 * frames))
        begin = rng.integers(0, frames - gap)
        db[:, begin : begin + gap] = db.mean()
    if rng.random() < 0.2:
        gap = int(rng.integers(3, 12))
        begin = rng.integers(0, N_MELS - gap)
        db[begin : begin + gap] = db.mean()
    return db


def mix(db: Array, row: Array, other: Array, other_row: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """Both at once, the other 3 to 18 dB softer; the targets by their shares of the amplitude."""
    softer = rng.uniform(3, 18)
    other = other + (db.mean() - other.mean()) - softer
    louder = 10 ** (softer / 20)
    share = louder / (louder + 1)
    return 10 * np.log10(10 ** (db / 10) + 10 ** (other / 10)), share * row + (1 - share) * other_row


def _span(frames: int) -> int:
    """How many cells a crop of so many frames stands for."""
    return max(1, frames // CELL)
