"""From the body of a request to a file: streamed to the disk, no larger than allowed, and never under its own name."""

from __future__ import annotations

import asyncio
import secrets
import shutil
import time
import unicodedata
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect, Request

from zhanr.app.problems import Unread
from zhanr.app.settings import Settings
from zhanr.files import write_failure

FRAMING = 1 << 16  # what the parts of a form may take beside the file itself
MAX_NAME = 255
SPARE_BYTES = 256 << 20  # of the disk that is left to others; a temporary folder may lie in memory
WRITE_BYTES = 1 << 18
MIN_RATE = 16_000  # bytes a second: who sends more slowly, after a first while, blocks a place
FIELD = "file"
_NO_SOUND = ("text/", "application/json", "application/x-www-form-urlencoded", "application/xml", "image/")


@dataclass(frozen=True)
class Upload:
    """A file that a client has sent: where it lies, and what it was called there (a label, never a path)."""

    path: Path
    name: str
    size: int

    def remove(self) -> None:
        """Delete the file."""
        self.path.unlink(missing_ok=True)


async def receive(request: Request, folder: Path, settings: Settings) -> Upload:
    """Write the file of a request, multipart (field `file`) or the raw body, into `folder`.

    The name of a raw body comes from the query's `name`. Raises `Unread`; nothing stays on the disk then.
    """
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    multipart = kind == b"multipart/form-data"
    _check_kind(kind.decode("latin-1"))
    _check_length(request, folder, settings.max_bytes + (FRAMING if multipart else 0))
    path = folder / secrets.token_hex(16)
    sink = _Sink(path, settings.max_bytes, request.query_params.get("name", ""))
    try:
        with path.open("xb") as file:
            sink.file = file
            chunks = _chunks(request, settings)
            await (_read_form(chunks, sink, options.get(b"boundary", b"")) if multipart else _read_raw(chunks, sink))
            await sink.flush()
        if not sink.size:
            raise Unread(422, "the file is empty", kind="empty")
    except BaseException as error:
        path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise Unread(507, f"the upload can't be stored: {write_failure(error)}", kind="disk") from error
        raise
    return Upload(path, label(sink.name), sink.size)


def label(name: str) -> str:
    """What a client calls its file, as one printable line without folders; it is shown and nothing else."""
    name = name.encode("utf-8", "replace").decode()
    name = name.replace("\\", "/").rstrip("/").rpartition("/")[2]
    name = "".join(c for c in name if unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Zl", "Zp")).strip()
    return name[:MAX_NAME] or "upload"


def _check_kind(kind: str) -> None:
    if kind.lower().startswith(_NO_SOUND):
        raise Unread(
            415,
            f"send the file as multipart/form-data in the field {FIELD!r}, or as the body itself with a content type "
            f"of audio/* or application/octet-stream, not {kind!r}",
        )


def _check_length(request: Request, folder: Path, most: int) -> None:
    """Refuse what says that it is too large, or what the disk has no room for, before any of it is read."""
    try:
        declared = int(request.headers.get("content-length", most))
    except ValueError:
        raise Unread(400, "the content length is not a number") from None
    if declared > most:
        raise too_large(most)
    if declared > shutil.disk_usage(folder).free - SPARE_BYTES:
        raise Unread(507, "there is no room on the disk for it", kind="disk")


def too_large(most: int) -> Unread:
    """The answer to a file of more bytes than are accepted."""
    return Unread(413, f"at most {most / 1e6:g} MB are accepted", kind="too large")


async def _chunks(request: Request, settings: Settings) -> AsyncIterator[bytes]:
    """The body piece by piece, as long as the client keeps sending at a fair rate."""
    begin, n_bytes = time.monotonic(), 0
    stream = aiter(request.stream())
    while True:
        try:
            chunk = await asyncio.wait_for(anext(stream), settings.stall_seconds)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise Unread(408, "the upload has stopped", kind="slow") from None
        except ClientDisconnect:
            raise Unread(400, "the client has left", kind="disconnected") from None
        n_bytes += len(chunk)
        if n_bytes < MIN_RATE * (time.monotonic() - begin - settings.stall_seconds):
            raise Unread(408, "the upload is too slow", kind="slow")
        if chunk:
            yield chunk


class _Sink:
    """The file that is being written: counts, and writes large pieces in another thread."""

    file: IO[bytes]

    def __init__(self, path: Path, most: int, name: str) -> None:
        self.path, self.most, self.name = path, most, name
        self.size = 0
        self._buffer = bytearray()

    def add(self, data: bytes) -> None:
        self.size += len(data)
        if self.size > self.most:
            raise too_large(self.most)
        self._buffer += data

    async def flush(self, at_least: int = 1) -> None:
        if len(self._buffer) >= at_least:
            data, self._buffer = self._buffer, bytearray()
            await asyncio.to_thread(self.file.write, data)


async def _read_raw(chunks: AsyncIterator[bytes], sink: _Sink) -> None:
    async for chunk in chunks:
        sink.add(chunk)
        await sink.flush(WRITE_BYTES)


async def _read_form(chunks: AsyncIterator[bytes], sink: _Sink, boundary: bytes) -> None:
    form = _Form(sink)
    try:
        parser = MultipartParser(boundary, form.callbacks())  # type: ignore[arg-type]
        async for chunk in chunks:
            parser.write(chunk)
            await sink.flush(WRITE_BYTES)
        parser.finalize()
    except (FormParserError, ValueError) as error:
        raise Unread(400, f"the form is broken ({error})") from error
    if form.n_files != 1 or not form.ended:
        raise Unread(400 if form.n_files else 422, form.complaint())


class _Form:
    """Listens to the parser of a form, and passes the one part that is the file on to the sink."""

    def __init__(self, sink: _Sink) -> None:
        self.sink = sink
        self.n_files = self.n_other = 0
        self.ended = False
        self._field = self._value = b""
        self._headers: dict[bytes, bytes] = {}
        self._is_file = False

    def callbacks(self) -> dict[str, object]:
        names = ("part_begin", "header_field", "header_value", "header_end", "headers_finished", "part_data", "end")
        return {f"on_{name}": getattr(self, name) for name in names}

    def part_begin(self) -> None:
        self._headers = {}

    def header_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def header_end(self) -> None:
        self._headers[self._field.lower()] = self._value
        self._field = self._value = b""

    def headers_finished(self) -> None:
        kind, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        self._is_file = kind == b"form-data" and options.get(b"name") == FIELD.encode()
        self.n_files += self._is_file
        if self.n_files > 1:
            raise Unread(400, "send one file at a time")
        if self._is_file:
            self.sink.name = options.get(b"filename", b"").decode("utf-8", "replace")

    def part_data(self, data: bytes, start: int, end: int) -> None:
        if self._is_file:
            self.sink.add(data[start:end])
            return
        self.n_other += end - start
        if self.n_other > FRAMING:
            raise too_large(FRAMING)

    def end(self) -> None:
        self.ended = True

    def complaint(self) -> str:
        return "the form has no end" if self.n_files else f"the form has no file in its field {FIELD!r}"
