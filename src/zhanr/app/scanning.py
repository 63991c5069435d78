"""Scanning folders into the library from a page: one scan at a time, in a thread, which pages look at."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from zhanr.app.problems import INTERNAL, Problem
from zhanr.app.settings import Settings
from zhanr.bundle import DEFAULT_MODEL, Bundle
from zhanr.errors import ZhanrError
from zhanr.library import Library
from zhanr.library.statistics import remark, statistics
from zhanr.scan.analyse import analyser
from zhanr.scan.pace import Pace
from zhanr.scan.scan import Scan, Summary
from zhanr.scan.worker import Limits
from zhanr.vocabulary import MixedGenresError, is_first_default, model_for, note

Stage = Literal["idle", "looking", "listening", "done", "stopped", "failed", "asking"]
BUSY = ("looking", "listening")


@dataclass(frozen=True)
class Order:
    """What to scan, and how: `again` does everything anew, with the `default` model of today where that is wanted.

    `mix` is the person's word that another model's genres may stand beside those of the library.
    """

    folders: tuple[Path, ...]
    again: bool = False
    default: bool = False
    mix: bool = False


class _Stopped(Exception):
    """The person has stopped the scan."""


class Scanning:
    """The scan of one application; a thread works, pages only read.

    `use(bundle)` is called with the model that works on the library from now on. A scan that would mix vocabularies
    ends as "asking", with the names of both models in `conflict`.
    """

    def __init__(self, settings: Settings, use: Callable[[Bundle], None]) -> None:
        self._settings = settings
        self._use = use
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self._pace = Pace()
        self.stage: Stage = "idle"
        self.folders: tuple[Path, ...] = ()
        self.conflict: dict[str, str] | None = None
        self.done = 0
        self.total: int | None = None
        self.summary = Summary()
        self.error: str | None = None

    def begin(self, order: Order) -> None:
        """Start a scan. Raises `Problem` where one is at work already."""
        with self._lock:
            if self.stage in BUSY:
                raise Problem(409, "a scan is at work already; stop it, or wait until it is done")
            self._stop.clear()
            self._pace = Pace()
            self.stage, self.folders, self.done, self.total = "looking", order.folders, 0, None
            self.summary, self.error, self.conflict = Summary(), None, None
            self._thread = threading.Thread(target=self._run, args=(order,), name="zhanr-scan", daemon=True)
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
            "conflict": self.conflict,
        }

    def _run(self, order: Order) -> None:
        stage: Stage = "failed"
        try:
            with Library.open(self._settings.library) as library:
                self._scan(library, order)
            stage = "done"
        except MixedGenresError as error:
            stage, self.conflict = "asking", {"known": str(error.known), "wanted": error.wanted}
        except _Stopped:
            stage = "stopped"
        except (ZhanrError, OSError) as error:
            self.error = str(error)
        except BaseException:
            self.error = INTERNAL
            raise
        finally:
            self.stage = stage

    def _scan(self, library: Library, order: Order) -> None:
        settings = self._settings
        wanted = DEFAULT_MODEL if order.default else settings.model
        bundle = model_for(library, wanted, again=order.again, mix=order.mix)
        if settings.precision is not None:
            bundle.card.point(settings.precision)  # raises where this model can't promise it
        note(library, bundle, mix=order.mix)
        if not order.mix:
            self._use(bundle)
        start, sha256 = analyser(bundle, precision=settings.precision)
        limits = Limits(seconds=settings.parse_seconds, memory=2 * settings.memory)
        work = Scan(library, start, sha256, jobs=settings.jobs, again=order.again, limits=limits, progress=self._tell)
        self.summary = work.summary
        work.run(order.folders)

    def _tell(self, what: str, done: int, total: int | None) -> None:
        self.stage, self.done, self.total = ("looking" if what == "looking" else "listening"), done, total
        self._pace.take(done, total)
        if self._stop.is_set():
            raise _Stopped


def advice(library: Library) -> dict[str, Any]:
    """What a page tells of a library: that most of it sounds like nothing known, that there is a better model."""
    numbers = statistics(library)
    return {"strange": remark(numbers["unknown"], numbers["songs"]), "old_model": is_first_default(library)}
