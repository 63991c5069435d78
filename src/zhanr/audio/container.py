"""FFmpeg's view of one file: what is in it, and its sound frame by frame, from any moment on."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any, cast
from uuid import UUID

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Stream

from zhanr.audio.sources import SourceFile
from zhanr.errors import AudioError
from zhanr.files import read_failure

PREROLL_SECONDS = 1.0  # what is decoded and dropped before a wanted start: Opus needs 0.11 s, an mp3 0.05 s

# Self-contained files that hold music. Absent on purpose: lists that point to other files or to the network (hls,
# dash, concat, sdp), pictures, and raw samples, as which FFmpeg would take any text or random bytes.
_DEMUXERS = (
    "aa,aac,aax,ac3,aiff,amr,ape,asf,asf_o,au,avi,avr,bonk,caf,dsf,dts,dtshd,eac3,flac,flv,iff,ircam,loas,"
    "matroska,mlp,mov,mp3,mpc,mpc8,mpeg,mpegts,mxf,nistsphere,nut,ogg,oma,osq,paf,pvf,qoa,rka,rm,shn,sox,tak,"
    "truehd,tta,voc,w64,wav,wavarc,wsd,wtv,wv,xwma"
)
_OPTIONS = {"format_whitelist": _DEMUXERS, "protocol_whitelist": "none"}

# Formats that state their own length; for the others FFmpeg guesses it from the bit rate.
_EXACT_LENGTH = frozenset(
    {
        "wav",
        "w64",
        "aiff",
        "au",
        "caf",
        "flac",
        "mov",
        "matroska",
        "wv",
        "tta",
        "ogg",
        "asf",
        "ape",
        "tak",
        "dsf",
        "mp3",
    }
)
_ENCRYPTED_TAGS = frozenset({"drms", "enca", "aavd"})  # iTunes, Common Encryption, Audible
# Objects of WMA: header, properties, encryption, extended encryption (Advanced Systems Format specification, 10)
_ASF_HEADER = UUID("75B22630-668E-11CF-A6D9-00AA0062CE6C").bytes_le
_ASF_PROPERTIES = UUID("8CABDCA1-A947-11CF-8EE4-00C00C205365").bytes_le
_ENCRYPTED_ASF = (
    UUID("2211B3FB-BD23-11D2-B4B7-00A0C955FC6E").bytes_le,
    UUID("298AE614-2622-4C17-B935-DAE07EE9289C").bytes_le,
)
_PLAYLIST_HEADS = (b"#EXTM3U", b"[playlist]", b"ffconcat", b"<asx", b"<ASX", b"<?wpl", b"<smil")
_MAX_DEMUX_ERRORS = 20  # damaged places in a row, after which a file is given up
_STREAMED_WAV = 0x7FFFF000  # programs that write into a pipe state this size or more, for they don't know it
ENCRYPTED = "the file is encrypted (copy-protected), so its music can't be read"


@dataclass(frozen=True)
class AudioInfo:
    """What a file says about its sound. `duration` is in seconds, `None` if unknown, a guess for raw streams."""

    duration: float | None
    sample_rate: int
    channels: int
    codec: str
    container: str


class Container:
    """An open file and its chosen stream. Every error is an `AudioError`; `close` it after use."""

    def __init__(self, source: SourceFile) -> None:
        self.source = source
        self._last_packet_short = False
        self._open()

    def _open(self) -> None:
        if self.source.head.startswith(_ASF_HEADER) and any(mark in self.source.head for mark in _ENCRYPTED_ASF):
            raise AudioError(self.source.label, ENCRYPTED)
        try:
            self.source.seek(0)
            self._av = av.open(self.source, "r", container_options=dict(_OPTIONS), metadata_errors="replace")
            self.stream = choose_stream(self._av, self.source.label)
            self.stream.codec_context.thread_count = 1  # one file never takes all cores
            self.info = self._describe()
            tag = self.stream.codec_context.codec_tag  # PyAV can't read a damaged one: a UnicodeDecodeError
        except (av.FFmpegError, OSError, ValueError) as error:
            raise AudioError(self.source.label, self._refusal(error)) from error
        if tag in _ENCRYPTED_TAGS:
            raise AudioError(self.source.label, ENCRYPTED)

    def close(self) -> None:
        """Let go of FFmpeg's memory; the source stays open."""
        self._av.close()

    def _describe(self) -> AudioInfo:
        stream, context = self.stream, self.stream.codec_context
        duration = None
        if stream.duration and stream.time_base:
            duration = float(stream.duration * stream.time_base)
        elif self._av.duration and not any(s.type == "video" for s in self._av.streams):
            duration = self._av.duration / av.time_base
        return AudioInfo(duration, context.sample_rate, context.channels, context.name, self._av.format.name)

    @property
    def exact_duration(self) -> float | None:
        """The duration in seconds where the file states it, `None` where it is unknown or FFmpeg's guess."""
        name = self.info.container.split(",")[0]
        if name not in _EXACT_LENGTH or not self.info.duration:
            return None
        if name == "mp3" and not any(mark in self.source.head[:4096] for mark in (b"Xing", b"Info", b"VBRI")):
            return None
        return _stated_in_header(self.source, self.stream.codec_context.bit_rate) or self.info.duration

    @property
    def cut_off(self) -> bool:
        """After the last frame: whether the format shows that the file lacks its end, without saying how much.

        In Ogg the last page is incomplete or isn't marked as the last one; in CAF and W64 the last packet is short.
        """
        if self.info.container in ("caf", "w64"):
            return self._last_packet_short
        if self.info.container != "ogg":
            return False
        tail = self.source.tail()
        page = tail[max(0, tail.rfind(b"OggS")) :]  # RFC 3533, 6: flags at 5, the number of segments at 26, their sizes
        return len(page) < 27 or not page[5] & 4 or len(page) < 27 + page[26] + sum(page[27 : 27 + page[26]])

    def _refusal(self, error: Exception) -> str:
        """Why FFmpeg would not open the file, as far as its first bytes tell."""
        head = self.source.head
        if isinstance(error, UnicodeDecodeError):
            return "the file is damaged: it does not say how its sound is stored"
        if not isinstance(error, av.FFmpegError):
            return read_failure(error)
        if head.lstrip(b"\xef\xbb\xbf \r\n").startswith(_PLAYLIST_HEADS):
            return "this is a playlist (a list of other files), not a recording"
        if head[4:8] == b"ftyp":
            return "the file is incomplete or damaged: the part that says where its music lies is missing"
        return "this is not a music file, or it is damaged from its beginning on"

    def streams(self, *, sound_only: bool) -> tuple[Stream, ...]:
        """All audio streams of the file, or all streams of whatever kind."""
        return tuple(self._av.streams.audio if sound_only else self._av.streams)

    def packets(self, *streams: Stream) -> Iterator[av.Packet[Any] | None]:
        """Yield the packets of some streams from here on, and `None` once for each row of damaged places."""
        failures = 0
        packets = self._av.demux(*streams)
        while failures < _MAX_DEMUX_ERRORS:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except av.FFmpegError:  # ahead of the next clause, for some are ValueErrors or OSErrors as well
                failures += 1
                packets = self._av.demux(*streams)
                if failures == 1:  # the rest of a row comes from the same damage
                    yield None
                continue
            except (OSError, ValueError) as error:  # from the disk or the caller's file object
                raise AudioError(self.source.label, read_failure(error)) from error
            failures = 0
            yield packet

    def frames(self) -> Iterator[av.AudioFrame | None]:
        """Yield the decoded frames from here on, and `None` for each packet that could not be decoded."""
        for packet in self.packets(self.stream):
            if packet is None:
                yield None
                continue
            if packet.has_sidedata("encryption_info"):
                raise AudioError(self.source.label, ENCRYPTED)
            self._last_packet_short = packet.is_corrupt if packet.size else self._last_packet_short
            try:
                yield from cast(list[av.AudioFrame], packet.decode())
            except av.FFmpegError:
                yield None

    def start_at(self, start: float) -> tuple[float, Iterator[av.AudioFrame | None]]:
        """Seek to shortly before `start`: the time of the next frame (never after `start`), and `frames` from there.

        Times are seconds since the first sample that FFmpeg gives for the whole file. Where seeking is impossible or
        lands too late even with ten seconds to spare, everything from the beginning is decoded instead.
        """
        if start > PREROLL_SECONDS:
            first, _ = _first(self.frames())
            for preroll in (PREROLL_SECONDS, 10 * PREROLL_SECONDS):
                if first is None or first.time is None or not self._seek(start - preroll + first.time):
                    break
                frame, rest = _first(self.frames())
                if frame is not None and frame.time is not None and 0 <= frame.time - first.time <= start:
                    return frame.time - first.time, chain([frame], rest)
            self.close()
            self._open()
        return 0.0, self.frames()

    def _seek(self, seconds: float) -> bool:
        if self.stream.time_base is None:
            return False
        try:
            self._av.seek(int(max(0.0, seconds) / self.stream.time_base), stream=self.stream)
        except (av.FFmpegError, OSError, ValueError):
            return False
        return True


