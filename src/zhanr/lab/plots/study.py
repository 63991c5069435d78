"""The figure of a study: how a score depends on what was varied, with every single seed shown."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator
from matplotlib.transforms import ScaledTranslation, Transform

from zhanr.lab.plots.canvas import PathLike, Style, Theme, canvas, percent, printable

MARKERS = "osD^vP"
WIDTH = 8.4


@dataclass(frozen=True)
class Point:
    """One case of a study: a score (0..1) for each seed, the 95 % interval of their mean, and where it belongs.

    `x` is its place on a numeric axis; where one case has none, all are categories, one below the other. Cases of one
    `series` share a colour, and on a numeric axis a line.
    """

    name: str
    values: Sequence[float]
    interval: tuple[float, float] | None = None
    x: float | None = None
    series: str = ""

    @property
    def mean(self) -> float:
        """The mean over the seeds."""
        return float(np.mean(self.values))

    @property
    def spread(self) -> float:
        """The sample standard deviation over the seeds; 0 for a single one."""
        return float(np.std(self.values, ddof=1)) if len(self.values) > 1 else 0.0


def study(
    points: Sequence[Point],
    path: PathLike,
    *,
    title: str,
    xlabel: str = "",
    ylabel: str = "songs right",
    log_x: bool = False,
    lines: Mapping[str, float] | None = None,
    style: Style = "light",
) -> None:
    """Mean (large), standard deviation (shaded), single seeds (small) and 95 % interval (thin) of every case.

    Curves over a numeric axis if every point has an `x` (a logarithmic one with `log_x`), else a row for each case, in
    the order given. `lines` are scores to compare with: {"the paper": 0.65, "chance": 0.1}.
    """
    if not points or not all(len(p.values) for p in points):
        raise ValueError("a study needs at least one case, and every case at least one value")
    series = list(dict.fromkeys(p.series for p in points))
    numeric = all(p.x is not None for p in points)
    rows = _Rows(points)
    height = 4.8 if numeric else max(2.4, 0.34 * rows.tall + 1.6)
    with canvas(path, (WIDTH, height), style) as (figure, theme):
        ax = figure.subplots()
        colour = {name: theme.series[i % len(theme.series)] for i, name in enumerate(series)}
        if numeric:
            _curves(ax, points, series, theme)
            _numeric_axis(ax, sorted({p.x for p in points if p.x is not None}), log_x)
            ax.set(xlabel=xlabel, ylabel=ylabel)
            percent(ax.yaxis)
            ax.yaxis.set_major_locator(MaxNLocator(9, steps=[1, 2, 5, 10]))
        else:
            rows.draw(ax, colour, theme)
            ax.set(xlabel=ylabel, ylabel=xlabel)
            percent(ax.xaxis)
            ax.xaxis.set_major_locator(MaxNLocator(8, steps=[1, 2, 5, 10]))
        _compare(ax, dict(lines or {}), theme, vertical=not numeric)
        text = _wrapped(title, 78)
        figure.suptitle(text, x=0.012, ha="left", size=12, weight="bold")
        if series != [""]:
            _legend(figure, ax, colour, numeric)


def _curves(ax: Axes, points: Sequence[Point], series: Sequence[str], theme: Theme) -> None:
    """A line for each series, in its colour; from the ninth on the colours come again, dashed."""
    for i, name in enumerate(series):
        rows = sorted((p for p in points if p.series == name), key=lambda p: p.x or 0.0)
        colour, dash = theme.series[i % len(theme.series)], "-" if i < len(theme.series) else "--"
        x = np.array([p.x for p in rows], dtype=np.float64)
        mean, spread = np.array([p.mean for p in rows]), np.array([p.spread for p in rows])
        if spread.any():
            ax.fill_between(x, mean - spread, mean + spread, color=colour, alpha=0.15, linewidth=0)
        beside = _shifted(ax, (i - (len(series) - 1) / 2) * min(0.035, 0.14 / len(series)))
        for at, p in zip(x, rows, strict=True):
            ax.update_datalim([(at, y) for y in (*p.values, *(p.interval or ()))])  # what is shifted is not counted
            if p.interval:
                ax.plot([at, at], p.interval, color=colour, linewidth=1.0, alpha=0.6, transform=beside)
            if len(p.values) > 1:
                ax.plot([at] * len(p.values), p.values, ".", color=colour, markersize=5, alpha=0.6, transform=beside)
        ax.plot(x, mean, dash, color=colour, marker=MARKERS[i % len(MARKERS)], markersize=7, label=name, zorder=3)


def _shifted(ax: Axes, inches: float) -> Transform:
    """The axes' coordinates, a hair to the side, so that intervals of several series can be told apart."""
    figure = ax.get_figure(root=True)
    assert figure is not None
    return ax.transData + ScaledTranslation(inches, 0.0, figure.dpi_scale_trans)


def _numeric_axis(ax: Axes, values: Sequence[float], log: bool) -> None:
    """The values that were measured as ticks, where they are few enough; of labels that would touch, the first."""
    if log:
        ax.set_xscale("log")
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _short(value)))
    ax.xaxis.set_minor_locator(NullLocator())
    if len(values) <= 12:
        ax.xaxis.set_major_locator(FixedLocator(_apart(values, log)))


