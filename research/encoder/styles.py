"""The styles: the teachers' tags merged by `styles.csv`, told by ridge regression from the encoder's embedding."""

from __future__ import annotations

import csv
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score

from research.encoder.cache import Corpus
from research.encoder.embed import Kind, Rows
from research.encoder.logistic import Linear
from research.encoder.music import HELD_OUT
from research.encoder.targets import FILES, N_TAGS, columns
from zhanr.card import StyleLabel

Array = NDArray[Any]
RIDGE = 0.02  # of the number of rows
N_FOLDS = 5
LEAST_PIECES, LEAST_PRECISION = 8, 0.5  # a style with fewer pieces or a lower average precision is left out
THRESHOLDS = (0.03, 0.5)  # within these a style is set where the teachers' own tag would be


class Styles(NamedTuple):
    """The labels that are good enough, the layer that tells their logits, and the average precision of each."""

    labels: tuple[StyleLabel, ...]
    layer: Linear
    precision: dict[str, list[float | int | None]]


def read() -> list[dict[str, str]]:
    """The vocabulary: name, parent genre or "", and the tag of each of the teachers' vocabularies or ""."""
    with Path(__file__).with_name("styles.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def truth(corpus: Corpus, names: Mapping[str, list[str]], vocabulary: list[dict[str, str]]) -> Array:
    """What the teachers say of each piece, (n_pieces, n_styles): the mean over vocabularies, teachers and cells."""
    said = [rows[:cells].astype(np.float64) for rows, cells in zip(corpus.targets, corpus.cells, strict=True)]
    probability = np.stack([(1 / (1 + np.exp(-rows[:, :N_TAGS]))).mean(axis=0) for rows in said])
    found = []
    for row in vocabulary:
        tags = [columns(names, source, row[source]) for source in FILES if row[source]]
        found.append(np.mean([probability[:, tag].mean(axis=1) for tag in tags], axis=0))
    return np.stack(found, axis=1)


def fit(rows: Rows, corpus: Corpus, names: Mapping[str, list[str]], vocabulary: list[dict[str, str]]) -> Styles:
    """Fit on what was not held out of the distillation, and choose the styles by five folds over all pieces."""
    true = truth(corpus, names, vocabulary)
    logits = np.log(np.clip(true, 1e-4, 1 - 1e-4) / (1 - np.clip(true, 1e-4, 1 - 1e-4)))
    of_music = (rows.piece < len(true)) & (rows.kind != Kind.STORE_LIKE)
    piece = np.minimum(rows.piece, len(true) - 1)
    clean = of_music & (rows.kind == Kind.CLEAN)
    names_of = [f"{p.collection}/{p.name}".encode() for p in corpus.pieces]
    fold = np.array([zlib.crc32(name) // HELD_OUT % N_FOLDS for name in names_of])
    told = np.zeros(true.shape)
    for number in range(N_FOLDS):
        layer = _ridge(rows, of_music & (fold[piece] != number), logits)
        told[fold == number] = _told(rows, layer, clean, len(true))[fold == number]
    layer = _ridge(rows, of_music & ~corpus.held_out[piece], logits)
    held = _told(rows, layer, clean, len(true))
    return _chosen(vocabulary, true, told, held, corpus.held_out, layer)


def _ridge(rows: Rows, chosen: NDArray[np.bool_], logits: Array) -> Linear:
    """Logits (n_pieces, k) from the embeddings of chosen windows."""
    x = rows.embedding[chosen]
    mean, deviation = x.mean(axis=0), x.std(axis=0) + 1e-3
    z, y = (x - mean) / deviation, logits[rows.piece[chosen]]
    bias = y.mean(axis=0)
    weight = np.linalg.solve(z.T @ z + RIDGE * len(z) * np.eye(z.shape[1]), z.T @ (y - bias))
    return Linear(mean, deviation, weight, bias)


def _told(rows: Rows, layer: Linear, clean: NDArray[np.bool_], n: int) -> Array:
    """The mean logits of each piece over its clean windows, (n, k)."""
    values = (rows.embedding[clean] - layer.mean) / layer.deviation @ layer.weight + layer.bias
    sums = np.zeros((n, values.shape[1]))
    np.add.at(sums, rows.piece[clean], values)
    return sums / np.maximum(np.bincount(rows.piece[clean], minlength=n), 1)[:, None]


def _chosen(
    vocabulary: list[dict[str, str]], true: Array, told: Array, held: Array, out: NDArray[np.bool_], layer: Linear
) -> Styles:
    """Keep what agrees with the teachers; the precisions are those of the folds, and of the pieces held out."""
    kept, labels, precision = [], [], {}
    for place, row in enumerate(vocabulary):
        limit = threshold(true[:, place])
        has = true[:, place] >= limit
        if has.sum() < LEAST_PIECES:
            continue
        value = float(average_precision_score(has, told[:, place]))
        if value >= LEAST_PRECISION:
            kept.append(place)
            labels.append(StyleLabel(row["name"], round(limit, 3), row["genre"] or None))
            few = int(has[out].sum())
            aside = float(average_precision_score(has[out], held[out, place])) if few >= 2 else None
            precision[row["name"]] = [
                round(value, 3), int(has.sum()), None if aside is None else round(aside, 3), few
            ]  # fmt: skip
    return Styles(tuple(labels), layer._replace(weight=layer.weight[:, kept], bias=layer.bias[kept]), precision)


def threshold(probability: Array) -> float:
    """Where a tag is best set that has been given these probabilities: the largest expected F1."""
    falling = np.sort(probability)[::-1]
    f1 = 2 * np.cumsum(falling) / (falling.sum() + np.arange(1, len(falling) + 1))
    return float(np.clip(falling[np.argmax(f1)], *THRESHOLDS))
