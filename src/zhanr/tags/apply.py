"""Carrying a plan out, file by file: each is at every moment either its old self or its checked new self.

For each song: is it still what the plan saw (length, time, hash)? Then a new version is made beside it, opened again
and compared with the old one (`verify`); the way back is checked and written to the journal; and only then the new
version takes the old one's place, in one step that no crash can halve. Whatever fails before leaves the old file as it
is.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal

from zhanr.errors import TagError
from zhanr.tags import disk
from zhanr.tags.formats import checked_genres, edits_for, read_tags
from zhanr.tags.formats.edits import Edit, inverse, spliced
from zhanr.tags.journal import Entry, Journal
from zhanr.tags.plan import Row
from zhanr.tags.verify import difference, facts

Status = Literal["written", "would be written", "done", "restored", "would be restored", "refused", "failed"]


@dataclass(frozen=True)
class Outcome:
    """What became of one song. "refused" is a decision for safety, "failed" an error of the disk; both say why."""

    path: Path
    status: Status
    genres: tuple[str, ...] = ()
    old: tuple[str, ...] = ()
    reason: str = ""

    @property
    def bad(self) -> bool:
        """Whether the song is not as it was wanted."""
        return self.status in ("refused", "failed")

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "path": str(self.path),
            "status": self.status,
            "genres": list(self.genres),
            "old": list(self.old),
            "reason": self.reason,
        }


@dataclass(frozen=True)
class Options:
    """`keep_mtime`: a file's time of change stays. `split_links`: a file with several names may become two files."""

    keep_mtime: bool = False
    split_links: bool = False


def apply(rows: Iterable[Row], journal: Journal | None, options: Options | None = None) -> Iterator[Outcome]:
    """Carry out the rows that say "write", one after the other; without a journal nothing is written, only checked."""
    wanted = [row for row in rows if row.write]
    if journal is not None:
        for folder in folders(wanted):
            disk.sweep(folder)
    for row in wanted:
        yield _outcome(row, journal, options or Options())


def folders(rows: Iterable[Row]) -> tuple[Path, ...]:
    """The folders in which a plan writes."""
    return tuple(dict.fromkeys(disk.real(row.path).parent for row in rows if row.write))


def _outcome(row: Row, journal: Journal | None, options: Options) -> Outcome:
    old: tuple[str, ...] = row.old
    try:
        target = disk.real(row.path)
        genres = checked_genres(row.genres, target)
        with _opened(target) as file:
            old = read_tags(file, target).genres
            if old == genres:
                return Outcome(row.path, "done", genres, old, "it says so already")
            status = disk.checked_target(target, split_links=options.split_links)
            if not row.check.agrees(status):
                raise TagError(target, "it was changed since the plan was made; plan it again")
            if journal is None:
                _check_hash(file, row, target)
                edits_for(file, target, genres)
                return Outcome(row.path, "would be written", genres, old)
        note = _write(target, row, genres, journal, options, status)
        return Outcome(row.path, "written", genres, old, note)
    except (TagError, ValueError) as error:
        return Outcome(
            row.path, "refused", row.genres, old, error.reason if isinstance(error, TagError) else str(error)
        )
    except OSError as error:
        return Outcome(row.path, "failed", row.genres, old, f"{disk.why(error)}; the file is as it was")


@contextlib.contextmanager
def _opened(target: Path) -> Iterator[BinaryIO]:
    try:
        file = target.open("rb")
    except OSError as error:
        raise TagError(target, disk.reading(error)) from error
    with file:
        yield file


def _check_hash(file: BinaryIO, row: Row, target: Path) -> None:
    if spliced_sha256(file, ()) != row.check.sha256:
        raise TagError(target, "it was changed since the plan was made; plan it again")


def _write(
    target: Path, row: Row, genres: tuple[str, ...], journal: Journal, options: Options, status: os.stat_result
) -> str:
    """Make, check, remember and place the new version; a note for the person, mostly empty."""
    with disk.temporary(target) as new:
        with target.open("rb") as file:
            edits = edits_for(file, target, genres)
            old_sha256, new_sha256 = write_spliced(file, edits, status.st_size, new)
            if old_sha256 != row.check.sha256:
                raise TagError(target, "it was changed since the plan was made; plan it again")
            back = inverse(file, edits)
        old, made = facts(target, suffix=target.suffix), facts(new.path, suffix=target.suffix)
        if reason := difference(old, made, genres):
            raise TagError(target, f"not written, because {reason}")
        if spliced_sha256(new.file, back) != old_sha256:
            raise TagError(target, "not written, because the way back to the old file would not be sure")
        mtime_ns = status.st_mtime_ns if options.keep_mtime else None
        owned = disk.copy_attributes(target, status, new.path, mtime_ns=mtime_ns)
        new.sync()
        if not row.check.agrees(target.stat()):
            raise TagError(target, "another program is changing it just now")
        journal.append(Entry(target, row.check, new_sha256, back))
        new.replace(target)
    return "" if owned else "it belongs to you now: its owner can't be kept without more rights"


def write_spliced(file: BinaryIO, edits: tuple[Edit, ...], size: int, new: disk.Temporary) -> tuple[str, str]:
    """Write the edited file; the SHA-256 of what was read and of what was written."""
    old_hash, new_hash = hashlib.sha256(), hashlib.sha256()
    try:
        for old_bytes, new_bytes in spliced(file, edits, size):
            old_hash.update(old_bytes)
            new_hash.update(new_bytes)
            new.file.write(new_bytes)
    except EOFError as error:
        raise TagError(new.path, str(error)) from error
    new.file.flush()
    return old_hash.hexdigest(), new_hash.hexdigest()


def spliced_sha256(file: BinaryIO, edits: tuple[Edit, ...]) -> str:
    """The SHA-256 of what the edits would make of a file."""
    size, digest = file.seek(0, os.SEEK_END), hashlib.sha256()
    for _, new in spliced(file, edits, size):
        digest.update(new)
    return digest.hexdigest()
