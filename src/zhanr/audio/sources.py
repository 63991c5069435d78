"""A path, bytes or a file object as one thing: an open, seekable binary file with a name for messages.

FFmpeg never sees a name. It would take `http://...`, `concat:...` or a leading dash for something else than a local
file, and it would let a wrong suffix decide what the file is.
"""

from __future__ import annotations

import errno
import io
import os
import stat
import tempfile
from typing import BinaryIO, cast

from zhanr.errors import AudioError
from zhanr.files import read_failure

Source = str | os.PathLike[str] | bytes | BinaryIO
"""What can be read: a path, the bytes of a file, or an open binary file (read from its beginning, left open)."""

_SPOOL_BYTES = 1 << 24  # 16 MB of a stream stay in memory, the rest goes to a temporary file
_PIECE_BYTES = 1 << 20
_MOST_STREAMED = 4 << 30  # what a WAV file can hold; a stream need not have an end, but a disk has
_HEAD_BYTES = 1 << 16  # looked at for what kind of file it is


class SourceFile:
    """An open source, seen from behind its ID3 tag; `close` it after use.

    The tag is skipped because FFmpeg gives up on a file whose tag (a large cover, say) is longer than 1 MB.
    It has `read`, `seek` and `tell`, which is all that PyAV needs, and on purpose no `name`.
    """

    def __init__(self, source: Source) -> None:
        self.label = source_name(source)
        try:
            self._file, self._owned = _open(source, self.label)
        except (OSError, ValueError) as error:
            raise AudioError(self.label, read_failure(error)) from error
        try:
            self._look()
        except (OSError, ValueError) as error:
            self.close()
            raise AudioError(self.label, read_failure(error)) from error
        if self.size == 0:
            self.close()
            raise AudioError(self.label, "the file is empty")

    def _look(self) -> None:
        self.size = self._file.seek(0, os.SEEK_END)
        self._start = _id3_tags(self._file)
        self._file.seek(self._start)
        self.head = self._file.read(_HEAD_BYTES)

    def read(self, n: int = -1) -> bytes:
        """The next bytes."""
        return self._file.read(n)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move, counting from the end of the tag. -1, FFmpeg's word for "no", where there is no such place.

        The numbers of a damaged file lead anywhere. What PyAV is told by an exception, it prints in the end.
        """
        base = {os.SEEK_SET: self._start, os.SEEK_END: self.size}.get(whence)
        target = offset + (self._file.tell() if base is None else base)
        if target < self._start:
            return -1
        return self._file.seek(min(target, self.size)) - self._start  # behind the end there is nothing, near or far

    def tell(self) -> int:
        """The position, counted from the end of the tag."""
        return self._file.tell() - self._start

    def tail(self, n: int = _HEAD_BYTES) -> bytes:
        """The last bytes of the file; the position is left alone."""
        try:
            here = self._file.tell()
            self._file.seek(max(0, self.size - n))
            last = self._file.read(n)
            self._file.seek(here)
        except (OSError, ValueError) as error:
            raise AudioError(self.label, read_failure(error)) from error
        return last

    def close(self) -> None:
        """Close what was opened here; a file object of the caller's stays open."""
        if self._owned:
            self._file.close()


def source_name(source: Source) -> str:
    """How messages call the source."""
    if isinstance(source, str | os.PathLike):
        return os.fspath(source)
    if isinstance(source, bytes):
        return "<bytes>"
    name = getattr(source, "name", None)
    return name if isinstance(name, str) else "<file object>"


def _open(source: Source, label: str) -> tuple[BinaryIO, bool]:
    if isinstance(source, bytes):
        return io.BytesIO(source), True
    if isinstance(source, str | os.PathLike):
        return _open_path(os.fspath(source)), True
    if not hasattr(source, "read"):
        raise TypeError(f"expected a path, bytes or a binary file, got {type(source).__name__}")
    if not isinstance(source.read(0), bytes):
        raise AudioError(label, "the file object gives text; open it in binary mode ('rb')")
    if source.seekable():
        return source, False
    spool = tempfile.SpooledTemporaryFile(max_size=_SPOOL_BYTES)  # noqa: SIM115 - closed by SourceFile.close
    while piece := source.read(_PIECE_BYTES):
        if spool.tell() + len(piece) > _MOST_STREAMED:
            spool.close()
            raise AudioError(label, f"it is a stream of more than {_MOST_STREAMED >> 30} GB")
        spool.write(piece)
    return cast(BinaryIO, spool), True


def _open_path(path: str) -> BinaryIO:
    mode = os.stat(path).st_mode  # noqa: PTH116 - a Path would change the spelling of an odd name
    if stat.S_ISDIR(mode):
        os.scandir(path).close()  # a folder that may not be read says so
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(mode):  # opening a pipe would wait for ever, and a device has no end
        raise OSError("this is a device or a pipe, not a file")
    return open(path, "rb")  # noqa: PTH123 - as above; closed by SourceFile.close


def _id3_tags(file: BinaryIO) -> int:
    """How many bytes of ID3v2 tags stand before the music."""
    start = 0
    while True:
        file.seek(start)
        length = id3_length(file.read(10))
        if not length:
            return start
        start += length


def id3_length(head: bytes) -> int:
    """The length of the ID3v2 tag that begins with these ten bytes, with header, padding and footer; 0 if none does.

    Its size is "syncsafe": seven bits a byte (ID3 specification 2.4, 3.1).
    """
    if len(head) < 10 or head[:3] != b"ID3" or max(head[6:10]) > 0x7F or head[3] == 0xFF:
        return 0
    length = head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]
    return 10 + length + (10 if head[5] & 0x10 else 0)
