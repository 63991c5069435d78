"""The ways of optimisers over a landscape of two parameters: as a figure, and as an animation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import BoundaryNorm, to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray
from PIL import Image

from zhanr.lab.plots.canvas import PathLike, Style, Theme, canvas, sheet, writable

Landscape = Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]
"""f(x, y), elementwise over arrays of one shape."""

LEVELS = 16
SIZE = (6.8, 4.9)
GIF_DPI = 90
FRAMES = 75
COLOURS, UNCHANGED = 160, 255
MILLISECONDS, LAST_MILLISECONDS = 70, 2500


def trajectories(
    function: Landscape,
    paths: Mapping[str, NDArray[Any]],
    path: PathLike,
    *,
    title: str,
    x_range: tuple[float, float],
    y_range: tuple[float, float],
    style: Style = "light",
) -> None:
    """Draw where every optimiser went, from the common start (a ring) to its last step (a dot), over contour lines.

    Parameters
    ----------
    function : the landscape, f(x, y) on arrays; dark is low.
    paths : by name, (steps, 2) positions; what leaves the ranges or is not finite is not seen.
    path : a .png or .svg file.

    """
    with canvas(path, SIZE, style) as (figure, theme):
        ax = _landscape(figure, function, title, x_range, y_range, theme)
        for line, dot, way in _lines(ax, paths, theme):
            _show(line, dot, way, len(way))
        figure.legend(loc="outside right center")


def animate(
    function: Landscape,
    paths: Mapping[str, NDArray[Any]],
    path: PathLike,
    *,
    title: str,
    x_range: tuple[float, float],
    y_range: tuple[float, float],
    style: Style = "light",
) -> None:
    """The same as an animated .gif: all step at once, and the last picture stays for a while before it starts again."""
    target = writable(path, (".gif",))
    longest = max(len(way) for way in paths.values())
    steps = np.unique(np.linspace(1, longest, min(FRAMES, longest)).round().astype(int))
    with sheet(SIZE, style) as (figure, theme):
        ax = _landscape(figure, function, title, x_range, y_range, theme)
        lines = _lines(ax, paths, theme)
        count = ax.text(0.98, 0.03, "", transform=ax.transAxes, ha="right", color=theme.ink, weight="bold")
        figure.legend(loc="outside right center")
        figure.set_dpi(GIF_DPI)
        moving = [artist for line, dot, _ in lines for artist in (line, dot)]
        moving.sort(key=lambda artist: artist.get_zorder())
        for artist in (*moving, count):
            artist.set_animated(True)
        pixels: Any = FigureCanvasAgg(figure)
        pixels.draw()  # all that stands still, once
        still = pixels.copy_from_bbox(figure.bbox)
        frames = []
        for step in steps.tolist():
            pixels.restore_region(still)
            count.set_text(f"step {step - 1}")
            for line, dot, way in lines:
                _show(line, dot, way, step)
            for artist in (*moving, count):
                ax.draw_artist(artist)
            frames.append(Image.fromarray(np.array(pixels.buffer_rgba())[..., :3]))
    _write_gif(frames, theme, target)


def _write_gif(frames: list[Image.Image], theme: Theme, target: Path) -> None:
    """One palette for all frames and no dithering; what does not change is left as it was, and takes no space."""
    palette = _palette(frames[-1], theme)
    pixels = [np.asarray(frame.quantize(palette=palette, dither=Image.Dither.NONE)) for frame in frames]
    changes = [np.where(now == before, UNCHANGED, now) for before, now in pairwise(pixels)]
    images = [Image.fromarray(indices.astype(np.uint8), "P") for indices in (pixels[0], *changes)]
    for image in images:
        image.putpalette(palette.getpalette() or [])
    durations = [MILLISECONDS] * (len(images) - 1) + [LAST_MILLISECONDS]
    images[0].save(
        target,
        save_all=True,
        append_images=images[1:],
        duration=durations,
        loop=0,
        disposal=1,
        transparency=UNCHANGED,
        optimize=False,
    )


def _palette(frame: Image.Image, theme: Theme) -> Image.Image:
    """The colours of the lines and of their edges as they are (a picture's own palette blends them), then the rest."""
    paper, series = np.array(to_rgb(theme.paper)), np.array([to_rgb(colour) for colour in theme.series])
    edges = [share * series + (1 - share) * paper for share in (0.75, 0.5)]
    exact = np.concatenate([series, *edges, [to_rgb(theme.ink), paper]])
    palette = Image.new("P", (1, 1))
    palette.putpalette(
        [*(255 * exact).round().astype(int).ravel().tolist(), *(frame.quantize(COLOURS).getpalette() or [])]
    )
    return palette


def _landscape(
    figure: Figure,
    function: Landscape,
    title: str,
    x_range: tuple[float, float],
    y_range: tuple[float, float],
    theme: Theme,
) -> Axes:
    """Contours at quantiles of the height, so that a flat valley and a steep wall both show their shape."""
    x, y = np.meshgrid(np.linspace(*x_range, 240), np.linspace(*y_range, 240))
    z = function(x, y)
    levels = np.unique(np.quantile(z, np.linspace(0, 1, LEVELS)))
    ax = figure.subplots()
    ramp = theme.colours.reversed() if theme.paper == "#ffffff" else theme.colours
    ax.contourf(x, y, z, levels, cmap=ramp, norm=BoundaryNorm(levels, ramp.N), alpha=0.45)
    ax.contour(x, y, z, levels, colors=theme.soft, linewidths=0.5, linestyles="solid", alpha=0.7)
    ax.set(xlim=x_range, ylim=y_range, xlabel="first parameter", ylabel="second parameter", title=title)
    ax.grid(visible=False)
    return ax


def _lines(ax: Axes, paths: Mapping[str, NDArray[Any]], theme: Theme) -> list[tuple[Line2D, Line2D, NDArray[Any]]]:
    """A line and a dot for each path, empty yet; where two cross, dashes let both be seen."""
    if not paths or any(way.ndim != 2 or way.shape[1] != 2 or not len(way) for way in paths.values()):
        raise ValueError("expected paths of shape (steps >= 1, 2)")
    made = []
    for i, (name, way) in enumerate(paths.items()):
        colour, dash = theme.series[i % len(theme.series)], "-" if i < len(theme.series) else "--"
        (line,) = ax.plot([], [], dash, color=colour, label=name, linewidth=2.0, zorder=3 + 0.01 * i)
        (dot,) = ax.plot([], [], "o", color=colour, markersize=8, markeredgecolor=theme.paper, zorder=5 + 0.01 * i)
        made.append((line, dot, np.where(np.isfinite(way), way, np.nan)))
    start = next(iter(paths.values()))[0]
    ax.plot(
        *start, "o", markersize=11, markerfacecolor="none", markeredgecolor=theme.ink, markeredgewidth=1.5, zorder=4
    )
    return made


def _show(line: Line2D, dot: Line2D, way: NDArray[Any], steps: int) -> None:
    line.set_data(way[:steps, 0], way[:steps, 1])
    last = way[: min(steps, len(way))][-1:]
    dot.set_data(last[:, 0], last[:, 1])
