"""How a training run went, epoch by epoch."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from zhanr.errors import FileError
from zhanr.files import read_failure
from zhanr.lab.plots.canvas import PathLike, Style, Theme, canvas, percent

HISTORY = ("epoch", "lr", "train_loss", "train_accuracy", "valid_loss", "valid_accuracy", "valid_song_accuracy")
"""The columns of a training run's history."""


def learning_curves(history_csv: PathLike, path: PathLike, *, best: int | None = None, style: Style = "light") -> None:
    """Accuracy and loss over the epochs, training and validation, with the kept epoch marked.

    `best` is that epoch; without it, the one with the highest song accuracy (the first of several with the lowest
    validation loss). Values that are missing or not finite leave a gap.
    """
    h = _read_history(history_csv)
    if best is None:
        song, loss = np.nan_to_num(h["valid_song_accuracy"], nan=-1.0), np.nan_to_num(h["valid_loss"], nan=np.inf)
        best = int(h["epoch"][np.lexsort((loss, -song))[0]])
    marker = "o" if len(h["epoch"]) < 3 else ""
    with canvas(path, (10.0, 4.2), style) as (figure, theme):
        left, right = figure.subplots(1, 2)
        lines = (
            (left, "train_accuracy", "training", 0, "-"),
            (left, "valid_accuracy", "validation, per window", 4, "--"),
            (left, "valid_song_accuracy", "validation, per song", 1, "-"),
            (right, "train_loss", "training", 0, "-"),
            (right, "valid_loss", "validation", 1, "-"),
        )
        for ax, column, label, colour, dash in lines:
            ax.plot(h["epoch"], h[column], dash, color=theme.series[colour], label=label, marker=marker)
        _mark_best(left, h, "valid_song_accuracy", best, theme)
        _mark_best(right, h, "valid_loss", best, theme)
        left.set(title="Accuracy", xlabel="epoch", ylabel="share of right answers", ylim=(0, 1.02))
        percent(left.yaxis)
        right.set(title="Loss", xlabel="epoch", ylabel="cross-entropy (nats)")
        right.set_ylim(bottom=0)
        for ax in (left, right):
            ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=3)  # below: no place inside is always free
            ax.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))


def _read_history(path: PathLike) -> dict[str, NDArray[np.float64]]:
    try:
        with Path(path).open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise FileError(path, read_failure(error)) from error
    if not rows:
        raise FileError(path, "it holds no epochs yet")
    if missing := [c for c in HISTORY if c not in rows[0]]:
        raise FileError(path, f"it is not the history of a training run: no column {', '.join(missing)}")
    return {c: np.array([_number(row[c], path) for row in rows]) for c in HISTORY}


def _number(text: str | None, path: PathLike) -> float:
    try:
        return float(text) if text else float("nan")
    except ValueError as error:
        raise FileError(path, f"it is not the history of a training run: {text!r} is not a number") from error


def _mark_best(ax: Axes, history: Mapping[str, NDArray[np.float64]], column: str, best: int, theme: Theme) -> None:
    """A dotted line at the best epoch, a ring on the validation curve, and its value above the panel."""
    ax.axvline(best, color=theme.soft, linewidth=1.0, linestyle=(0, (2, 2)), zorder=1)
    at = np.flatnonzero(history["epoch"] == best)
    if not len(at) or not np.isfinite(value := float(history[column][at[0]])):
        return
    ax.plot(best, value, "o", markersize=8, markerfacecolor=theme.paper, markeredgecolor=theme.series[1], zorder=4)
    text = f"{100 * value:.1f} %" if "accuracy" in column else f"{value:.2f}"
    ax.set_title(f"{text} at the best epoch, {best}", loc="right", size=10, weight="normal", color=theme.series[1])
