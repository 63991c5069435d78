"""The file that is to be rewritten: what it was when it was looked at, whether it may be, and what it shall keep."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import stat
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from zhanr.errors import TagError
from zhanr.files import read_failure


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
            raise TagError(path, read_failure(error)) from error
        if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
            raise TagError(path, "another program is changing it just now")
        return cls(after.st_size, after.st_mtime_ns, digest)

    def agrees(self, status: os.stat_result) -> bool:
        """Whether length and time are still the same."""
        return (status.st_size, status.st_mtime_ns) == (self.size, self.mtime_ns)


def real(path: Path) -> Path:
    """The file behind a path: a symbolic link stays, what it points to is changed."""
    return Path(os.path.realpath(path))


def checked_target(path: Path, *, split_links: bool) -> os.stat_result:
    """The state of a file that may be replaced. Raises `TagError` where it must not be."""
    try:
        status = path.stat()
    except OSError as error:
        raise TagError(path, read_failure(error)) from error
    if not stat.S_ISREG(status.st_mode):
        raise TagError(path, "this is a folder or a device, not a file")
    if not status.st_mode & 0o222 or not os.access(path, os.W_OK):
        raise TagError(path, "it is write-protected")
    if not os.access(path.parent, os.W_OK):
        raise TagError(path, "writing to its folder is not permitted")
    if status.st_nlink > 1 and not split_links:
        raise TagError(path, f"it is one file under {status.st_nlink} names (hard links), which writing would part")
    return status


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
