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
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from zhanr.errors import FileError
from zhanr.files import locked, write_failure


class TemporaryFolder:
    """The folder, from `__enter__` to `__exit__`; others that were left behind are removed on the way in."""

    def __init__(self, base: Path | None = None) -> None:
        self.base = base or default_base()
        self._lock = ExitStack()

    def __enter__(self) -> Self:
        """Make the folder. Raises `FileError`."""
        try:
            self.base.mkdir(mode=0o700, parents=True, exist_ok=True)
            _check_private(self.base)
            self._sweep()
            self.path = self._lock.enter_context(_own_folder(self.base))
        except OSError as error:
            raise FileError(self.base, f"uploads can't be stored there: {write_failure(error)}") from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove the folder with all that is in it."""
        self._lock.close()

    def _sweep(self) -> None:
        """Remove the folders whose processes have gone."""
        for path in self.base.glob("*.lock"):
            with suppress(OSError), locked(path) as abandoned:
                if abandoned:
                    _remove(path)


@contextmanager
def _own_folder(base: Path) -> Iterator[Path]:
    """A new folder, locked until it is removed."""
    while True:
        lock_path = base / f"{secrets.token_hex(8)}.lock"
        with locked(lock_path) as held:
            if not held:  # another process has found the new file before it was locked
                continue
            folder = lock_path.with_suffix("")
            folder.mkdir(mode=0o700)
            try:
                yield folder
            finally:
                _remove(lock_path)
            return


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


def _remove(lock_path: Path) -> None:
    """Remove a folder and the file of its lock, which is held."""
    shutil.rmtree(lock_path.with_suffix(""), ignore_errors=True)
    with suppress(OSError):  # an open file can't be removed on Windows; the next start does
        lock_path.unlink(missing_ok=True)
