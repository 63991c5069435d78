"""Figures of sound: its waveform, and its pictures (STFT, mel-spectrogram, MFCC), with seconds, hertz and decibels."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, LinearSegmentedColormap
from matplotlib.image import AxesImage
from numpy.typing import NDArray

from zhanr import features
from zhanr.config import FeatureConfig
from zhanr.lab.plots.canvas import PathLike, Style, Theme, canvas, printable

Array = NDArray[Any]

HEAT = "magma"
MOST_POINTS = 4000
MEL_TICKS_HZ = (256, 512, 1024, 2048, 4096, 8192, 16384)
FEW_TICKS_HZ = (128, 1024, 8192)


def waveform(
    y: Array, sample_rate: int, path: PathLike, *, start: float = 0.0, title: str = "", style: Style = "light"
) -> None:
    """Amplitude over time of `y` (n_samples,), which begins `start` seconds into its song.

    Every sample is drawn where the paper can show it; of a longer piece, the range within each narrow strip.
    """
    samples = np.asarray(y, dtype=np.float32)
    if samples.ndim != 1 or len(samples) < 2:
        raise ValueError(f"expected a mono signal of at least 2 samples, got an array of shape {samples.shape}")
    top = max(1.08 * float(np.abs(samples).max()), 1e-3)
    end = start + len(samples) / sample_rate
    with canvas(path, (10.0, 3.4), style) as (figure, theme):
        ax = figure.subplots()
        ax.axhline(0, color=theme.soft, linewidth=0.8)
        _trace(ax, samples, np.linspace(start, end, len(samples), endpoint=False), theme)
        ax.set(xlabel="time (s)", ylabel="amplitude (full scale = 1)", xlim=(start, end), ylim=(-top, top))
        ax.set_title(printable(title))


def _trace(ax: Axes, samples: Array, t: Array, theme: Theme) -> None:
    strip = math.ceil(len(samples) / MOST_POINTS)
    if strip == 1:
        ax.plot(t, samples, color=theme.series[0], linewidth=1.1)
        return
    full = len(samples) // strip * strip
    strips = samples[:full].reshape(-1, strip)
    ax.fill_between(t[:full:strip], strips.min(axis=1), strips.max(axis=1), color=theme.series[0], linewidth=0.3)


def spectrogram(
    picture: Array,
    config: FeatureConfig,
    path: PathLike,
    *,
    start: float = 0.0,
    title: str = "",
    style: Style = "light",
) -> None:
    """Draw a picture (n_bins, n_frames) as `features.extract` makes it with `config`: STFT, mel or MFCC."""
    with canvas(path, (10.0, 4.4), style) as (figure, theme):
        ax = figure.subplots()
        image = show(ax, picture, config, theme, start=start)
        label_bins(ax, config)
        ax.set(xlabel="time (s)")
        ax.set_title(printable(title))
        bar = figure.colorbar(image, ax=ax, pad=0.015, aspect=28, extend="both" if config.kind == "mfcc" else "neither")
        bar.set_label(value_label(config))
        bar.outline.set_visible(False)


def show(ax: Axes, picture: Array, config: FeatureConfig, theme: Theme, *, start: float = 0.0) -> AxesImage:
    """Put a picture on axes whose x is seconds and whose y is bins."""
    x = np.asarray(picture)
    if x.ndim != 2 or x.shape[0] != config.n_bins or not x.shape[1]:
        raise ValueError(f"expected a picture of ({config.n_bins}, n_frames >= 1), got {x.shape}")
    colours, low, high = _colours(x, config, theme)
    extent = (start, start + x.shape[1] * config.frame_seconds, 0.0, float(config.n_bins))
    ax.grid(visible=False)
    x = np.repeat(x, max(1, 256 // x.shape[0]), axis=0)  # few rows keep their edges when many columns are blended
    return ax.imshow(x, origin="lower", aspect="auto", extent=extent, cmap=colours, vmin=low, vmax=high)


def _colours(x: Array, config: FeatureConfig, theme: Theme) -> tuple[str | Colormap, float, float]:
    """Heat for levels; for MFCC, two colours that meet at zero, over the range of all but the first coefficient."""
    if config.scale != "none":
        return HEAT, 0.0, 1.0
    if config.kind != "mfcc":
        if config.log and config.ref == "max" and config.top_db is not None:
            return HEAT, -config.top_db, 0.0
        low, high = float(x.min()), float(x.max())
        return HEAT, low, max(high, low + 1e-6)
    both = LinearSegmentedColormap.from_list("both", (theme.series[0], theme.paper, theme.series[1]))
    most = max(1.0, float(np.percentile(np.abs(x[1:] if len(x) > 1 else x), 99)))
    return both, -most, most


def value_label(config: FeatureConfig) -> str:
    """What the colours mean."""
    if config.scale != "none":
        return "level, 0 to 1 within the excerpt"
    if config.kind == "mfcc":
        return "coefficient"
    if not config.log:
        return "power" if config.power == 2 else "magnitude"
    return "level (dB, the loudest is 0)" if config.ref == "max" else "level (dB)"


def label_bins(ax: Axes, config: FeatureConfig, *, few: bool = False) -> None:
    """Ticks on the axis of bins, in hertz at their true places; MFCC are numbered. `few` for small pictures."""
    if config.kind == "mfcc":
        step = 5 if config.n_mfcc > 12 else 2
        numbers = range(0, config.n_mfcc, step)
        ax.set_yticks([n + 0.5 for n in numbers], [str(n) for n in numbers])
        ax.set_ylabel("" if few else "coefficient")
        return
    if config.kind == "mel":
        hertz = [hz for hz in (FEW_TICKS_HZ if few else MEL_TICKS_HZ) if config.fmin <= hz <= config.fmax]
        low, high = (float(features.hz_to_mel(f, scale=config.mel_scale)) for f in (config.fmin, config.fmax))
        mels = features.hz_to_mel(np.array(hertz, dtype=np.float64), scale=config.mel_scale)
        # The centre of band i, whose row is i..i+1, lies i + 1 of n + 1 steps up the mel axis.
        places = (mels - low) / (high - low) * (config.n_mels + 1) - 0.5
    else:
        top = config.sample_rate / 2
        hertz = list(range(0, int(top) + 1, 5000 if few else 1000 if top <= 12000 else 2000))
        places = np.array(hertz) / top * (config.n_bins - 1) + 0.5
    ax.set_yticks(places, [f"{hz:,}" for hz in hertz])
    ax.set_ylabel("" if few else "frequency (Hz)")
