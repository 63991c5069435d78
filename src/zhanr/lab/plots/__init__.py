"""Figures, each one function: data in, one PNG or SVG file out (by the suffix of `path`). matplotlib's only home.

A new figure is a function that draws on a `canvas`, in the module of its subject.
"""

from zhanr.lab.plots.canvas import STYLES, SUFFIXES, Style, canvas, writable
from zhanr.lab.plots.gallery import gallery
from zhanr.lab.plots.history import learning_curves
from zhanr.lab.plots.network import network
from zhanr.lab.plots.paths import animate, trajectories
from zhanr.lab.plots.ranks import Bar, Panel, ranks
from zhanr.lab.plots.scale import mel_scale
from zhanr.lab.plots.scores import confusion_matrix, reliability, risk_coverage
from zhanr.lab.plots.song import timeline
from zhanr.lab.plots.sound import spectrogram, waveform
from zhanr.lab.plots.study import Point, study

__all__ = [
    "STYLES",
    "SUFFIXES",
    "Bar",
    "Panel",
    "Point",
    "Style",
    "animate",
    "canvas",
    "confusion_matrix",
    "gallery",
    "learning_curves",
    "mel_scale",
    "network",
    "ranks",
    "reliability",
    "risk_coverage",
    "spectrogram",
    "study",
    "timeline",
    "trajectories",
    "waveform",
    "writable",
]
