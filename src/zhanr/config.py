"""The numbers that define a representation, written once. When serving they come only from the model file."""

from __future__ import annotations

import dataclasses
import tomllib
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

from zhanr.errors import ConfigError
from zhanr.files import read_failure


@dataclass(frozen=True)
class Config:
    """A frozen record that converts to and from a plain mapping, refusing what it does not know."""

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], *, where: str = "") -> Self:
        """Build from a mapping; an unknown, missing or ill-typed field is a `ConfigError` that names it."""
        where = where or cls.__name__
        if not isinstance(values, Mapping):
            raise ConfigError(f"{where}: expected a table of settings, got {type(values).__name__}")
        fields = {f.name: f for f in dataclasses.fields(cls)}
        if unknown := sorted(set(values) - set(fields)):
            raise ConfigError(f"{where}: unknown setting {', '.join(unknown)} (known: {', '.join(fields)})")
        required = [
            n
            for n, f in fields.items()
            if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
        ]
        if missing := [n for n in required if n not in values]:
            raise ConfigError(f"{where}: missing setting {', '.join(missing)}")
        hints = typing.get_type_hints(cls)
        return cls(**{n: _convert(v, hints[n], f"{where}.{n}") for n, v in values.items()})

    def to_dict(self) -> dict[str, Any]:
        """The same values as plain JSON-ready types."""
        return dataclasses.asdict(self)


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a TOML file; a `ConfigError` names the file and the line of what is wrong."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: {read_failure(error)}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: this is not a TOML file: {error}") from error


