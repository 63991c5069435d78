"""The mel scale: how hertz become mels, and the filters that follow from it."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from zhanr.config import FeatureConfig
from zhanr.features import MelScale, hz_to_mel, mel_filter_bank
from zhanr.lab.plots.canvas import PathLike, Style, Theme, canvas

FILTERS = 16
KILOHERTZ = 1000.0
NAMES: dict[MelScale, str] = {"htk": "HTK", "slaney": "Slaney"}


def mel_scale(path: PathLike, *, style: Style = "light") -> None:
    """Both scales over frequency, up to 11,025 Hz, and sixteen triangular filters of each.

    Slaney's scale counts in other units (15 of them to 1 kHz, where HTK's has 1000), so each has an axis of its own;
    these are drawn so that the curves meet at 1 kHz.
    """
    top = FeatureConfig().fmax
    hz = np.linspace(0.0, top, 600)
    with canvas(path, (11.0, 4.6), style) as (figure, theme):
        left, right = figure.subplots(1, 2, width_ratios=[1.15, 1])
        factor = float(hz_to_mel(KILOHERTZ, scale="slaney") / hz_to_mel(KILOHERTZ, scale="htk"))
        for i, scale in enumerate(NAMES):
            mel = hz_to_mel(hz, scale=scale) / (factor if scale == "slaney" else 1.0)
            left.plot(hz, mel, color=theme.series[i], label=NAMES[scale])
        left.plot(KILOHERTZ, hz_to_mel(KILOHERTZ), "o", color=theme.ink, markersize=6, zorder=4)
        left.annotate(
            "1000 Hz = 1000 mel (HTK) = 15 mel (Slaney)", (KILOHERTZ, 1000), (12, -6), textcoords="offset points"
        )
        left.set(title="How high it sounds", xlabel="frequency (Hz)", ylabel="mel (HTK)", xlim=(0, top), ylim=(0, None))
        left.xaxis.set_major_formatter("{x:,.0f}")
        left.yaxis.set_major_formatter("{x:,.0f}")
        other = left.secondary_yaxis("right", functions=(lambda m: m * factor, lambda m: m / factor))
        other.set_ylabel("mel (Slaney)")
        left.legend(loc="lower right")
        _filters(right, top, theme)


def _filters(ax: Axes, top: float, theme: Theme) -> None:
    """The triangles of both scales, one above the other, all of the same height."""
    fine = 2**14
    bins = np.linspace(0, top, fine // 2 + 1)
    for i, scale in enumerate(NAMES):
        bank = mel_filter_bank(
            sample_rate=round(2 * top), n_fft=fine, n_mels=FILTERS, fmin=0.0, fmax=top, mel_scale=scale, norm=None
        )
        base = 1.25 * (len(NAMES) - 1 - i)
        for row in bank:
            shown = row > 0
            ax.fill_between(bins[shown], base, base + row[shown], color=theme.series[i], alpha=0.16, linewidth=0)
            ax.plot(bins[shown], base + row[shown], color=theme.series[i], linewidth=1.1)
        ax.text(top, base + 1.05, NAMES[scale], color=theme.series[i], weight="bold", ha="right")
    ax.set(title=f"{FILTERS} mel filters", xlabel="frequency (Hz)", xlim=(0, top), ylim=(0, 2.5), yticks=[])
    ax.spines["left"].set_visible(False)
    ax.xaxis.set_major_formatter("{x:,.0f}")
