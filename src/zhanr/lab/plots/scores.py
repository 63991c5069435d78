"""Figures of what `zhanr lab evaluate` measures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray

from zhanr import metrics
from zhanr.lab.plots.canvas import PathLike, Style, Theme, canvas, percent


def confusion_matrix(
    labels: Sequence[str], matrix: ArrayLike, path: PathLike, *, title: str | None = None, style: Style = "light"
) -> None:
    """Counts (k, k), rows true and columns predicted; the colour is the share of the row, so that rare genres show."""
    counts = np.asarray(matrix)
    k = len(labels)
    if counts.shape != (k, k) or k == 0:
        raise ValueError(f"expected a matrix of ({k}, {k}) for {k} labels, got {counts.shape}")
    total = counts.sum(axis=1, keepdims=True)
    share = np.divide(counts, total, out=np.zeros(counts.shape), where=total > 0)
    cell = 0.52 if k <= 24 else 0.26
    side = max(2.6, cell * k)
    margin = 0.085 * max(len(label) for label in labels)
    with canvas(path, (side + margin + 1.9, side + margin + 0.9), style) as (figure, theme):
        ax = figure.subplots()
        image = ax.imshow(share, cmap=theme.colours, vmin=0, vmax=1)
        ax.set_xticks(range(k), labels, rotation=45, ha="right", rotation_mode="anchor")
        ax.set_yticks(range(k), labels)
        ax.tick_params(length=0, labelsize=10 if k <= 24 else 7)
        ax.grid(visible=False)
        ax.spines[:].set_visible(False)
        accuracy = f"{np.trace(counts) / max(1, counts.sum()):.1%}".replace("%", " %")
        ax.set(xlabel="predicted genre", ylabel="true genre")
        ax.set_title(title or f"{accuracy} of {counts.sum()} songs right")
        if k <= 24:
            _write_counts(ax, counts, share, theme)
        bar = figure.colorbar(image, ax=ax, shrink=0.7)
        bar.set_label("share of the true genre's songs")
        percent(bar.ax.yaxis)
        bar.outline.set_visible(False)


def reliability(
    confidence: ArrayLike,
    correct: ArrayLike,
    path: PathLike,
    *,
    n_bins: int = metrics.N_BINS,
    style: Style = "light",
) -> None:
    """Accuracy against mean confidence in equal bins, with 95 % Wilson intervals; below, how many songs each bin holds.

    A calibrated classifier lies on the diagonal; one below it is surer than it should be.
    """
    bins = metrics.reliability_bins(confidence, correct, n_bins)
    middle, width = (bins.edges[1:] + bins.edges[:-1]) / 2, 1.0 / n_bins
    filled = np.flatnonzero(bins.count)
    x, y = bins.confidence[filled], bins.accuracy[filled]
    ends = np.array(
        [metrics.wilson_interval(round(a * n), n) for a, n in zip(y, bins.count[filled].tolist(), strict=True)]
    )
    with canvas(path, (5.6, 6.2), style) as (figure, theme):
        top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=[4, 1])
        top.plot([0, 1], [0, 1], "--", color=theme.soft, linewidth=1.2, label="confidence = accuracy")
        top.vlines(x, ends[:, 0], ends[:, 1], color=theme.series[0], alpha=0.45, linewidth=3, label="95 % interval")
        top.plot(x, y, "o-", color=theme.series[0], linewidth=1.2, markersize=7, label="accuracy", clip_on=False)
        top.set(ylabel="share of right answers", xlim=(0, 1), ylim=(0, 1))
        top.set_title(f"Expected calibration error {100 * bins.ece:.1f} %")
        top.legend(loc="upper left")
        bottom.bar(middle, bins.count, 0.92 * width, color=theme.soft)
        bottom.set(xlabel="confidence (probability of the answer)", ylabel="songs")
        bottom.yaxis.set_major_locator(MaxNLocator(3, integer=True))
        percent(top.xaxis, top.yaxis)


def risk_coverage(confidence: ArrayLike, correct: ArrayLike, path: PathLike, *, style: Style = "light") -> None:
    """How often an answer is wrong when only the surest share of the songs is answered."""
    curve = metrics.risk_coverage(confidence, correct)
    with canvas(path, (6.4, 4.4), style) as (figure, theme):
        ax = figure.subplots()
        main, accent = theme.series[0], theme.series[1]
        ax.plot(curve.coverage, curve.risk, color=main, drawstyle="steps-post" if len(curve.risk) < 30 else "default")
        ax.fill_between(curve.coverage, curve.risk, color=main, alpha=0.12, linewidth=0)
        for coverage in (0.5, 0.7, 0.9, 1.0):
            risk = 1 - metrics.selective_accuracy(confidence, correct, coverage)
            ax.plot(coverage, risk, "o", color=accent, markersize=7, clip_on=False, zorder=3)
            ax.annotate(
                f"{100 * risk:.1f} %", (coverage, risk), (-6, 9), textcoords="offset points", ha="right", weight="bold"
            )
        ax.set(xlabel="coverage (share of songs answered, the surest first)", ylabel="risk (share of wrong answers)")
        ax.set(xlim=(0, 1.0), ylim=(0, max(0.05, 1.18 * float(curve.risk.max()))))
        ax.set_title(f"Risk and coverage, {len(curve.risk)} songs (area {curve.area:.3f})")
        percent(ax.xaxis, ax.yaxis)


def _write_counts(ax: Axes, counts: NDArray[Any], share: NDArray[np.float64], theme: Theme) -> None:
    """The number in each cell that has one, dark on pale and pale on dark."""
    dark_on_full = theme.paper != "#ffffff"
    for (row, column), count in np.ndenumerate(counts):
        if count:
            full = share[row, column] > 0.5
            colour = (theme.paper if full else theme.ink) if not dark_on_full else ("#0d1117" if full else theme.ink)
            weight = "bold" if row == column else "normal"
            ax.text(column, row, str(count), ha="center", va="center", color=colour, weight=weight)