def _convert(value: Any, hint: Any, where: str) -> Any:
    """Check one value against its annotation; integers pass as floats, lists as tuples, tables as records."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        return _convert_union(value, args, where)
    if origin is Literal:
        return _one_of(value, args, where)
    if origin is tuple and isinstance(value, list | tuple):
        return tuple(_convert(v, args[0], f"{where}[{i}]") for i, v in enumerate(value))
    if origin is dict and isinstance(value, Mapping):
        return {str(k): _convert(v, args[1], f"{where}.{k}") for k, v in value.items()}
    return _plain(value, hint, where)


def _one_of(value: Any, options: tuple[Any, ...], where: str) -> Any:
    if not any(value == option and type(value) is type(option) for option in options):
        raise ConfigError(f"{where}: {value!r} is not one of {', '.join(map(str, options))}")
    return value


def _plain(value: Any, hint: Any, where: str) -> Any:
    """A value of one type: a record, a number, a text, or anything."""
    if isinstance(hint, type) and issubclass(hint, Config):
        return value if isinstance(value, hint) else hint.from_dict(value, where=where)
    if hint is float and type(value) is int:
        return float(value)
    if hint is Any or (isinstance(hint, type) and type(value) is hint):
        return value
    raise ConfigError(f"{where}: expected {getattr(hint, '__name__', hint)}, got {value!r}")


def _convert_union(value: Any, options: tuple[Any, ...], where: str) -> Any:
    problems = []
    for option in options:
        if option is type(None):
            if value is None:
                return None
            continue
        try:
            return _convert(value, option, where)
        except ConfigError as error:
            problems.append(str(error))
    raise ConfigError(problems[-1])


KINDS: dict[str, Callable[[FeatureConfig], int]] = {
    "mel": lambda config: config.n_mels,
    "stft": lambda config: config.n_fft // 2 + 1,
    "mfcc": lambda config: config.n_mfcc,
}
"""The kinds of pictures, and how many rows they have. What is in the rows says `zhanr.features`, where others enter."""


@dataclass(frozen=True)
class FeatureConfig(Config):
    """How a waveform becomes a picture of (n_bins, n_frames). Field names and defaults are librosa's where it has them.

    `scale="minmax"` maps the smallest value of one excerpt to 0 and the largest to 1 (a store keeps that as 0..255), as
    the shared GTZAN stores have it. There the smallest value is one pixel, which a codec or a resampler moves at will;
    `scale="top_db"` maps the floor, `top_db` below the largest value, to 0 instead. For an excerpt that reaches the
    floor, as nearly nine in ten do, both are the same.
    """

    kind: str = "mel"  # one of `KINDS`
    sample_rate: int = 22050  # Hz
    n_fft: int = 2048  # samples: 93 ms, bins of 10.8 Hz
    win_length: int = 2048  # samples; the window is padded with zeros to n_fft
    hop_length: int = 1709  # samples from frame to frame, 77.5 ms: that of the shared GTZAN stores
    window: Literal["hann"] = "hann"
    center: bool = True  # frame t is centred on sample t * hop_length
    n_mels: int = 128  # bands
    fmin: float = 0.0  # Hz, the lower edge of the first band
    fmax: float = 11025.0  # Hz, the upper edge of the last band: half the sample rate
    mel_scale: Literal["slaney", "htk"] = "slaney"
    norm: Literal["slaney"] | None = "slaney"  # every band has the same area; None: the same height
    power: float = 2.0  # of the magnitude: 2 is energy, 1 amplitude
    log: bool = True  # decibels
    ref: Literal["max"] | float = "max"  # what is 0 dB: the largest value of the excerpt
    amin: float = 1e-10  # the smallest energy that counts
    top_db: float | None = 80.0  # decibels below the largest value, the floor
    n_mfcc: int = 20  # coefficients, the 0th included
    scale: Literal["minmax", "top_db", "none"] = "minmax"
    note: str = dataclasses.field(default="", compare=False)  # for people

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ConfigError(f"FeatureConfig.kind: {self.kind!r} is not one of {', '.join(KINDS)}")
        positive = ("sample_rate", "n_fft", "win_length", "hop_length", "n_mels", "n_mfcc", "power", "amin")
        for name in positive:
            if getattr(self, name) <= 0:
                raise ConfigError(f"FeatureConfig.{name} must be positive, got {getattr(self, name)}")
        if self.win_length > self.n_fft:
            raise ConfigError(f"FeatureConfig.win_length {self.win_length} is larger than n_fft {self.n_fft}")
        if not 0 <= self.fmin < self.fmax <= self.sample_rate / 2:
            raise ConfigError(
                f"FeatureConfig: 0 <= fmin < fmax <= sample_rate / 2 must hold, got {self.fmin}, {self.fmax}"
            )

        if self.scale == "top_db" and (self.top_db is None or self.kind == "mfcc" or not self.log):
            raise ConfigError('FeatureConfig.scale "top_db" needs decibels with a floor: log, top_db, and not MFCC')

    @property
    def n_bins(self) -> int:
        """The number of rows of the picture."""
        return KINDS[self.kind](self)

    @property
    def frame_seconds(self) -> float:
        """The time from one frame to the next, in seconds."""
        return self.hop_length / self.sample_rate


@dataclass(frozen=True)
class WindowConfig(Config):
    """How a song is cut: first into segments (each scaled by itself, as a 30 s excerpt is), then into windows.

    All numbers are in frames (times are at the default hop). A piece shorter than one window is a window by itself for
    a network that reads any width from `shortest` on; what is shorter than that is repeated until it fills it.
    """

    frames: int = 128  # of a window: 9.9 s at the default hop
    hop: int = 64  # from window to window: half of one
    segment_frames: int = 387  # of a segment: 30 s
    shortest: int = 0  # frames of the shortest window; 0 is all of `frames`

    def __post_init__(self) -> None:
        if not 1 <= self.hop <= self.frames <= self.segment_frames:
            raise ConfigError(
                "WindowConfig: 1 <= hop <= frames <= segment_frames must hold, "
                f"got {self.hop}, {self.frames}, {self.segment_frames}"
            )
        if not 0 <= self.shortest <= self.frames:
            raise ConfigError(f"WindowConfig: 0 <= shortest <= frames must hold, got {self.shortest}, {self.frames}")


Aggregation = Literal["mean_log_probability", "mean_probability", "median", "vote"]
"""The names of the ways in which window probabilities become those of a song (see `zhanr.aggregate`)."""

# fmt: off
AUDIO_SUFFIXES = frozenset({
    ".3gp", ".aac", ".ac3", ".aif", ".aifc", ".aiff", ".alac", ".amr", ".ape", ".asf", ".au", ".caf", ".dff", ".dsf",
    ".dts", ".eac3", ".flac", ".m4a", ".m4b", ".m4p", ".m4r", ".m4v", ".mka", ".mkv", ".mov", ".mp1", ".mp2", ".mp3",
    ".mp4", ".mpc", ".mpga", ".oga", ".ogg", ".ogx", ".opus", ".qoa", ".ra", ".shn", ".snd", ".spx", ".tak", ".thd",
    ".tta", ".voc", ".w64", ".wav", ".wave", ".weba", ".webm", ".wma", ".wmv", ".wv",
})
# fmt: on
"""Which files of a folder are taken for audio. Only walking asks; a file that is named is opened whatever it is."""
