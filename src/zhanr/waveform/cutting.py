"""From samples to segments, and which windows of them are looked at, as `zhanr.segments` and `zhanr.windows` have it.

Frames are counted over the whole song: segment i has those from i * segment_frames on, the last one perhaps fewer.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from zhanr import windows
from zhanr.audio.reader import MIN_SECONDS, SILENCE_PEAK
from zhanr.card import Card
from zhanr.classifier import SOUNDING
from zhanr.config import WindowConfig
from zhanr.waveform.builder import Builder


class Segments(NamedTuple):
    """A song in segments; names of values.

    `samples` (n_segments, n_samples), `frames` (n_segments,) that each has, `sounding` (n_segments * segment_frames,)
    frames that aren't silent, `valid` () whether the song is neither silent nor shorter than a second.
    """

    samples: str
    frames: str
    sounding: str
    valid: str


class SongWindows(NamedTuple):
    """The windows of a song; names of values.

    `starts` (n_windows,) first frames, `places` (n_windows, width) all frames, `any` () whether there is one to look
    at: where there is none, `starts` still has one, for a network that wants something.
    """

    starts: str
    places: str
    any: str


def cut_segments(b: Builder, samples: str, card: Card) -> Segments:
    """Cut samples (n,) into segments, the last one filled up with silence."""
    hop, size = card.features.hop_length, card.windows.segment_frames * card.features.hop_length
    length = b("Squeeze", b("Shape", samples))
    n_segments = b("Max", b("Div", b("Add", length, size - 1), size), 1)
    missing = b("Sub", b("Mul", n_segments, size), length)
    padded = b("Pad", samples, b.shape(0, missing))
    behind = b("Sub", length, b("Mul", b.arange(n_segments), size))
    frames = b("Min", b("Max", b("Div", behind, hop), 1), card.windows.segment_frames)
    peaks = b.reduce("ReduceMax", b("Abs", b("Reshape", padded, [-1, hop])), [1])
    loud = b("GreaterOrEqual", b.reduce("ReduceMax", peaks, [0]), float(SILENCE_PEAK))
    long = b("GreaterOrEqual", length, round((MIN_SECONDS - 1e-3) * card.features.sample_rate))
    sounding = b("GreaterOrEqual", peaks, float(SILENCE_PEAK))
    return Segments(b("Reshape", padded, [-1, size]), frames, sounding, b("And", loud, long))


def choose_windows(b: Builder, segments: Segments, samples: str, card: Card) -> SongWindows:
    """Choose the windows of all segments but silent ones, and but a last one that is shorter than a window."""
    config, total = card.windows, card.windows.segment_frames
    whole = b("Equal", segments.frames, total)
    rows = b("And", b("Reshape", segments.sounding, [-1, total]), _there(b, segments.frames, total))
    loud = _any(b, rows, 1)
    rest = b("Mod", b("Squeeze", b("Shape", samples)), card.windows.segment_frames * card.features.hop_length)
    last = b("Max", b("Div", rest, card.features.hop_length), 1)
    alone = b("Not", _any(b, b("And", loud, whole), 0))
    long = b("Or", b("GreaterOrEqual", last, config.frames), alone)
    long = b("And", long, b("GreaterOrEqual", rest, card.features.n_fft))
    with_last = b("And", _any(b, b("And", loud, b("Not", whole)), 0), long)
    first = b("Mul", b.arange(b("Squeeze", b("Shape", segments.frames))), total)  # of each segment
    regular = b("Add", b("Reshape", first, [-1, 1]), windows.starts(total, config).astype(np.int64))
    regular = b("Reshape", b("Compress", regular, b("And", loud, whole), axis=0), [-1])
    in_last = b("Add", _starts(b, last, config), b.reduce("ReduceMax", first, [0]))
    taken = b("Mul", b("Shape", in_last), b.cast(with_last, np.int64))
    starts = b("Concat", regular, b("Slice", in_last, [0], taken), axis=0)
    none = b("Equal", b("Shape", starts), 0)
    starts = b("Concat", starts, b("Compress", [0], none), axis=0)
    short = b("And", with_last, b("Less", last, config.frames))
    places = _places(b, starts, b("Where", short, last, config.frames), config)
    return SongWindows(starts, places, b("Not", b("Squeeze", none)))


def sounding_windows(b: Builder, segments: Segments, found: SongWindows) -> str:
    """Which windows (n_windows,) count: those of which more than half sounds, or all that sound at all where none does.

    None does of a song that is silent or too short.
    """
    share = b.reduce("ReduceMean", b.cast(b("Gather", segments.sounding, found.places), np.float32), [1])
    most = b("Sub", b.reduce("ReduceMax", share, [0]), 1e-6)
    counts = b("Greater", share, b("Min", most, float(SOUNDING)))
    return b("And", counts, b("And", segments.valid, found.any), output="window_heard")


def _starts(b: Builder, n_frames: str, config: WindowConfig) -> str:
    """As `zhanr.windows.starts`, of a number of frames that only the song knows."""
    end = b("Max", b("Sub", n_frames, config.frames), 0)
    regular = b.arange(b("Add", end, 1), step=config.hop)
    unseen = b("Sub", b("Sub", n_frames, config.frames), b("Mul", b("Div", end, config.hop), config.hop))
    enough = b("GreaterOrEqual", b("Mul", unseen, 2), config.hop)
    return b("Concat", regular, b("Compress", b.shape(end), b("Reshape", enough, [1])), axis=0)


def _places(b: Builder, starts: str, available: str, config: WindowConfig) -> str:
    """The frames of each window; a short one begins anew until it is as wide as the network wants it."""
    width = b("Max", available, config.shortest or config.frames)
    within = b("Mod", b.arange(width), available)
    return b("Add", b("Reshape", starts, [-1, 1]), within)


def _there(b: Builder, frames: str, total: int) -> str:
    """(n_segments, total): the frames that a segment really has."""
    return b("Less", b.arange(total), b("Reshape", frames, [-1, 1]))


def _any(b: Builder, values: str, axis: int) -> str:
    return b.cast(b.reduce("ReduceMax", b.cast(values, np.int32), [axis]), np.bool_)