def _stated_in_header(source: SourceFile, bit_rate: int | None) -> float | None:
    """The seconds that a cut wav or WMA file held once; FFmpeg replaces them by what is left, or by a guess."""
    head = source.head
    if head.startswith(b"RIFF") and bit_rate:
        stated = int.from_bytes(head[4:8], "little") + 8
        return stated * 8 / bit_rate if source.size < stated < _STREAMED_WAV else None
    at = head.find(_ASF_PROPERTIES) if head.startswith(_ASF_HEADER) else -1
    if at >= 0 and len(head) >= at + 88:
        size, _, _, ticks, _, preroll = struct.unpack_from("<6Q", head, at + 40)
        return ticks / 1e7 - preroll / 1e3 if source.size < size else None
    return None


def _first(
    frames: Iterator[av.AudioFrame | None],
) -> tuple[av.AudioFrame | None, Iterator[av.AudioFrame | None]]:
    """The first frame that can be decoded, and the rest."""
    return next((frame for frame in frames if frame is not None), None), frames


def choose_stream(container: InputContainer, label: str) -> AudioStream:
    """The first audio stream that is marked as default, else the first one; only those that can be decoded count.

    So a film is heard in the language that a player would choose. Covers and videos are not looked at.
    """
    if not container.streams.audio:
        raise AudioError(label, "there is no sound in this file")
    decodable = [s for s in container.streams.audio if s.codec_context is not None]
    if not decodable:
        raise AudioError(label, "its sound is stored in a way that can't be decoded here")
    default = [s for s in decodable if s.disposition & av.stream.Disposition.default]
    return (default or decodable)[0]
