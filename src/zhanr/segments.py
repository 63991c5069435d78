"""From a file to the pictures that a model reads: decoding, segments, features. Serving and extraction both come here.

A song is read in segments of `windows.segment_frames` frames (30 s by default). Each is scaled by itself, exactly as a
30 s excerpt of a feature store is, so that the tensors of training and of serving are the same, and a song of three
hours needs no more memory than one of three minutes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from zhanr import features
from zhanr.audio import AudioReader, Source, probe
from zhanr.audio.reader import SILENCE_PEAK
from zhanr.config import FeatureConfig, WindowConfig
from zhanr.errors import AudioError


class Segment(NamedTuple):
    """A piece of a song: where it starts in seconds and its picture (n_bins, n_frames), uint8 as in a store.

    `sounds` (n_frames,) tells the frames in which there is anything but silence; None where only a picture is known.
    """

    start: float
    picture: NDArray[np.uint8]
    sounds: NDArray[np.bool_] | None = None


def segments(reader: AudioReader, feature_config: FeatureConfig, window_config: WindowConfig) -> Iterator[Segment]:
    """Yield the pictures of a song's segments; silent ones, and a last one shorter than a window, are left out.

    A song shorter than one window gives its one short picture. Raises `AudioError` as the reader does, and where
    nothing but silence was left to look at.
    """
    segment_samples = window_config.segment_frames * feature_config.hop_length
    any_so_far = False
    for index, samples in enumerate(reader.blocks(segment_samples)):
        n_frames = max(1, len(samples) // feature_config.hop_length)  # one more would see little but padding
        too_short = len(samples) < feature_config.n_fft or (any_so_far and n_frames < window_config.frames)
        if too_short or not (sounds := _sounds(samples, feature_config.hop_length)[:n_frames]).any():
            continue
        any_so_far = True
        picture = features.quantise(features.extract(samples, feature_config)[:, :n_frames])
        yield Segment(index * segment_samples / feature_config.sample_rate, picture, sounds)
    if not any_so_far:
        raise AudioError(reader.label, "it is silent but for a moment too short to tell anything")


def _sounds(samples: NDArray[np.float32], hop_length: int) -> NDArray[np.bool_]:
    """Whether anything sounds in each stretch of `hop_length` samples."""
    peaks = np.maximum.reduceat(np.abs(samples), np.arange(0, len(samples), hop_length))
    return np.asarray(peaks >= SILENCE_PEAK)


def middle(source: Source, seconds: float, *, spare: float = 0.0) -> float:
    """Where the middle `seconds` of a song begin; 0 for one that is no longer than that and `spare` seconds more."""
    length = probe(source).duration or 0.0
    return max(0.0, (length - seconds) / 2) if length > seconds + spare else 0.0


def excerpt(source: Source, feature_config: FeatureConfig, window_config: WindowConfig) -> NDArray[np.uint8]:
    """The picture (n_bins, n_frames) of one segment: the middle one of a song, all of a short file."""
    seconds = window_config.segment_frames * feature_config.frame_seconds
    start = middle(source, seconds, spare=1.0)  # an excerpt of 30.1 s is taken from where it begins
    with AudioReader(source, sample_rate=feature_config.sample_rate, start=start) as reader:
        return next(segments(reader, feature_config, window_config)).picture
