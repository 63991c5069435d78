"""Scanning goes on as files come: what changes in some folders is scanned when it has come to rest.

The system tells what changes, and the usual scan does the rest. So a file that is moved keeps its row, one that is
deleted is missing, and one that grows for an hour while it is downloaded is looked at once, at the end.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator

from watchfiles import watch as changes_of

from zhanr.errors import FileError
from zhanr.files import read_failure
from zhanr.scan.scan import Summary
from zhanr.scan.walk import is_audio_path, is_hidden

SETTLED = 2.0  # seconds without a change after which a file is taken for whole
TICK = 500  # milliseconds between two looks at what has not come to rest yet
Leave = Callable[[str, int], bool]
"""Whether a file (its path and mtime_ns) is to be left for later."""


def watch(folders: Iterable[str | os.PathLike[str]], scan: Callable[[list[str], Leave], Summary]) -> Iterator[Summary]:
    """Scan folders, and again whatever changes in them, for ever; what each scan found.

    `scan` is given folders and what to leave out there. Raises `KeyboardInterrupt` when it is stopped by Ctrl-C,
    and `FileError` where the system can't watch.
    """
    roots = [os.path.abspath(folder) for folder in folders]  # noqa: PTH100 - Path.absolute keeps ".."
    batches = changes_of(
        *roots,
        watch_filter=lambda _, path: _matters(path, roots),
        rust_timeout=TICK,
        yield_on_timeout=True,
        raise_interrupt=True,
    )
    try:
        next(batches)  # from here on nothing is missed, however long the first scan takes
    except OSError as error:
        raise FileError(roots[0], f"it can't be watched: {read_failure(error)}") from error
    yield scan(roots, lambda *_: False)
    unsettled = Unsettled()
    for batch in batches:
        unsettled.add(path for _, path in batch)
        if ready := unsettled.take():
            yield scan(sorted({_folder(path, roots) for path in ready}), unsettled.leave(ready))


class Unsettled:
    """Files and folders that have changed and may change on."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[tuple[int, int] | None, float]] = {}  # its stamp, and since when it has that

    def add(self, paths: Iterable[str]) -> None:
        """They have changed just now."""
        self._seen |= {path: (_stamp(path), time.monotonic()) for path in paths}

    def take(self) -> set[str]:
        """What has not changed for `SETTLED` seconds; it is not unsettled any more."""
        now = time.monotonic()
        for path, (stamp, _) in list(self._seen.items()):
            if (after := _stamp(path)) != stamp:  # a network drive need not tell every change
                self._seen[path] = (after, now)
        ready = {path for path, (_, since) in self._seen.items() if now - since >= SETTLED}
        self._seen = {path: seen for path, seen in self._seen.items() if path not in ready}
        return ready

    def leave(self, ready: set[str]) -> Leave:
        """What a scan for the sake of `ready` must not take: what is unsettled, or so new that it may be."""
        now, unsettled = time.time_ns(), set(self._seen)
        young = now - round(SETTLED * 1e9)
        return lambda path, mtime_ns: path not in ready and (path in unsettled or young < mtime_ns <= now)


def _stamp(path: str) -> tuple[int, int] | None:
    """Size and time of change; None where nothing is, or can be looked at."""
    try:
        status = os.stat(path)  # noqa: PTH116 - quick, and keeps odd names
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns


def _matters(path: str, roots: list[str]) -> bool:
    """Whether a change can be one of music: not below hidden folders, and not of other files that are there."""
    inner = next((path[len(root) :] for root in roots if path.startswith(root)), path)
    if any(map(is_hidden, filter(None, inner.split(os.sep)))):  # noqa: PTH206 - quick, and keeps odd names
        return False
    return is_audio_path(path) or not os.path.isfile(path)  # noqa: PTH113


def _folder(path: str, roots: list[str]) -> str:
    """The folder to scan for the sake of a path: itself, or the nearest that is there, but a root at the most."""
    while not os.path.isdir(path) and path not in roots and path != os.path.dirname(path):  # noqa: PTH112, PTH120
        path = os.path.dirname(path)  # noqa: PTH120
    return path