def _apart(values: Sequence[float], log: bool) -> list[float]:
    """Those of rising values whose labels do not overlap; a letter takes about a ninetieth of the axis."""
    place = np.log10(values) if log else np.array(values)
    share = (place - place[0]) / max(float(np.ptp(place)), 1e-12)
    kept = [0]
    for i in range(1, len(values)):
        letters = (len(_short(values[i])) + len(_short(values[kept[-1]]))) / 2 + 1
        if share[i] - share[kept[-1]] >= letters / 90:
            kept.append(i)
    return [values[i] for i in kept]


def _short(value: float) -> str:
    """Three digits are enough for an axis."""
    return f"{float(f'{value:.3g}'):,.10g}"


class _Rows:
    """A row for each case, the first on top; cases of one name lie close together, one colour for each series."""

    def __init__(self, points: Sequence[Point]) -> None:
        self.points = points
        self.labels = {p.name: _wrapped(p.name, 34) for p in points}
        self.middle: dict[str, float] = {}
        self.tall = 0.0
        self.between: list[float] = []
        free: dict[str, float] = {}
        for name, label in self.labels.items():
            cases = sum(p.name == name for p in points)
            needed = max(cases, 0.62 * (label.count("\n") + 1))  # a name of three lines takes almost two rows
            self.middle[name] = self.tall + (needed - 1) / 2
            free[name] = self.tall + (needed - cases) / 2
            gap = 0.35 if len(points) > len(self.labels) else 0.0
            self.tall += needed + gap
            self.between.append(self.tall - (1 + gap) / 2)
        self.places = []
        for p in points:
            self.places.append(free[p.name])
            free[p.name] += 1

    def draw(self, ax: Axes, colours: Mapping[str, str], theme: Theme) -> None:
        for p, y in zip(self.points, self.places, strict=True):
            _row(ax, p, y, colours[p.series], theme)
        if len(self.points) > len(self.labels):
            ax.hlines(self.between[:-1], 0, 1, transform=ax.get_yaxis_transform(), color=theme.grid, linewidth=0.8)
        ax.set_yticks(list(self.middle.values()), list(self.labels.values()))
        ax.set_ylim(self.tall - 0.4, -0.6)
        ax.grid(axis="y", visible=False)
        ax.tick_params(axis="y", length=0)


def _row(ax: Axes, p: Point, y: float, colour: str, theme: Theme) -> None:
    if p.interval:
        ax.hlines(y, *p.interval, color=colour, linewidth=1.2, alpha=0.8)
    if p.spread:
        ax.hlines(y, p.mean - p.spread, p.mean + p.spread, color=colour, linewidth=7, alpha=0.28)
    if len(p.values) > 1:
        ax.plot(p.values, [y] * len(p.values), "|", color=colour, markersize=11, markeredgewidth=1.4, alpha=0.9)
    ax.plot(p.mean, y, "o", color=colour, markersize=7, markeredgecolor=theme.paper, zorder=4)
    text = f"{100 * p.mean:.1f}" + (f" ± {100 * p.spread:.1f}" if len(p.values) > 1 else "") + " %"
    ax.annotate(text, (1.01, y), xycoords=("axes fraction", "data"), va="center", size=9, color=theme.ink)


def _compare(ax: Axes, lines: Mapping[str, float], theme: Theme, *, vertical: bool) -> None:
    """Dashed lines at scores to compare with, named at their end."""
    look: dict[str, Any] = {"color": theme.soft, "linewidth": 1.1, "linestyle": (0, (4, 3)), "zorder": 1}
    words: dict[str, Any] = {"textcoords": "offset points", "size": 8.5, "color": theme.soft, "va": "bottom"}
    for name, value in lines.items():
        text = f"{name} {100 * value:.0f} %"
        if vertical:
            ax.axvline(value, **look)
            low, high = ax.get_xlim()
            side, shift = ("right", -3) if value > low + 0.75 * (high - low) else ("left", 3)
            ax.annotate(text, (value, 0.0), (shift, 3), xycoords=("data", "axes fraction"), ha=side, **words)
        else:
            ax.axhline(value, **look)
            ax.annotate(text, (1.0, value), (-2, 3), xycoords=("axes fraction", "data"), ha="right", **words)


def _legend(figure: Figure, ax: Axes, colours: Mapping[str, str], numeric: bool) -> None:
    """Below the axes; lines as they are drawn, dots for rows."""
    names = [printable(name, 40) or "(other)" for name in colours]
    if numeric:
        handles = ax.get_legend_handles_labels()[0]
        handles += [line for line in ax.get_lines() if not line.get_label()]  # the series without a name, if any
    else:
        handles = [ax.plot([], [], "o", markersize=7, color=colour)[0] for colour in colours.values()]
    longest = max(map(len, names))
    figure.legend(handles, names, loc="outside lower center", ncols=max(1, min(len(names), 90 // (longest + 8))))


def _wrapped(text: str, width: int) -> str:
    return "\n".join(textwrap.wrap(printable(text, 3 * width), width, break_on_hyphens=False)) or " "
