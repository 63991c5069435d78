"""What a run tells while it works, and what it remembers of each epoch."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from zhanr.config import Config
from zhanr.files import replacing


@dataclass(frozen=True)
class Epoch(Config):
    """One row of the history. Losses are in nats: training with smoothing and mixup, validation plain.

    `valid_loss` and `valid_accuracy` are per window, `valid_song_...` per song as serving would answer; `lr` is that
    of the first batch.
    """

    epoch: int
    lr: float
    train_loss: float
    train_accuracy: float
    valid_loss: float
    valid_accuracy: float
    valid_song_loss: float
    valid_song_accuracy: float
    seconds: float


class Progress:
    """Tells nothing; a display overrides what it wants to show. Epochs and batches count from 1."""

    def on_start(self, *, epochs: int, batches: int, first_epoch: int) -> None:
        """The run begins, or goes on, with epoch `first_epoch` of at most `epochs`, of `batches` steps each."""

    def on_batch(self, *, epoch: int, batch: int, loss: float) -> None:
        """One step is done; `loss` is the mean of the epoch so far."""

    def on_epoch(self, row: Epoch, *, best: bool) -> None:
        """An epoch is done and validated; `best` says whether it is the best so far."""


def write_history(path: Path, rows: Sequence[Epoch]) -> None:
    """The rows as CSV, whole or not at all."""
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [f.name for f in fields(Epoch)], lineterminator="\n")
        writer.writeheader()
        writer.writerows({k: f"{v:.6g}" if isinstance(v, float) else v for k, v in r.to_dict().items()} for r in rows)
