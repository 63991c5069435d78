"""Uploads that stay for a while, so that the page that sent them can play and explain them."""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass

from zhanr.app.problems import Unread
from zhanr.app.settings import Settings
from zhanr.app.uploads import Upload


@dataclass
class _Entry:
    upload: Upload
    used: float
    answered: bool = False


class UploadStore:
    """The uploads of the pages by an id that can't be guessed, the one that was not used for longest first.

    They go when told to, when nobody used them for `keep_seconds`, and where room is needed for others: then those
    first whose answer the page has already.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._lock = threading.RLock()  # the event loop, and the thread that cleans up

    def add(self, upload: Upload, *, answered: bool = False) -> str:
        """Keep an upload, and give its id. Raises `Unread` where those that nobody has an answer for are too much."""
        with self._lock:
            self.remove_old()
            self._make_room(upload.size)
            if self.size + upload.size > self._settings.kept_bytes:
                upload.remove()
                raise Unread(507, "too much has been uploaded lately; please try later", kind="disk")
            number = secrets.token_urlsafe(16)
            self._entries[number] = _Entry(upload, time.monotonic(), answered)
            return number

    def get(self, number: str) -> Upload | None:
        """The upload of an id, if it is still there; it counts as used now."""
        with self._lock:
            entry = self._entries.get(number)
            if entry is None:
                return None
            entry.used = time.monotonic()
            self._entries.move_to_end(number)
            return entry.upload

    def answered(self, number: str) -> None:
        """Note that the page has the answer, and needs the sound only to play and explain it."""
        with self._lock:
            if entry := self._entries.get(number):
                entry.answered = True

    def remove(self, number: str) -> None:
        """Delete an upload; one that is gone is no error."""
        with self._lock:
            if entry := self._entries.pop(number, None):
                entry.upload.remove()

    def remove_old(self) -> None:
        """Delete what was not used for long enough."""
        limit = time.monotonic() - self._settings.keep_seconds
        with self._lock:
            for number in [number for number, entry in self._entries.items() if entry.used < limit]:
                self.remove(number)

    def _make_room(self, size: int) -> None:
        for number in [number for number, entry in self._entries.items() if entry.answered]:
            if self.size + size <= self._settings.kept_bytes:
                return
            self.remove(number)

    @property
    def size(self) -> int:
        """The bytes that they take."""
        return sum(entry.upload.size for entry in self._entries.values())
