"""Scanning folders into the library from a page: one scan at a time, in a thread, which pages look at."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any, Literal

from zhanr.app.problems import Problem
from zhanr.app.settings import Settings
from zhanr.errors import ZhanrError
from zhanr.library import Library
from zhanr.scan.analyse import analyser
from zhanr.scan.pace import Pace
from zhanr.scan.scan import Scan, Summary
from zhanr.scan.worker import Limits

Stage = Literal["idle", "looking", "listening", "done", "stopped", "failed"]
BUSY = ("looking", "listening")


class _Stopped(Exception):
    """The person has stopped the scan."""


class Scanning:
    """The scan of one application; a thread works, pages only read."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self._pace = Pace()
        self.stage: Stage = "idle"
        self.folders: tuple[Path, ...] = ()
        self.done = 0
        self.total: int | None = None
        self.summary = Summary()
        self.error: str | None = None

    def begin(self, folders: tuple[Path, ...], *, again: bool = False) -> None:
        """Start a scan. Raises `Problem` where one is at work already."""
        with self._lock:
            if self.stage in BUSY:
                raise Problem(409, "a scan is at work already; stop it, or wait until it is done")
            self._stop.clear()
            self._pace = Pace()
            self.stage, self.folders, self.done, self.total = "looking", folders, 0, None
            self.summary, self.error = Summary(), None
            self._thread = threading.Thread(target=self._run, args=(again,), name="zhanr-scan", daemon=True)
            self._thread.start()

    def stop(self, *, wait: float = 0.0) -> None:
        """Stop after the song that is being listened to; `wait` for it so many seconds."""
        self._stop.set()
        if wait and self._thread is not None:
            self._thread.join(wait)

    def status(self) -> dict[str, Any]:
        """How far it is: `rate` in songs a second, `left` in seconds."""
        rate, left = self._pace.rate, self._pace.left
        return {
            "stage": self.stage,
            "busy": self.stage in BUSY,
            "folders": [str(folder) for folder in self.folders],
            "done": self.done,
            "total": self.total,
            "rate": None if rate is None else round(rate, 2),
            "left": None if left is None else round(left),
            "stopping": self.stage in BUSY and self._stop.is_set(),
            "summary": self.summary.to_dict(),
            "error": self.error,
        }

    def _run(self, again: bool) -> None:
        stage: Stage = "failed"
        try:
            start, sha256 = analyser(self._settings.model, precision=self._settings.precision)
            limits = Limits(seconds=self._settings.parse_seconds, memory=2 * self._settings.memory)
            with Library.open(self._settings.library) as library:
                jobs = self._settings.jobs
                work = Scan(library, start, sha256, jobs=jobs, again=again, limits=limits, progress=self._tell)
                self.summary = work.summary
                work.run(self.folders)
            stage = "done"
        except _Stopped:
            stage = "stopped"
        except (ZhanrError, OSError) as error:
            self.error = str(error)
        except BaseException:
            self.error = "something went wrong in the server; its log says what"
            raise
        finally:
            self.stage = stage

    def _tell(self, what: str, done: int, total: int | None) -> None:
        self.stage, self.done, self.total = ("looking" if what == "looking" else "listening"), done, total
        self._pace.take(done, total)
        if self._stop.is_set():
            raise _Stopped
