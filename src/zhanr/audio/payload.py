"""The identity of a recording: a hash of its sound as it is stored, which no change of tags changes."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable

from zhanr.audio.container import Container
from zhanr.audio.sources import Source, SourceFile
from zhanr.errors import AudioError

_CHUNKED = (b"RIFF", b"RF64", b"FORM", b"OggS", b"\x1aE\xdf\xa3")  # these say themselves where their sound ends


def payload_sha256(source: Source, *, sound_only: bool = True) -> str:
    """SHA-256 over the packets of all sound in a file, undecoded: 64 hexadecimal digits.

    Tags, covers, padding and the order of a file's parts don't count, so that a file keeps its hash when it is
    re-tagged, renamed or (for MP4) re-arranged; the smallest change of the sound gives another one. Each audio stream
    is hashed by itself and the hashes are hashed in the order of the streams. Without `sound_only`, so are films,
    subtitles and all else that a file holds. Raises `AudioError`.
    """
    file = _Untagged(source)
    try:
        container = Container(file)
        try:
            streams = container.streams(sound_only=sound_only)
            hashes = {stream.index: hashlib.sha256() for stream in streams}
            for packet in container.packets(*streams):
                if packet is not None and packet.stream_index in hashes:  # a stream may begin in the middle of a file
                    hashes[packet.stream_index].update(packet)
            return hashlib.sha256(b"".join(hashes[i].digest() for i in sorted(hashes))).hexdigest()
        finally:
            container.close()
    except UnicodeDecodeError as error:  # PyAV, of a damaged name of a codec
        raise AudioError(file.label, "the file is damaged: it does not say how its sound is stored") from error
    finally:
        file.close()


class _Untagged(SourceFile):
    """A source seen without the tags before and behind the sound.

    A demuxer of a raw stream (mp3, ADTS, Monkey's Audio) takes a tag at the end for a part of the last packet.
    """

    def _look(self) -> None:
        super()._look()
        self._end = self.size
        if not self.head.startswith(_CHUNKED) and self.head[4:8] != b"ftyp":
            while self._end > self._start and (length := trailing_tag(self._peek)):
                self._end -= length

    def _peek(self, distance: int, n: int) -> bytes:
        """`n` bytes that begin `distance` before the end as known so far; fewer, or none, near the beginning."""
        if self._end - distance < self._start:
            return b""
        self._file.seek(self._end - distance)
        return self._file.read(n)

    def read(self, n: int = -1) -> bytes:
        left = max(0, self._end - self._file.tell())
        return self._file.read(left if n < 0 else min(n, left))

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        if whence == os.SEEK_END:
            return super().seek(self._end - self._start + offset)
        return super().seek(offset, whence)


def trailing_tag(peek: Callable[[int, int], bytes]) -> int:
    """How many bytes the last tag of a file takes: ID3v1, enhanced ID3v1 (`TAG+`), APEv2 or Lyrics3; 0 if none.

    `peek(distance, n)` gives `n` bytes from `distance` bytes before the end on, or nothing where there is no such.
    """
    if peek(128, 3) == b"TAG":
        return 355 if peek(355, 4) == b"TAG+" else 128
    footer = peek(32, 32)
    if footer[:8] == b"APETAGEX":  # its size counts the footer and not the header, which is optional
        length = int.from_bytes(footer[12:16], "little")
        with_header = length + (32 if peek(length + 32, 8) == b"APETAGEX" else 0)
        return with_header if length >= 32 and peek(length, 1) else 0
    if peek(9, 9) == b"LYRICS200":
        digits = peek(15, 6)
        length = int(digits) + 15 if digits.isdigit() else 0
        return length if peek(length, 11) == b"LYRICSBEGIN" else 0
    return 0
