"""Genres in the order of a measure, with intervals; the genre that a statement names stands out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes

from zhanr.lab.plots.canvas import PathLike, Style, Theme, canvas, printable


class Bar(NamedTuple):
    """A genre's mean and its 95 % interval."""

    genre: str
    mean: float
    low: float
    high: float


class Panel(NamedTuple):
    """One measure: its name, its unit ("" for a plain number), the genre that the statement names, and all genres."""

    name: str
    unit: str
    named: str
    bars: Sequence[Bar]


def ranks(panels: Sequence[Panel], path: PathLike, *, title: str, columns: int = 2, style: Style = "light") -> None:
    """Draw one panel for each measure, `columns` side by side, the genre with the highest mean on top."""
    if not panels or not all(panel.bars for panel in panels):
        raise ValueError("a figure of ranks needs at least one panel, and every panel a genre")
    rows = -(-len(panels) // columns)
    tallest = max(len(panel.bars) for panel in panels)
    with canvas(path, (4.6 * columns, 0.6 + rows * (0.24 * tallest + 0.85)), style) as (figure, theme):
        axes = np.ravel(figure.subplots(rows, columns, squeeze=False))
        for ax in axes[len(panels) :]:
            ax.set_visible(False)
        for ax, panel in zip(axes, panels, strict=False):
            _panel(ax, panel, theme)
        figure.suptitle(printable(title, 100), x=0.012, ha="left", size=12, weight="bold")


def _panel(ax: Axes, panel: Panel, theme: Theme) -> None:
    bars = sorted(panel.bars, key=lambda bar: -bar.mean)
    for y, bar in enumerate(bars):
        colour = theme.series[1] if bar.genre == panel.named else theme.soft
        ax.hlines(y, bar.low, bar.high, color=colour, linewidth=4, alpha=0.45)
        ax.plot(bar.mean, y, "o", color=colour, markersize=7, markeredgecolor=theme.paper)
    ax.set_yticks(range(len(bars)), [printable(bar.genre, 22) for bar in bars])
    for label, bar in zip(ax.get_yticklabels(), bars, strict=True):
        if bar.genre == panel.named:
            label.set(color=theme.series[1], weight="bold")
    ax.set_ylim(len(bars) - 0.5, -0.5)
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="y", visible=False)
    ax.set_title(f"{panel.name} ({panel.unit})" if panel.unit else panel.name, size=10.5, pad=6)
