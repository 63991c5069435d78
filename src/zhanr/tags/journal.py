"""The journal: for every file that is about to be replaced, how to get its old bytes back.

One file that only grows. It begins with a line about the run; then, for each song, a line of JSON and after it the
bytes that the new file lacks and the old one had: some hundred bytes for a song, not a copy of it. An entry is on the
disk before its file is touched. So whatever is torn off at the end by a crash belongs to a file that was not touched.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Self, cast
from urllib.parse import quote_from_bytes, unquote_to_bytes

from zhanr.errors import InUseError, PlanError
from zhanr.files import locked, read_failure, sync_folder, write_failure
from zhanr.library.store import default_path
from zhanr.tags.formats.edits import Edit
from zhanr.tags.target import Check

_FORMAT = 1
_SUFFIX = ".undo"
LOCK = "writing.lock"
_BEGINNING = b'{"zhanr undo journal": '


@dataclass(frozen=True)
class JournalEntry:
    """One replaced file: what it was, the hash of what it became, and the edits that lead back."""

    path: Path
    old: Check
    new_sha256: str
    back: tuple[Edit, ...]

    def line(self) -> bytes:
        """The entry as stored, without the bytes of the edits."""
        blob = self.blob()
        values = {
            "path": _quoted(self.path),
            "old": {"size": self.old.size, "mtime_ns": self.old.mtime_ns, "sha256": self.old.sha256},
            "new": self.new_sha256,
            "back": [[e.start, e.stop, len(e.new)] for e in self.back],
            "bytes": len(blob),
            "sha256": hashlib.sha256(blob).hexdigest(),
        }
        return json.dumps(values).encode() + b"\n"

    def blob(self) -> bytes:
        """The old bytes, of all edits one after the other."""
        return b"".join(e.new for e in self.back)


@dataclass
class Journal:
    """What was read from a journal, or is being written to it."""

    path: Path
    plan: Path | None = None
    folders: tuple[Path, ...] = ()
    entries: list[JournalEntry] = field(default_factory=list)
    undone: bool = False
    _file: BinaryIO | None = None
    _end: int = 0
    _lock: ExitStack = field(default_factory=ExitStack)

    @classmethod
    def create(cls, path: Path, plan: Path | None, folders: Iterable[Path]) -> Journal:
        """Begin a new journal, and keep all other writers of files away until it is closed.

        Raises `PlanError`, and `InUseError` where another run is writing.
        """
        journal = cls(path, plan, tuple(dict.fromkeys(folders)))
        head = {
            "zhanr undo journal": _FORMAT,
            "started": datetime.now().isoformat(timespec="seconds"),
            "plan": None if plan is None else _quoted(plan),
            "folders": [_quoted(f) for f in journal.folders],
        }
        try:
            journal._lock.enter_context(sole_writer(path.parent))
            path.parent.mkdir(parents=True, exist_ok=True)
            journal._file = cast(BinaryIO, path.open("xb", buffering=0))
            journal._write(json.dumps(head).encode() + b"\n")
            sync_folder(path.parent)
        except FileExistsError as error:
            journal.close()
            raise PlanError(path, "there is a file of this name already; choose another one for the journal") from error
        except OSError as error:
            began = journal._file is not None
            journal.close()
            if began:
                path.unlink(missing_ok=True)
            raise PlanError(path, f"the journal can't be begun: {write_failure(error)}") from error
        return journal

    @classmethod
    def read(cls, path: Path) -> Journal:
        """Read a journal up to where it was torn off, if it was. Raises `PlanError` where it isn't one."""
        try:
            with path.open("rb") as file:
                line = file.readline()
                if not line.endswith(b"\n") and _BEGINNING.startswith(line[: len(_BEGINNING)]):
                    return cls(path, undone=True)  # the run was killed before it began
                head = json.loads(line)
                if head["zhanr undo journal"] != _FORMAT:
                    raise PlanError(path, "this journal was written by a newer zhanr")
                plan = None if head["plan"] is None else _unquoted(head["plan"])
                journal = cls(path, plan, tuple(map(_unquoted, head["folders"])))
                journal._end = file.tell()
                while (item := _next(file)) is not None:
                    if isinstance(item, JournalEntry):
                        journal.entries.append(item)
                    journal.undone = not isinstance(item, JournalEntry)
                    journal._end = file.tell()
        except OSError as error:
            raise PlanError(path, read_failure(error)) from error
        except (ValueError, KeyError, TypeError) as error:
            raise PlanError(path, "this is not a journal of zhanr, or its beginning is damaged") from error
        return journal

    def append(self, entry: JournalEntry) -> None:
        """Write an entry, down to the disk. Raises `OSError`, and then leaves no half of it."""
        self._write(entry.line() + entry.blob() + b"\n")
        self.entries.append(entry)

    def mark_undone(self) -> None:
        """Remember that all of it was taken back. Raises `OSError`."""
        if not self._end:
            return
        with cast(BinaryIO, self.path.open("r+b", buffering=0)) as self._file:
            self._write(json.dumps({"undone": datetime.now().isoformat(timespec="seconds")}).encode() + b"\n")

    def _write(self, data: bytes) -> None:
        """Write behind what is whole so far, all of it and down to the disk, or nothing."""
        assert self._file is not None
        try:
            self._file.seek(self._end)
            self._file.truncate()
            rest = memoryview(data)
            while rest:
                rest = rest[self._file.write(rest) :]
            os.fsync(self._file.fileno())
        except OSError:
            with suppress(OSError):
                self._file.truncate(self._end)
            raise
        self._end += len(data)

    def close(self) -> None:
        """Close the file, and let others write."""
        if self._file is not None:
            with suppress(OSError):
                self._file.close()
            self._file = None
        self._lock.close()

    def __enter__(self) -> Self:
        """Return the journal itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file; a journal of nothing is removed."""
        self.close()
        if not self.entries:
            with suppress(OSError):
                self.path.unlink()


