"""The figure of a study: every case with its mean, its interval and the values of its single seeds."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from zhanr.evaluation.plots.canvas import PathLike, Style, canvas, percent


@dataclass(frozen=True)
class Point:
    """One case: a value (0..1) for each seed, the interval of their mean, and where it belongs.

    `x` is its place on a numeric axis; where it is None the cases are categories, one below the other. Cases of one
    `series` are joined by a line (or share a colour).
    """

    name: str
    values: tuple[float, ...]
    interval: tuple[float, float]
    x: float | None = None
    series: str = ""


def study(
    points: Sequence[Point],
    path: PathLike,
    *,
    title: str,
    xlabel: str = "",
    ylabel: str = "songs right",
    log_x: bool = False,
    style: Style = "light",
) -> None:
    """Draw lines over a numeric axis if every point has an `x`, else one row for each category."""
    numeric = all(point.x is not None for point in points)
    names = list(dict.fromkeys(point.series for point in points))
    with canvas(path, (8.0, 4.5 if numeric else 1.2 + 0.4 * len(points)), style) as (figure, theme):
        ax = figure.subplots()
        for row, point in enumerate(points):
            colour = theme.series[names.index(point.series) % len(theme.series)]
            mean, place = statistics.fmean(point.values), point.x if point.x is not None and numeric else -row
            along = [place] * len(point.values)
            one, all_x, all_y = ([place], along, point.values) if numeric else ([mean], point.values, along)
            ax.plot(one, [mean] if numeric else [place], "o", color=colour, markersize=8)
            ax.plot(all_x, all_y, ".", color=theme.soft, markersize=5)
            draw = ax.vlines if numeric else ax.hlines
            draw(place, *point.interval, color=colour, linewidth=1.2)
        ax.set_title(title)
        if numeric:
            ax.set(xlabel=xlabel, ylabel=ylabel)
            percent(ax.yaxis)
            if log_x:
                ax.set_xscale("log")
        else:
            ax.set_yticks([-row for row in range(len(points))], [point.name for point in points])
            ax.set_xlabel(ylabel)
            percent(ax.xaxis)
