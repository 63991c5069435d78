"""Uploads that stay for a while, so that the page that sent them can play them."""

from __future__ import annotations

import secrets
import time

from zhanr.app.problems import Unread
from zhanr.app.settings import Settings
from zhanr.app.uploads import Upload


class Kept:
    """The uploads of the pages by an id that can't be guessed; they go when told to, or after `keep_seconds`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._uploads: dict[str, tuple[float, Upload]] = {}

    def add(self, upload: Upload) -> str:
        """Keep an upload, and give its id. Raises `Unread` where all of them together are too much."""
        self.remove_old()
        if self.size + upload.size > self._settings.kept_bytes:
            upload.remove()
            raise Unread(507, "too much has been uploaded lately; please close songs or try later", kind="disk")
        number = secrets.token_urlsafe(16)
        self._uploads[number] = (time.monotonic(), upload)
        return number

    def get(self, number: str) -> Upload | None:
        """The upload of an id, if it is still there."""
        found = self._uploads.get(number)
        return found[1] if found else None

    def remove(self, number: str) -> None:
        """Delete an upload; one that is gone is no error."""
        if found := self._uploads.pop(number, None):
            found[1].remove()

    def remove_old(self) -> None:
        """Delete what has been kept long enough."""
        limit = time.monotonic() - self._settings.keep_seconds
        for number in [n for n, (since, _) in self._uploads.items() if since < limit]:
            self.remove(number)

    @property
    def size(self) -> int:
        """The bytes that they take."""
        return sum(upload.size for _, upload in self._uploads.values())
