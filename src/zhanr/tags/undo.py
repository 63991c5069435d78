"""Taking a run back: every file gets its old bytes again, exactly, and its old time of change."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from pathlib import Path

from zhanr.errors import TagError
from zhanr.files import sweep, temporary, write_failure
from zhanr.tags.apply import Outcome, write_spliced
from zhanr.tags.formats.edits import ordered
from zhanr.tags.journal import Journal, JournalEntry, sole_writer
from zhanr.tags.target import Check, checked_target, copy_attributes


def undo(journal: Journal, *, dry_run: bool = False) -> Iterator[Outcome]:
    """Take back what a journal tells of, the last change first; it may be interrupted and repeated at will.

    A file that was changed by somebody else since is left alone, for its old bytes can't be had back without losing
    that change. A file that has its old bytes, because it was never changed or was restored before, counts as done.
    Raises `InUseError` where another run is writing files.
    """
    with nullcontext() if dry_run else sole_writer(journal.path.parent):
        yield from _taken_back(journal, dry_run=dry_run)


def _taken_back(journal: Journal, *, dry_run: bool) -> Iterator[Outcome]:
    if not dry_run:
        for folder in {*journal.folders, *(entry.path.parent for entry in journal.entries)}:
            sweep(folder)
    chains: dict[Path, list[JournalEntry]] = {}
    for entry in reversed(journal.entries):
        chains.setdefault(entry.path, []).append(entry)
    outcomes = []
    for path, entries in chains.items():
        outcome = _outcome(path, entries, dry_run=dry_run)
        outcomes.append(outcome)
        yield outcome
    if not dry_run and not any(outcome.status == "failed" for outcome in outcomes):
        with suppress(OSError):  # a full disk: the journal will say again what was done already
            journal.mark_undone()


def _outcome(path: Path, entries: list[JournalEntry], *, dry_run: bool) -> Outcome:
    try:
        found, restored = False, False
        for entry in entries:
            now = Check.of(path)
            if now.sha256 == entry.new_sha256:
                if not dry_run and (problem := _restore(path, entry, now)):
                    return Outcome(path, "failed", reason=problem)
                found = restored = True
                if dry_run:
                    break
            found |= now.sha256 == entry.old.sha256
        if not found:
            raise TagError(path, "it was changed after zhanr wrote it, so it is left as it is")
        if not restored:
            return Outcome(path, "done", reason="it is its old self already")
        return Outcome(path, "would be restored" if dry_run else "restored")
    except TagError as error:
        return Outcome(path, "refused", reason=error.reason)
    except OSError as error:
        return Outcome(path, "failed", reason=f"{write_failure(error)}; the file is as it was")


def _restore(path: Path, entry: JournalEntry, now: Check) -> str | None:
    """Give a file its old bytes; or say why that can't be done now, and perhaps can be later."""
    try:
        _put_back(path, entry, now)
    except TagError as error:
        return error.reason
    return None


def _put_back(path: Path, entry: JournalEntry, now: Check) -> None:
    status = checked_target(path, split_links=True)
    with temporary(path) as new:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            was, became = write_spliced(file, ordered(entry.back, size), size, new)
        if (was, became) != (entry.new_sha256, entry.old.sha256):
            raise TagError(path, "its old bytes can't be put together again: the file or the journal is damaged")
        copy_attributes(path, status, new.path, mtime_ns=entry.old.mtime_ns)
        new.sync()
        if not now.agrees(path.stat()):
            raise TagError(path, "another program is changing it just now")
        new.replace(path)
