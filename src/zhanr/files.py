"""Files on the disk: replaced whole or not at all, locked, in the platform's folders, and what an OSError means."""

from __future__ import annotations

import errno
import os
import secrets
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote_to_bytes

from zhanr.errors import FileError

_RETRY_SECONDS = 2.0  # how long Windows' virus scanners and indexers may hold a new file
_DENIED, _SHARED, _LOCKED = 5, 32, 33  # Windows: access denied (also: open elsewhere), sharing and lock violation
_URI = "file://"
IN_USE = "another program has it open (or it is protected); close it there and try again"
_SENTENCES = {
    errno.ENOENT: "there is no such file or folder",
    errno.ENOTDIR: "there is no such file or folder",
    errno.EISDIR: "this is a folder, not a file",
    errno.ENOSPC: "the disk is full",
    getattr(errno, "EDQUOT", -1): "the disk quota is used up",
    errno.EROFS: "the disk is read-only",
    errno.EFBIG: "the file would be longer than this disk or system allows",
    errno.EIO: "the disk reports an error",
    errno.ENAMETOOLONG: "its name is too long",
    errno.ELOOP: "it is a link that leads back to itself",
    getattr(errno, "ESTALE", -2): "the network share has gone",
}
_LEFTOVER = ".zhanr-"
"""How the names of temporary files begin, by which `sweep` knows what a killed program left."""


# -- what went wrong, in a sentence


def read_failure(error: Exception) -> str:
    """Why reading failed, for a person."""
    if getattr(error, "winerror", None) in (_SHARED, _LOCKED):
        return IN_USE
    return "reading it is not permitted" if isinstance(error, PermissionError) else _sentence(error, "read")


def write_failure(error: Exception) -> str:
    """Why writing failed, for a person."""
    if getattr(error, "winerror", None) in (_DENIED, _SHARED, _LOCKED):
        return IN_USE
    if getattr(error, "errno", None) == errno.EACCES:
        return "writing to its folder is not permitted"
    if isinstance(error, PermissionError):
        return "writing is not permitted (is the file or its folder protected?)"
    return _sentence(error, "written")


def _sentence(error: Exception, what: str) -> str:
    known = _SENTENCES.get(getattr(error, "errno", None) or 0)
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return known or f"it can't be {what} ({text})"


# -- replacing


def check_free(targets: Iterable[Path], *, force: bool) -> None:
    """Refuse to take the place of files that are there already. Raises `FileError`."""
    for target in () if force else targets:
        if target.is_file():
            raise FileError(target, "there is such a file already; --force replaces it")


@contextmanager
def replacing(target: Path, *, error: type[FileError] = FileError, parents: bool = False) -> Iterator[Path]:
    """Yield a path beside `target` to write to; it takes the target's place at the end, or is removed on an error.

    `parents` makes the folder if it is missing. Raises `error` with a sentence where the disk refuses.
    """
    temporary = _beside(target)
    try:
        if parents:
            target.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        _rename(temporary, target)
    except OSError as reason:
        raise error(target, write_failure(reason)) from reason
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


@dataclass
class Temporary:
    """A new file, open for reading and writing, beside the one that it shall replace."""

    path: Path
    file: BinaryIO

    def sync(self) -> None:
        """Let its bytes reach the disk."""
        self.file.flush()
        os.fsync(self.file.fileno())

    def replace(self, target: Path) -> None:
        """Take the target's place, on the disk as well. The bytes must have been written and `sync`ed."""
        if sys.platform == "win32":
            self.file.close()  # an open file can't be renamed there
        _rename(self.path, target)
        sync_folder(target.parent)


@contextmanager
def temporary(target: Path) -> Iterator[Temporary]:
    """A hidden new file in the folder of `target`, which is removed at the end unless it has replaced something.

    Errors of the disk are raised as they are.
    """
    path = _beside(target)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
    with os.fdopen(descriptor, "w+b") as file:
        try:
            yield Temporary(path, file)
        finally:
            if sys.platform == "win32":
                file.close()
            with suppress(OSError):
                path.unlink(missing_ok=True)


def sweep(folder: Path) -> int:
    """Remove the temporary files that killed programs have left in a folder; how many they were.

    Call it only where nobody else is writing (see `locked`): what is in use can't be told from what was left.
    """
    removed = 0
    with suppress(OSError):
        for entry in list(folder.glob(f"{_LEFTOVER}{'[0-9a-f]' * 16}.tmp")):
            if entry.is_file() and not entry.is_symlink():
                with suppress(OSError):
                    entry.unlink()
                    removed += 1
    return removed


def sync_folder(folder: Path) -> None:
    """Let a change of a folder's names reach the disk, where the system can do that."""
    if sys.platform == "win32":
        return
    with suppress(OSError):  # some network shares refuse it
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _beside(target: Path) -> Path:
    return target.with_name(f"{_LEFTOVER}{secrets.token_hex(8)}.tmp")


def _rename(source: Path, target: Path) -> None:
    """Rename; on Windows, try again for a while when another program holds one of both."""
    end = time.monotonic() + (_RETRY_SECONDS if sys.platform == "win32" else 0)
    while True:
        try:
            os.replace(source, target)  # noqa: PTH105 - the one call that everything here depends on, by its name
            return
        except PermissionError:
            if time.monotonic() >= end:
                raise
            time.sleep(0.1)


# -- one at a time


@contextmanager
def locked(path: Path) -> Iterator[bool]:
    """Hold the lock of a file of its own, from which other processes and threads are kept until the end.

    Yields False where somebody else holds it. A process that ends, however it ends, lets go. The file stays. Raises
    `OSError` where it can't be made.
    """
    from filelock import FileLock, Timeout

    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path, timeout=0, thread_local=False)
    try:
        lock.acquire()
    except Timeout:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()


# -- in tables


def path_cell(path: Path) -> str:
    """A path as it is, or as a `file://` address where a table can't hold it or an editor might spoil it."""
    text = str(path)
    odd = not text.isprintable() or text != text.strip() or text.startswith(_URI)
    return path.absolute().as_uri() if odd else text


def read_path_cell(cell: str) -> Path:
    """The opposite of `path_cell`. Raises `ValueError` for a path that isn't absolute."""
    text = cell
    if cell.strip().startswith(_URI):
        text = os.fsdecode(unquote_to_bytes(cell.strip().removeprefix(_URI)))
        text = text.lstrip("/") if os.name == "nt" else text
    path = Path(text)
    if not path.is_absolute():
        raise ValueError(f"{cell!r} is not a full path")
    return path


# -- the platform's folders


def data_folder() -> Path:
    """Where a person's own data lie, the library for one: `~/.local/share/zhanr` on Linux, and so on."""
    from platformdirs import user_data_path

    folder = user_data_path("zhanr", appauthor=False)
    if sys.platform == "darwin" and not folder.exists():
        before = Path.home() / "Library" / "Application Support" / "zhanr"  # $XDG_DATA_HOME counts there now, too
        return before if before.exists() else folder
    return folder


def config_folder() -> Path:
    """Where a person's settings lie: `~/.config/zhanr` on Linux, and so on."""
    from platformdirs import user_config_path

    return user_config_path("zhanr", appauthor=False)
