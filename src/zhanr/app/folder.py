"""A private folder for uploads that is gone when its process is, even after a kill: the next start sees to that.

Every process has a folder of its own and holds a lock on a file beside it. The system lets go of the lock when the
process ends, however it ends; a folder whose lock can be had belongs to nobody and is removed.
"""

from __future__ import annotations

import os
import secrets
import shutil
import stat
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from zhanr.errors import FileError


class TemporaryFolder:
    """The folder, from `__enter__` to `__exit__`; others that were left behind are removed on the way in."""

    def __init__(self, base: Path | None = None) -> None:
        self.base = base or default_base()
        self._lock: IO[bytes] | None = None

    def __enter__(self) -> Self:
        """Make the folder. Raises `FileError`."""
        try:
            self.base.mkdir(mode=0o700, parents=True, exist_ok=True)
            _check_private(self.base)
            self._sweep()
            self._lock_path, self._lock = self._take_a_name()
            self.path = self._lock_path.with_suffix("")
            self.path.mkdir(mode=0o700)
        except OSError as error:
            raise FileError(self.base, f"uploads can't be stored there ({error.strerror})") from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove the folder with all that is in it."""
        if self._lock is not None:
            _remove(self._lock_path, self._lock)
            self._lock = None

    def _take_a_name(self) -> tuple[Path, IO[bytes]]:
        while True:
            path = self.base / f"{secrets.token_hex(8)}.lock"
            file = path.open("xb")
            # another process may have found the new file before it was locked, and have removed it
            if _try_lock(file) and path.exists() and os.path.samestat(path.stat(), os.fstat(file.fileno())):
                return path, file
            file.close()

    def _sweep(self) -> None:
        for path in self.base.glob("*.lock"):
            try:
                file = path.open("r+b")
            except OSError:  # just removed by another process
                continue
            if _try_lock(file):
                _remove(path, file)
            else:
                file.close()


def default_base() -> Path:
    """Where the folders of one user lie."""
    user = str(os.getuid()) if sys.platform != "win32" else os.environ.get("USERNAME", "user")
    return Path(tempfile.gettempdir()) / f"zhanr-{user}"


def _check_private(base: Path) -> None:
    """Refuse a folder that another user has put there to read along."""
    if sys.platform == "win32":  # the temporary folder itself is private there
        return
    status = base.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise FileError(base, "this folder must be yours and closed to others; please remove it")


def _remove(lock_path: Path, lock: IO[bytes]) -> None:
    """Remove a folder and then its lock, which is held."""
    shutil.rmtree(lock_path.with_suffix(""), ignore_errors=True)
    if sys.platform == "win32":  # an open file can't be removed there
        lock.close()
    lock_path.unlink(missing_ok=True)
    lock.close()


def _try_lock(file: IO[bytes]) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
