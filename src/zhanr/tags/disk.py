"""Putting a new version of a file in the place of the old one, so that there is one of them at every moment."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import secrets
import shutil
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from zhanr.errors import TagError

_LEFTOVER = re.compile(r"\.zhanr-[0-9a-f]{16}\.tmp")
_PATIENCE_SECONDS = 2.0  # how long Windows' virus scanners and indexers may hold a new file
_SHARING = (5, 32, 33)  # Windows: access denied (also: open elsewhere), sharing violation, lock violation
IN_USE = "another program has it open (or it is protected); close it there and try again"
_REASONS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT if hasattr(errno, "EDQUOT") else -1: "the disk quota is used up",
    errno.EROFS: "the disk is read-only",
    errno.EACCES: "writing to its folder is not permitted",
    errno.EPERM: "writing is not permitted (is the file or its folder protected?)",
    errno.ENOENT: "there is no such file any more",
    errno.ENOTDIR: "there is no such file any more",
    errno.EFBIG: "the file would be longer than this disk or system allows",
    errno.EIO: "the disk reports an error",
    errno.ENAMETOOLONG: "its name is too long",
    errno.ESTALE if hasattr(errno, "ESTALE") else -2: "the network share has gone",
}


@dataclass(frozen=True)
class Check:
    """What a file was like when it was looked at: its length, its time of change, and the hash of all its bytes."""

    size: int
    mtime_ns: int
    sha256: str

    @classmethod
    def of(cls, path: Path) -> Check:
        """Look at a file. Raises `TagError` where it can't be read, or changes meanwhile."""
        try:
            with path.open("rb") as file:
                before = os.fstat(file.fileno())
                digest = hashlib.file_digest(file, "sha256").hexdigest()
                after = os.fstat(file.fileno())
        except OSError as error:
            raise TagError(path, reading(error)) from error
        if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
            raise TagError(path, "another program is changing it just now")
        return cls(after.st_size, after.st_mtime_ns, digest)

    def agrees(self, status: os.stat_result) -> bool:
        """Whether length and time are still the same."""
        return (status.st_size, status.st_mtime_ns) == (self.size, self.mtime_ns)


def why(error: OSError) -> str:
    """Why writing failed, for a person."""
    if getattr(error, "winerror", None) in _SHARING:
        return IN_USE
    return _REASONS.get(error.errno or 0) or f"it can't be written ({error.strerror or error})"


def reading(error: OSError) -> str:
    """Why reading failed, for a person."""
    if getattr(error, "winerror", None) in _SHARING[1:]:
        return IN_USE
    if isinstance(error, PermissionError):
        return "reading it is not permitted"
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return "there is no such file any more"
    return f"the file can't be read ({error.strerror or error})"


def real(path: Path) -> Path:
    """The file behind a path: a symbolic link stays, what it points to is changed."""
    return Path(os.path.realpath(path))


def checked_target(path: Path, *, split_links: bool) -> os.stat_result:
    """The state of a file that may be replaced. Raises `TagError` where it must not be."""
    try:
        status = path.stat()
    except OSError as error:
        raise TagError(path, reading(error)) from error
    if not stat.S_ISREG(status.st_mode):
        raise TagError(path, "this is a folder or a device, not a file")
    if not status.st_mode & 0o222 or not os.access(path, os.W_OK):
        raise TagError(path, "it is write-protected")
    if not os.access(path.parent, os.W_OK):
        raise TagError(path, "writing to its folder is not permitted")
    if status.st_nlink > 1 and not split_links:
        raise TagError(path, f"it is one file under {status.st_nlink} names (hard links), which writing would part")
    return status


@dataclass
class Temporary:
    """A new file beside the one that it shall replace."""

    path: Path
    file: BinaryIO

    def replace(self, target: Path) -> None:
        """Take the target's place, on the disk as well. The bytes must have been written and `sync`ed."""
        if sys.platform == "win32":
            self.file.close()  # an open file can't be renamed there
        _patiently(self.path, target)
        sync_folder(target.parent)

    def sync(self) -> None:
        """Let the bytes reach the disk."""
        self.file.flush()
        os.fsync(self.file.fileno())


@contextmanager
def temporary(target: Path) -> Iterator[Temporary]:
    """A hidden new file in the folder of `target`, which is removed at the end unless it has replaced something.

    It is locked while in use, so that `sweep` knows what a killed program left from what one is still writing.
    """
    path = target.with_name(f".zhanr-{secrets.token_hex(8)}.tmp")
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
    with os.fdopen(descriptor, "w+b") as file:
        lock(file)
        try:
            yield Temporary(path, file)
        finally:
            if sys.platform == "win32":
                file.close()
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)


def sweep(folder: Path) -> int:
    """Remove what a killed run has left in a folder; how many files that were."""
    removed = 0
    with contextlib.suppress(OSError):
        for entry in list(folder.iterdir()):
            if _LEFTOVER.fullmatch(entry.name) and _is_abandoned(entry):
                with contextlib.suppress(OSError):
                    entry.unlink()
                    removed += 1
    return removed


def _is_abandoned(path: Path) -> bool:
    if path.is_symlink() or not path.is_file():
        return False
    if sys.platform == "win32":
        return True  # what is in use can't be removed there
    try:
        with path.open("rb") as file:
            return lock(file)
    except OSError:
        return False


def lock(file: BinaryIO) -> bool:
    """Mark an open file as in use; False where another program has it marked, or the disk knows no such marks."""
    if sys.platform == "win32":
        return True
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def copy_attributes(source: Path, status: os.stat_result, target: Path, *, mtime_ns: int | None) -> bool:
    """Give a new file the owner, rights and extended attributes of another; False if the owner can't be kept.

    Its time of change becomes `mtime_ns`, or now.
    """
    owned = True
    if hasattr(os, "chown"):
        try:
            os.chown(target, status.st_uid, status.st_gid)
        except OSError:
            owned = status.st_uid == target.stat().st_uid
            with contextlib.suppress(OSError):
                os.chown(target, -1, status.st_gid)
    shutil.copystat(source, target)
    if sys.platform == "darwin":  # Finder's tags and the access list, of which Python's own functions know nothing
        import ctypes

        acl_and_attributes = 1 << 0 | 1 << 2
        ctypes.CDLL(None).copyfile(os.fsencode(source), os.fsencode(target), None, acl_and_attributes)
    now = time.time_ns()
    os.utime(target, ns=(status.st_atime_ns, now if mtime_ns is None else mtime_ns))
    return owned


def sync_folder(folder: Path) -> None:
    """Let a change of a folder's names reach the disk, where the system can do that."""
    if sys.platform == "win32":
        return
    with contextlib.suppress(OSError):  # some network shares refuse it
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _patiently(source: Path, target: Path) -> None:
    """Rename; on Windows, try again for a while when another program holds one of both."""
    end = time.monotonic() + (_PATIENCE_SECONDS if sys.platform == "win32" else 0)
    while True:
        try:
            os.replace(source, target)  # noqa: PTH105 - the one call that everything here depends on, by its name
            return
        except PermissionError:
            if time.monotonic() >= end:
                raise
            time.sleep(0.1)
