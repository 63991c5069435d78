"""Figures, each one function: data in, one PNG or SVG file out (by the suffix of `path`). matplotlib's only home.

A new figure is a function that draws on a `canvas`, in the module of its subject.
"""

from zhanr.evaluation.plots.canvas import STYLES, SUFFIXES, Style, canvas, writable
from zhanr.evaluation.plots.gallery import gallery
from zhanr.evaluation.plots.history import learning_curves
from zhanr.evaluation.plots.network import network
from zhanr.evaluation.plots.paths import animate, trajectories
from zhanr.evaluation.plots.ranks import Bar, Panel, ranks
from zhanr.evaluation.plots.scale import mel_scale
from zhanr.evaluation.plots.scores import confusion_matrix, reliability, risk_coverage
from zhanr.evaluation.plots.song import timeline
from zhanr.evaluation.plots.sound import spectrogram, waveform
from zhanr.evaluation.plots.study import Point, study

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
