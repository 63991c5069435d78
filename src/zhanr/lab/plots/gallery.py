"""The gallery: a few pieces of each genre as pictures, side by side, to see what a network sees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from zhanr.config import FeatureConfig
from zhanr.lab.evaluation.pieces import Piece
from zhanr.lab.plots.canvas import PathLike, Style, canvas, printable
from zhanr.lab.plots.sound import label_bins, show, value_label

KINDS = {"mel": "mel-spectrograms", "stft": "spectrograms", "mfcc": "MFCC"}


def gallery(
    pieces: Mapping[str, Sequence[Piece]],
    config: FeatureConfig,
    path: PathLike,
    *,
    title: str = "",
    style: Style = "light",
) -> None:
    """A row of pictures for each genre, all over the same seconds, with one colour bar for all.

    Where every genre has a single piece, they are laid out in two columns.
    """
    rows = _rows(pieces)
    columns = max((len(row) for row in rows), default=0)
    if not columns:
        raise ValueError("a gallery needs at least one piece")
    seconds = max(piece.picture.shape[1] for row in rows for _, piece in row) * config.frame_seconds
    width = 3.1 if columns > 2 else 4.4
    with canvas(path, (1.3 + width * columns, 1.2 + 1.22 * len(rows)), style) as (figure, theme):
        grid = figure.subplots(len(rows), columns, squeeze=False, sharex=True)
        for axes, row in zip(grid, rows, strict=True):
            for ax in axes[len(row) :]:
                ax.set_visible(False)
            for column, (ax, (genre, piece)) in enumerate(zip(axes, row, strict=False)):
                image = show(ax, piece.picture, config, theme)
                ax.set_xlim(0, seconds)
                ax.set_title(printable(piece.name, 40), size=7.5, weight="normal", color=theme.soft, pad=3)
                label_bins(ax, config, few=True)
                ax.tick_params(labelsize=7.5, labelleft=column == 0)
                ax.set_ylabel(printable(genre, 16), weight="bold", size=10)
        figure.supxlabel("time (s)", size=10)
        heading = f"{printable(title, 60)}: {KINDS[config.kind]}" if title else KINDS[config.kind]
        figure.suptitle(f"{heading}, frequency in Hz", x=0.012, ha="left", size=12, weight="bold")
        bar = figure.colorbar(image, ax=list(np.ravel(grid)), shrink=min(1.0, 3.0 / len(rows)), aspect=24, pad=0.015)
        bar.set_label(value_label(config))
        bar.outline.set_visible(False)


def _rows(pieces: Mapping[str, Sequence[Piece]]) -> list[list[tuple[str, Piece]]]:
    """The pieces as they are laid out, each with the genre that is written beside it."""
    if max(map(len, pieces.values()), default=0) > 1:
        return [[(genre if i == 0 else "", p) for i, p in enumerate(row)] for genre, row in pieces.items() if row]
    single = [(genre, p) for genre, row in pieces.items() for p in row]
    return [single[i : i + 2] for i in range(0, len(single), 2)]
