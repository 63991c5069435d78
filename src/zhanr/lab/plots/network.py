"""A network as a figure: its layers from top to bottom, and what becomes of one window on its way."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch

from zhanr.lab.plots.canvas import PathLike, Style, Theme, canvas, printable

Layer = tuple[str, tuple[int, ...], int]
"""What a layer does, the shape of what leaves it (without the batch), and how many parameters it learns."""

MOST_LAYERS = 120
KINDS = (  # the first that a name begins with gives the colour
    (("Conv", "Views", "Block"), 0),
    (("MaxPool", "AvgPool", "AdaptiveAvgPool", "AdaptiveMaxPool", "AveragePool", "GlobalAveragePool", "Reduce"), 2),
    (("GRU", "LSTM", "RNN"), 6),
    (("Linear", "Gemm", "MatMul"), 1),
)


def network(
    layers: Sequence[Layer], path: PathLike, *, title: str = "", arrows: bool = True, style: Style = "light"
) -> None:
    """Draw one box for each layer, as wide as it has values to give (on a logarithmic scale), with shape and weights.

    `arrows` from each to the next, where none of them are parallel branches.
    """
    if not 0 < len(layers) <= MOST_LAYERS:
        raise ValueError(f"expected 1 to {MOST_LAYERS} layers, got {len(layers)}")
    widest = max(_size(shape) for _, shape, _ in layers)
    with canvas(path, (9.6, 1.3 + 0.42 * len(layers)), style) as (figure, theme):
        ax = figure.subplots()
        ax.set(xlim=(0, 14.2), ylim=(len(layers) - 0.4, -1.3))
        ax.axis("off")
        for x, text, side in ((4.2, "layer", "center"), (10.6, "output", "right"), (14.0, "parameters", "right")):
            ax.text(x, -0.95, text, ha=side, va="center", color=theme.soft, size=9)
        for row, layer in enumerate(layers):
            _box(ax, row, layer, widest, theme)
            if row and arrows:
                arrow = {"arrowstyle": "-|>", "color": theme.soft, "linewidth": 0.9, "shrinkA": 0, "shrinkB": 0}
                ax.annotate("", (4.2, row - 0.33), (4.2, row - 0.67), arrowprops=arrow)
        total = sum(parameters for _, _, parameters in layers)
        figure.suptitle(f"{printable(title, 60)}: {total:,} parameters", x=0.012, ha="left", size=12, weight="bold")


def _box(ax: Axes, row: int, layer: Layer, widest: float, theme: Theme) -> None:
    name, shape, parameters = layer
    width = 3.0 + 5.2 * _size(shape) / widest
    colour = theme.series[_colour(name)]
    box = FancyBboxPatch(
        (4.2 - width / 2, row - 0.3), width, 0.6, boxstyle="round,pad=0,rounding_size=0.12", linewidth=1.1
    )
    box.set(facecolor=(*_rgb(colour), 0.18), edgecolor=colour)
    ax.add_patch(box)
    ax.text(4.2, row, printable(name, 58), ha="center", va="center", size=9)
    ax.text(10.6, row, " × ".join(f"{n:,}" for n in shape), ha="right", va="center", size=9)
    ax.text(14.0, row, f"{parameters:,}" if parameters else "–", ha="right", va="center", size=9)


def _size(shape: tuple[int, ...]) -> float:
    return math.log2(1 + math.prod(max(1, n) for n in shape))


def _colour(name: str) -> int:
    return next((colour for starts, colour in KINDS if name.startswith(starts)), 7)


def _rgb(colour: str) -> tuple[float, float, float]:
    return tuple(int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))  # type: ignore[return-value]
