"""From samples to the picture of a segment, as `zhanr.features` does it, in an ONNX graph.

The Fourier transform is a product with its matrix, which the runtime computes from cosines when it loads the graph, so
that the file holds nothing of it. A last segment is filled up with silence, and frames behind its end are left out of
what is largest and smallest.
"""

from __future__ import annotations

import numpy as np
import onnx

from zhanr import features
from zhanr.config import FeatureConfig
from zhanr.errors import ConfigError
from zhanr.waveform.builder import Builder, value

KINDS = ("mel", "stft", "mfcc")
_DB = float(10.0 / np.log(10.0))  # ONNX has the natural logarithm alone
_LARGE = 3e38  # what float32 has instead of a larger number


def picture_body(config: FeatureConfig, n_frames: int, *, opset: int) -> onnx.GraphProto:
    """The body of a `Scan` over segments: samples (n_frames * hop_length,) and frames () to picture (n_bins, n_frames).

    The second input is how many frames, from the first one on, the segment really has. The picture is uint8, as a store
    holds it. Raises `ConfigError` for pictures that can't be made so.
    """
    if config.kind not in KINDS or not config.center:
        raise ConfigError(f"only models of centred {', '.join(KINDS)} pictures can take a waveform, not {config.kind}")
    b = Builder("picture.", opset=opset)
    padded = b("Pad", "segment", [config.n_fft // 2] * 2)
    # the frame behind the last one counts for what is largest, as in `features.extract`
    there = b("LessOrEqual", b.arange(n_frames + 1), "frames")
    scaled = _scaled(b, _picture(b, _spectrum(b, padded, n_frames + 1, config), there, config), there, config)
    cut = b("Slice", scaled, [0], [n_frames], [1])
    levels = b("Round", b("Mul", b("Clip", cut, 0.0, 1.0), 255.0))
    b("Cast", levels, output="picture", to=onnx.TensorProto.UINT8)
    inputs = [value("segment", np.float32, [n_frames * config.hop_length]), value("frames", np.int64, [])]
    return b.graph("picture", inputs, [value("picture", np.uint8, [config.n_bins, n_frames])])


def _spectrum(b: Builder, samples: str, total: int, config: FeatureConfig) -> str:
    """(1 + n_fft // 2, total) magnitudes to the power that the configuration says."""
    left = (config.n_fft - config.win_length) // 2  # the window is centred, and there is nothing beside it
    reach = b.arange(left + config.win_length, start=left)
    starts = b("Reshape", b.arange(total * config.hop_length, step=config.hop_length), [total, 1])
    window = features.hann(config.win_length, config.win_length)
    frames = b("Mul", b("Gather", samples, b("Add", starts, reach), axis=0), window)
    bins = b("Reshape", b.arange(1 + config.n_fft // 2), [1, -1])
    # whole turns taken off, so that float32 holds the angle to its last digit
    turns = b("Mod", b("Mul", b("Reshape", reach, [-1, 1]), bins), config.n_fft)
    angles = b("Mul", b.cast(turns, np.float32), float(2 * np.pi / config.n_fft))
    parts = [b("MatMul", frames, b(wave, angles)) for wave in ("Cos", "Sin")]
    squares = b("Add", *(b("Mul", part, part) for part in parts))
    spectrum = squares if config.power == 2.0 else b("Pow", squares, float(config.power / 2))
    return b("Transpose", spectrum, perm=[1, 0])


def _picture(b: Builder, spectrum: str, there: str, config: FeatureConfig) -> str:
    """(n_bins, total) before it is scaled."""
    if config.kind == "stft":
        return _decibels(b, spectrum, there, config) if config.log else spectrum
    mel = b("MatMul", features.filter_bank_of(config), spectrum)
    if config.kind == "mfcc":
        return b("MatMul", features.dct_matrix(config.n_mfcc, config.n_mels), _decibels(b, mel, there, config))
    return _decibels(b, mel, there, config) if config.log else mel


def _decibels(b: Builder, picture: str, there: str, config: FeatureConfig) -> str:
    """As `features.to_db`."""
    powers = picture if config.power == 2.0 else b("Pow", picture, float(2 / config.power))
    reference = _largest(b, powers, there) if config.ref == "max" else b.constant(config.ref ** (2 / config.power))
    loud, reference = (b("Log", b("Max", x, config.amin)) for x in (powers, reference))
    db = b("Mul", b("Sub", loud, reference), _DB)
    return db if config.top_db is None else b("Max", db, b("Sub", _largest(b, db, there), config.top_db))


def _scaled(b: Builder, picture: str, there: str, config: FeatureConfig) -> str:
    """As `features.extract` does last: values 0..1."""
    if config.scale == "none":
        return picture
    high = _largest(b, picture, there)
    if config.scale == "top_db":
        assert config.top_db is not None  # the configuration sees to that
        return b("Add", b("Div", b("Sub", picture, high), config.top_db), 1.0)
    low = b("Neg", _largest(b, b("Neg", picture), there))
    # a constant picture is all 0
    return b("Div", b("Sub", picture, low), b("Max", b("Sub", high, low), 1e-30))


def _largest(b: Builder, picture: str, there: str) -> str:
    return b.reduce("ReduceMax", b("Where", there, picture, -_LARGE), [0, 1])
