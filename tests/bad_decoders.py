"""What worker processes must survive: each file says by its name what it does to the process that reads it."""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zhanr.errors import AudioError, ConfigError, ModelFileError
from zhanr.lab import check
from zhanr.lab.handmade import extraction as handmade
from zhanr.library import Song
from zhanr.scan import duplicates
from zhanr.scan.analyse import Analyser
from zhanr.scan.fingerprint import Fingerprint
from zhanr.scan.worker import Work
from zhanr.segments import excerpt as EXCERPT  # noqa: N812

EXAMINE, FEATURES, FINGERPRINT = check.examine, handmade.features_of, duplicates.fingerprint_of


def misbehave(word: str) -> None:
    """Do to this process what the word says; nothing for other words."""
    if word == "hang":
        time.sleep(3600)
    elif word == "crash":
        ctypes.string_at(0)
    elif word == "killed":
        os.kill(os.getpid(), 9)
    elif word == "leave":
        os._exit(3)
    elif word == "memory":
        bytearray(8 << 30)
    elif word == "bug":
        raise ZeroDivisionError("a bug")
    elif word == "slow":
        time.sleep(0.5)


class BadDecoder(Analyser):
    """Reads music as it should be read, but for files with telling names."""

    def __call__(self, path: Path, ask: Callable[[str], bool]) -> Song | None:
        misbehave(path.stem.split("-")[0])
        return super().__call__(path, ask)


def no_model() -> Analyser:
    raise ModelFileError("gone.onnx", "it was deleted")


def dead_from_the_start() -> Analyser:
    os._exit(1)


def examine(path: Path) -> check.Examined:
    """As `zhanr.lab.check.examine`, but for files with telling names."""
    misbehave(path.stem)
    return EXAMINE(path)


def excerpt(path: Path, **options: Any) -> NDArray[np.uint8]:
    """As `zhanr.segments.excerpt`, but for files with telling names."""
    misbehave(path.stem)
    return EXCERPT(path, **options)


def features_of(path: Path, seconds: float) -> NDArray[np.float64]:
    """As `zhanr.lab.handmade.extraction.features_of`, but for files with telling names."""
    misbehave(path.stem)
    return FEATURES(path, seconds)


def fingerprint_of(path: Path) -> Fingerprint:
    """As `zhanr.scan.duplicates.fingerprint_of`, but for files with telling names."""
    misbehave(path.stem)
    return FINGERPRINT(path)


def name_of(path: Path) -> str:
    """A file's name, for most names."""
    misbehave(path.stem)
    if path.stem == "absent":
        raise AudioError(path, "there is no such file")
    if path.stem == "wrong":
        raise ConfigError("nothing can be done with these settings")
    return path.name


def name_of_work() -> Work[str]:
    """What a worker starts with, for `name_of`."""
    return lambda path, ask: name_of(path)  # noqa: ARG005
