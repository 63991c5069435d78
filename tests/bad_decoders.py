"""What a scan's workers must survive: each file says by its name what it does to the process that reads it."""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Callable
from pathlib import Path

from zhanr.errors import ModelFileError
from zhanr.library import Song
from zhanr.scan.analyse import Analyser


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