def _next(file: BinaryIO) -> JournalEntry | dict[str, Any] | None:
    """The next item; None at the end, or where the rest was torn off."""
    line = file.readline()
    if not line.endswith(b"\n"):
        return None
    try:
        values = json.loads(line)
        if "undone" in values:
            return dict(values)
        blob = file.read(values["bytes"])
        if file.read(1) != b"\n" or hashlib.sha256(blob).hexdigest() != values["sha256"]:
            return None
        return _entry(values, blob)
    except (ValueError, KeyError, TypeError):
        return None


def _entry(values: dict[str, Any], blob: bytes) -> JournalEntry:
    back, at = [], 0
    for start, stop, length in values["back"]:
        back.append(Edit(start, stop, blob[at : at + length]))
        at += length
    return JournalEntry(_unquoted(values["path"]), Check(**values["old"]), values["new"], tuple(back))


def _quoted(path: Path) -> str:
    return quote_from_bytes(os.fsencode(path))


def _unquoted(text: str) -> Path:
    return Path(os.fsdecode(unquote_to_bytes(text)))


def default_folder() -> Path:
    """Where journals lie: in the folder `undo` beside the library."""
    return default_path().parent / "undo"


@contextmanager
def sole_writer(folder: Path | None = None) -> Iterator[None]:
    """Nobody else writes files until the end. Raises `InUseError` where somebody does.

    The lock lies beside the journals or, for somebody who may not write there, in the `folder` of his own journal.
    """
    with ExitStack() as stack:
        try:
            held = stack.enter_context(locked(default_folder() / LOCK))
        except OSError as error:
            if folder is None:
                raise PlanError(default_folder(), write_failure(error)) from error
            held = stack.enter_context(locked(folder / LOCK))
        if not held:
            raise InUseError("another zhanr is writing files just now; please wait until it is done")
        yield


def somebody_writes() -> bool:
    """Whether another run is writing files at this moment."""
    try:
        with sole_writer():
            return False
    except InUseError:
        return True
    except PlanError:  # where no lock can be made, beginning a journal will say so
        return False


def new_path(plan: Path, folder: Path | None = None) -> Path:
    """A name for a new journal that sorts by time and names its plan."""
    stamp = f"{datetime.now():%Y-%m-%d_%H%M%S}.{time.time_ns() % 10**9:09d}"
    return (folder or default_folder()) / f"{stamp}-{plan.stem[:40]}{_SUFFIX}"


def find(what: str, folder: Path | None = None) -> list[Journal]:
    """The journals that `zhanr tag undo` is asked for, the newest first. Raises `PlanError` where there is none.

    `what` is a journal, a plan (all its runs), or "last" (the newest one that was not undone yet).
    """
    folder = folder or default_folder()
    path = Path(what)
    if path.suffix == _SUFFIX and path.is_file():
        return [Journal.read(path)]
    known = list(_readable(sorted(folder.glob(f"*{_SUFFIX}"), reverse=True)))
    if what == "last" and not path.exists():
        found = next(([j] for j in known if not j.undone), [])
    else:
        found = [j for j in known if j.plan == path.absolute()]
    if not found:
        raise PlanError(what, f"there is nothing to undo (the journals lie in {folder})")
    return found


def earlier(journal: Journal) -> list[Journal]:
    """Other runs of a journal's plan that are not undone: one that was stopped and started again leaves several."""
    found = _readable(sorted(journal.path.parent.glob(f"*{_SUFFIX}")))
    runs = (j for j in found if j.plan is not None and j.plan == journal.plan and j.path != journal.path)
    return [j for j in runs if j.entries and not j.undone]


def _readable(paths: Iterable[Path]) -> Iterator[Journal]:
    """The journals among files; one that a crash ended in its first line holds nothing to undo."""
    for path in paths:
        with suppress(PlanError):
            yield Journal.read(path)
