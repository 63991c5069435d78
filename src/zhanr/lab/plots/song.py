"""Figures of one song."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MultipleLocator
from numpy.typing import NDArray

from zhanr.lab.plots.canvas import PathLike, Style, canvas, percent, printable

if TYPE_CHECKING:
    from zhanr.classifier import Prediction


def timeline(prediction: Prediction, path: PathLike, *, shown: int = 6, style: Style = "light") -> None:
    """Genre probabilities over the seconds of one song, stacked: its `shown` likeliest genres, then the rest.

    Silence is a gap.
    """
    if not prediction.timeline:
        raise ValueError("this prediction has no timeline")
    song = prediction.probabilities
    genres = sorted(song, key=lambda g: (-song[g], g))
    top = genres if len(genres) <= shown + 1 else genres[:shown]
    t, rows = _over_time(prediction, top)
    names = [f"{g}  {100 * song[g]:.0f} %" for g in top]
    if len(top) < len(genres):
        rows = np.vstack([rows, 1 - rows.sum(axis=0)])
        names.append(f"others  {100 * sum(song[g] for g in genres[len(top) :]):.0f} %")
    with canvas(path, (10.0, 3.8), style) as (figure, theme):
        ax = figure.subplots()
        colours = [*theme.series[: len(top)], theme.grid]
        areas = ax.stackplot(t, rows, colors=colours, edgecolor=theme.paper, linewidth=0.6)
        ax.set(ylabel="probability", xlim=(t[0], t[-1]), ylim=(0, 1))
        _time_axis(ax, float(t[-1]))
        percent(ax.yaxis)
        ax.set_title(printable(Path(prediction.path).name))
        figure.legend(areas[::-1], names[::-1], loc="outside right center", title="whole song")


def _time_axis(ax: Axes, end: float) -> None:
    """Seconds, and for what is longer than two minutes minutes and seconds, at round ones."""
    if end <= 120:
        ax.set_xlabel("time (s)")
        return
    step = next((s for s in (30, 60, 120, 300, 600, 1200, 1800) if end / s <= 10), 3600)
    ax.xaxis.set_major_locator(MultipleLocator(step))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda s, _: f"{int(s) // 60}:{int(s) % 60:02d}"))
    ax.set_xlabel("time (minutes:seconds)")


def _over_time(prediction: Prediction, genres: Sequence[str]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Times (m,) and probabilities (n_genres, m): windows at their middle, first and last drawn out to the ends."""
    moments = prediction.timeline
    middle = [(m.start + m.end) / 2 for m in moments]
    rows = np.array([[m.probabilities.get(g, np.nan) for m in moments] for g in genres])
    t = np.array([moments[0].start, *middle, max(m.end for m in moments)])
    return t, np.hstack([rows[:, :1], rows, rows[:, -1:]])
