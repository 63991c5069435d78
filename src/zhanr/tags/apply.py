"""Carrying a plan out, file by file: each is at every moment either its old self or its checked new self.

For each song: is it still what the plan saw (length, time, hash)? Then a new version is made beside it, opened again
and compared with the old one (`verify`); the way back is checked and written to the journal; and only then the new
version takes the old one's place, in one step that no crash can halve. Whatever fails before leaves the old file as it
is.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal

from zhanr.errors import TagError
from zhanr.files import Temporary, sweep, temporary, write_failure
from zhanr.tags.formats import TagFile, checked_genres, open_tags
from zhanr.tags.formats.edits import Edit, inverse, spliced
from zhanr.tags.formats.fields import Wanted
from zhanr.tags.journal import Journal, JournalEntry
from zhanr.tags.plan import Row
from zhanr.tags.target import Check, checked_target, copy_attributes, real
from zhanr.tags.verify import difference, facts

CHANGED = "it was changed since the plan was made; plan it again"
Status = Literal["written", "would be written", "done", "restored", "would be restored", "refused", "failed"]


@dataclass(frozen=True)
class Outcome:
    """What became of one song. "refused" is a decision for safety, "failed" an error of the disk; both say why."""

    path: Path
    status: Status
    genres: tuple[str, ...] = ()
    old: tuple[str, ...] = ()
    reason: str = ""
    field: str = ""
    styles: tuple[str, ...] = ()

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
        } | ({"field": self.field, "styles": list(self.styles)} if self.field else {})


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
            sweep(folder)
    for row in wanted:
        yield _outcome(row, journal, options or Options())


def folders(rows: Iterable[Row]) -> tuple[Path, ...]:
    """The folders in which a plan writes."""
    return tuple(dict.fromkeys(real(row.path).parent for row in rows if row.write))


def _outcome(row: Row, journal: Journal | None, options: Options) -> Outcome:
    old: tuple[str, ...] = row.old

    def outcome(status: Status, reason: str = "") -> Outcome:
        return Outcome(row.path, status, row.genres, old, reason, row.field, row.styles)

    try:
        target = real(row.path)
        wanted = _checked(row, target)
        with open_tags(target) as opened:
            old = opened.tags.genres
            wanted = {field: values for field, values in wanted.items() if opened.tags.texts(field) != values}
            if not wanted:
                return outcome("done", "it says so already")
            status = checked_target(target, split_links=options.split_links)
            if not row.check.agrees(status):
                raise TagError(target, CHANGED)
            if journal is None:
                if spliced_sha256(opened.file, ()) != row.check.sha256:
                    raise TagError(target, CHANGED)
                opened.edits(wanted)
                return outcome("would be written")
            return outcome("written", _write(opened, row, wanted, journal, options, status))
    except TagError as error:
        return outcome("refused", error.reason)
    except ValueError as error:
        return outcome("refused", str(error))
    except OSError as error:
        return outcome("failed", f"{write_failure(error)}; the file is as it was")


def _checked(row: Row, target: Path) -> dict[str, tuple[str, ...]]:
    """What a row wants to be written. Raises `TagError` where that is nothing, or no tag can hold it."""
    wanted = {field: checked_genres(values, target) for field, values in row.wanted.items() if values}
    if not wanted:
        raise TagError(target, "no genre is given")
    return wanted


def _write(
    opened: TagFile,
    row: Row,
    wanted: Wanted,
    journal: Journal,
    options: Options,
    status: os.stat_result,
) -> str:
    """Make, check, remember and place the new version; a note for the person, mostly empty."""
    target = opened.path
    with temporary(target) as new:
        back, new_sha256 = _make(opened, row.check, wanted, new)
        mtime_ns = status.st_mtime_ns if options.keep_mtime else None
        owned = copy_attributes(target, status, new.path, mtime_ns=mtime_ns)
        new.sync()
        if not row.check.agrees(target.stat()):
            raise TagError(target, "another program is changing it just now")
        opened.file.close()  # Windows replaces no open file
        journal.append(JournalEntry(target, row.check, new_sha256, back))
        new.replace(target)
    return "" if owned else "it belongs to you now: its owner can't be kept without more rights"


def _make(opened: TagFile, check: Check, wanted: Wanted, new: Temporary) -> tuple[tuple[Edit, ...], str]:
    """Write the new version, compare it with the old one, and try the way back: the edits of that, and its hash."""
    target = opened.path
    edits = opened.edits(wanted)
    old_sha256, new_sha256 = write_spliced(opened.file, edits, opened.size, new)
    if old_sha256 != check.sha256:
        raise TagError(target, CHANGED)
    back = inverse(opened.file, edits)
    with open_tags(new.path) as made:
        before, after = (facts(one, wanted, suffix=target.suffix) for one in (opened, made))
        reason = difference(before, after, wanted)
    if reason:
        raise TagError(target, f"not written, because {reason}")
    if spliced_sha256(new.file, back) != old_sha256:
        raise TagError(target, "not written, because the way back to the old file would not be sure")
    return back, new_sha256


def write_spliced(file: BinaryIO, edits: tuple[Edit, ...], size: int, new: Temporary) -> tuple[str, str]:
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
