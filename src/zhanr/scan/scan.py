"""From folders to the library: find what is new or changed, and classify that, in a way that may be stopped any time.

First everything is looked at, which takes seconds and tells how much there is to do; then the work is done, and every
song is stored as soon as it is known. So a kill loses the songs in flight, and the next scan does the rest.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import IO, Any

from zhanr.library import Library, Song, locations
from zhanr.library.columns import PREDICTED
from zhanr.scan.analyse import AGAIN
from zhanr.scan.walk import Listing, walk
from zhanr.scan.worker import Limits, Lost, Pool, Task, Work

Progress = Callable[[str, int, int | None], None]


@dataclass
class Summary:
    """What a scan found and did. The songs of `found` are in exactly one of the groups below it.

    `classified` songs were decoded (`new`, `changed` and `again` say why); `retagged`, `moved` and `copies` were
    known by their sound, `gone` before they could be read. `left` is what `limit` or an interruption left for the next
    scan. `other_model` counts unchanged songs that another model classified. `problems` are folders and files that
    could not be looked at.
    """

    found: int = 0
    unchanged: int = 0
    classified: int = 0
    retagged: int = 0
    moved: int = 0
    copies: int = 0
    failed: int = 0
    gone: int = 0
    left: int = 0
    new: int = 0
    changed: int = 0
    again: int = 0
    missing: int = 0
    returned: int = 0
    other_model: int = 0
    seconds: float = 0.0
    problems: list[tuple[str, str]] = field(default_factory=list)

    @property
    def eventful(self) -> bool:
        """Whether anything was new, or not as it was."""
        news = (self.classified, self.retagged, self.moved, self.copies, self.failed, self.missing, self.returned)
        return any(news) or bool(self.problems)

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        problems = [{"path": path, "reason": reason} for path, reason in self.problems]
        return asdict(self) | {"seconds": round(self.seconds, 3), "problems": problems}


class Scan:
    """One scan of folders into a library; `run` does it, and `summary` is true at every moment.

    Parameters
    ----------
    start, model_sha256
        What a worker starts with and the model that it uses, as `zhanr.scan.analyse.analyser` gives them.
    again
        Also classify what another model classified, and try failures again.
    limit
        Classify no more than so many files.
    leave
        Whether to pass over a new or changed file (its path and mtime_ns), because it is still being written.
    """

    def __init__(
        self,
        library: Library,
        start: Callable[[], Work[Song | None]],
        model_sha256: str,
        *,
        jobs: int = 1,
        limit: int | None = None,
        again: bool = False,
        limits: Limits | None = None,
        progress: Progress | None = None,
        leave: Callable[[str, int], bool] | None = None,
    ) -> None:
        self.library = library
        self.summary = Summary()
        self._start, self._model = start, model_sha256
        self._jobs, self._limit, self._again, self._limits = jobs, limit, again, limits
        self._progress: Progress = progress or (lambda *_: None)
        self._leave = leave or (lambda *_: False)
        self._twins: dict[Path, Song] = {}
        self._begin = 0.0

    def run(self, roots: Iterable[str | os.PathLike[str]]) -> Summary:
        """Scan. An interruption is passed on; what was done until then is kept."""
        self._begin, begin = time.time(), time.monotonic()
        with tempfile.TemporaryFile("w+", encoding="ascii") as work:  # flat memory, however much there is to do
            try:
                self._compare([os.path.abspath(root) for root in roots], work)  # noqa: PTH100
                self._analyse(work)
            finally:
                self.summary.seconds = time.monotonic() - begin
        return self.summary

    # -- comparing with the library

    def _compare(self, roots: list[str], work: IO[str]) -> None:
        """Compare all folders with the library, and write what is to be done to a file, not to memory."""
        listed = set()
        for listing in walk(roots):
            known = locations.known_in(self.library, listing.folder)
            self._note_problems(listing, known, roots)
            for path, (size, mtime_ns) in listing.files.items():
                reason = self._reason(known.get(path), size, mtime_ns)
                if reason is not None and self._leave(path, mtime_ns):
                    self.summary.found -= 1  # which all of the listing are counted in, below
                elif reason is not None:
                    work.write(json.dumps([path, size, mtime_ns, reason]) + "\n")
                    self.summary.left += 1
            self._note_returned(path for path in listing.files if path in known and known[path].missing)
            if listing.complete:
                listed.add(listing.folder)
                self._note_gone(set(known) - set(listing.files) - set(listing.problems), known)
                locations.forget_failure(self.library, listing.folder)
            self.summary.found += len(listing.files)
            self._progress("looking", self.summary.found, None)
        for root in filter(os.path.isdir, roots):
            for folder in locations.folders_below(self.library, root):
                if folder not in listed and _is_gone(folder):
                    known = locations.known_in(self.library, folder)
                    self._note_gone(set(known), known)

    def _reason(self, known: locations.Known | None, size: int, mtime_ns: int) -> str | None:
        """Why a file is to be analysed, or None."""
        if known is None:
            return "new"
        if (known.size, known.mtime_ns) != (size, mtime_ns):
            return "changed"
        other = not known.failed and known.model_sha256 != self._model
        if self._again and (other or known.failed):
            return "again"
        self.summary.other_model += other
        self.summary.unchanged += 1
        return None

    def _note_problems(self, listing: Listing, known: dict[str, locations.Known], roots: list[str]) -> None:
        for path, reason in listing.problems.items():
            if path in known and known[path].failed:
                continue  # said at the scan that first saw it; `zhanr library failures` goes on saying it
            self.summary.problems.append((path, reason))
            absent_root = path in roots and not os.path.lexists(path)
            if path not in known and not absent_root:
                self.library.add(Song(Path(path), mtime_ns=AGAIN, error=reason))

    def _note_returned(self, returned: Iterable[str]) -> None:
        paths = list(returned)
        if paths:
            locations.mark_present(self.library, paths)
            self.summary.returned += len(paths)

    def _note_gone(self, gone: set[str], known: dict[str, locations.Known]) -> None:
        gone = {path for path in gone if not known[path].missing}
        if gone:
            self.summary.missing += locations.mark_missing(self.library, gone)

    # -- analysing

    def _analyse(self, work: IO[str]) -> None:
        wanted = total = self.summary.left
        if self._limit is not None:
            wanted = min(total, self._limit)
        if not wanted:
            return
        tasks = islice(_tasks(work), wanted)
        with Pool(self._start, jobs=min(self._jobs, wanted), limits=self._limits) as pool:
            for done, (task, result) in enumerate(pool.run(tasks, self._is_known), start=1):
                self._store(task, result)
                self.summary.left -= 1
                self._progress("listening", done, wanted)

    def _is_known(self, task: Task, content_hash: str) -> bool:
        """Whether the library has the answer for this sound: under this path, a path that is gone, or another one."""
        twins = locations.twins(self.library, content_hash)
        own = [song for song in twins if song.path == task.path]
        moved = [song for song in twins if task.reason == "new" and _is_gone(song.path)]
        copies = [song for song in twins if song.model_sha256 == self._model]
        if self._again:
            own = [song for song in own if song.model_sha256 == self._model]
        known = next(iter(own + moved + copies), None)
        if known is None or (self._again and known.model_sha256 != self._model):
            return False
        self._twins[task.path] = known
        return True

    def _store(self, task: Task, result: Song | Lost | None) -> None:
        """Put one result into the library, at once."""
        twin = self._twins.pop(task.path, None)
        if result is None:
            self.summary.gone += 1
            return
        if isinstance(result, Lost):
            result = self._lost(task, result)
        if result.error is not None:
            self._store_failure(result)
        else:
            with self.library.transaction():
                self._store_prediction(task, result, twin)

    def _lost(self, task: Task, lost: Lost) -> Song:
        mtime_ns = AGAIN if lost.again else task.mtime_ns
        return Song(task.path, task.size, mtime_ns, model_sha256=self._model, error=lost.reason)

    def _store_failure(self, song: Song) -> None:
        self.summary.failed += 1
        before = self.library.song(song.path)
        if before is None or before.best is None or song.mtime_ns != AGAIN:
            self.library.add(song)  # else the disk's trouble is no reason to forget what is known

    def _store_prediction(self, task: Task, song: Song, twin: Song | None) -> None:
        """Store what was predicted, or what is known of the same sound; a file that was moved keeps its row."""
        moved = task.reason == "new" and self._take_over(song)
        if twin is None:
            self.library.add(song)
            kinds = ["classified", task.reason]
        else:
            self.library.add(replace(song, **{name: getattr(twin, name) for name in PREDICTED}))
            kinds = ["retagged" if twin.path == song.path else "moved" if moved else "copies"]
        for kind in kinds:
            setattr(self.summary, kind, getattr(self.summary, kind) + 1)

    def _take_over(self, song: Song) -> bool:
        """Give the path of a new file to the song of the same sound whose own file is gone, if there is one."""
        for twin in locations.twins(self.library, song.content_hash or ""):
            if _is_gone(twin.path):
                locations.move(self.library, twin, str(song.path))
                self.summary.missing -= (twin.missing_since or 0) >= self._begin
                return True
        return False


def _tasks(work: IO[str]) -> Iterator[Task]:
    work.seek(0)
    for line in work:
        path, size, mtime_ns, reason = json.loads(line)
        yield Task(Path(path), size, mtime_ns, reason)


def _is_gone(path: str | Path) -> bool:
    """Whether it is certain that nothing is there; a share that doesn't answer leaves it open."""
    try:
        os.stat(path)  # noqa: PTH116
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False
