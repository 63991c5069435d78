"""The blank sheet: one style for every figure, and the way to a PNG or SVG file.

Every figure is drawn on a `Figure` of its own (no pyplot, no global state), light or dark, in a palette that
colour-blind readers can tell apart. The same data give the same bytes, so that a committed figure changes only when its
data do.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from zhanr.errors import ConfigError, FileError, ZhanrError

try:
    import matplotlib
    from matplotlib import font_manager
    from matplotlib.axis import Axis
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.figure import Figure
    from matplotlib.ticker import PercentFormatter
except ImportError as error:
    raise ZhanrError("drawing a figure needs matplotlib: pip install 'zhanr[train]'") from error

Style = Literal["light", "dark"]
PathLike = str | os.PathLike[str]

SUFFIXES = (".png", ".svg")
DPI = 150


@dataclass(frozen=True)
class Theme:
    """The colours of one style; `series` after Okabe & Ito (2008), brightened for dark paper."""

    paper: str
    ink: str
    soft: str
    grid: str
    series: tuple[str, ...]
    ramp: tuple[str, ...]

    @property
    def colours(self) -> LinearSegmentedColormap:
        """From paper to full colour, for matrices."""
        return LinearSegmentedColormap.from_list("zhanr", self.ramp)


STYLES: Mapping[Style, Theme] = {
    "light": Theme(
        paper="#ffffff",
        ink="#1c2530",
        soft="#667382",
        grid="#e3e7ec",
        series=("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7a5cc0", "#8c8c8c"),
        ramp=("#f7f9fb", "#a9cbe6", "#3d86c0", "#0b3c6f"),
    ),
    "dark": Theme(
        paper="#12161c",
        ink="#e8ecf1",
        soft="#98a4b3",
        grid="#2a323d",
        series=("#4aa8e8", "#ff8b4a", "#2ec99c", "#ea9cc8", "#f7c14b", "#8fd3ff", "#a58cf0", "#a0a0a0"),
        ramp=("#1a2029", "#1f4f7d", "#3d8fd1", "#bfe3ff"),
    ),
}

# Fonts that hold what DejaVu Sans does not, in the order of trying; only those installed are asked for.
_FALLBACK_FONTS = (
    "Noto Sans CJK JP",
    "Noto Sans CJK SC",
    "Hiragino Sans",
    "PingFang SC",
    "Yu Gothic",
    "Microsoft YaHei",
    "Malgun Gothic",
    "WenQuanYi Zen Hei",
    "Noto Sans Devanagari",
    "Nirmala UI",
    "Noto Sans Thai",
    "Noto Sans",
    "Arial Unicode MS",
)


def _settings(theme: Theme) -> Any:  # newer matplotlib types the keys one by one, older ones as str
    installed = set(font_manager.get_font_names())
    return {
        "font.family": ["DejaVu Sans", *(f for f in _FALLBACK_FONTS if f in installed)],
        "font.size": 10,
        "text.color": theme.ink,
        "text.parse_math": False,  # a genre may be called "$"
        "axes.facecolor": theme.paper,
        "axes.edgecolor": theme.soft,
        "axes.labelcolor": theme.ink,
        "axes.titlesize": 12,
        "axes.titleweight": "bold",
        "axes.titlelocation": "left",
        "axes.titlepad": 10,
        "axes.grid": True,
        "axes.axisbelow": True,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "grid.color": theme.grid,
        "grid.linewidth": 0.8,
        "xtick.color": theme.soft,
        "ytick.color": theme.soft,
        "xtick.labelcolor": theme.ink,
        "ytick.labelcolor": theme.ink,
        "figure.facecolor": theme.paper,
        "savefig.facecolor": theme.paper,
        "legend.facecolor": theme.paper,
        "legend.edgecolor": "none",
        "legend.framealpha": 0.85,
        "lines.linewidth": 2.0,
        "svg.fonttype": "none",  # text stays text: it can be searched and read aloud
        "svg.hashsalt": "zhanr",
    }


@contextmanager
def sheet(size: tuple[float, float], style: Style = "light") -> Iterator[tuple[Figure, Theme]]:
    """A blank figure of `size` inches and the colours of `style`; within the block the project's look holds."""
    if style not in STYLES:
        raise ConfigError(f"style: {style!r} is not one of {', '.join(STYLES)}")
    theme = STYLES[style]
    with matplotlib.rc_context(_settings(theme)), warnings.catch_warnings():
        # A script that no installed font covers shows as boxes; that is no reason to break off.
        warnings.filterwarnings("ignore", message=r"Glyph \d+", category=UserWarning)
        yield Figure(figsize=size, layout="constrained"), theme


def writable(path: PathLike, suffixes: Sequence[str] = SUFFIXES) -> Path:
    """The path of a figure, with its folder made. `FileError` where the suffix is not one of `suffixes`."""
    target = Path(path)
    if target.suffix.lower() not in suffixes:
        raise FileError(target, f"figures are written as {' or '.join(suffixes)}")
    target.parent.mkdir(parents=True, exist_ok=True)
    return target


@contextmanager
def canvas(path: PathLike, size: tuple[float, float], style: Style = "light") -> Iterator[tuple[Figure, Theme]]:
    """Open a blank figure of `size` inches; when the block ends without an error it is written to `path`."""
    with sheet(size, style) as (figure, theme):
        target = writable(path)
        yield figure, theme
        metadata = {"Date": None} if target.suffix.lower() == ".svg" else {"Software": None}
        figure.savefig(target, dpi=DPI, metadata=metadata)


def printable(name: str, longest: int = 80) -> str:
    """A name that fits into a figure and that fonts and XML can hold, whatever characters a file's name has."""
    text = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in name)
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def percent(*axes: Axis) -> None:
    """Label axes of shares (0..1) in percent."""
    for axis in axes:
        axis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
