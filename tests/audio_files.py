"""Music files made at test time with PyAV and NumPy, whole and broken, so that no binary file is committed."""

from __future__ import annotations

import io
import struct
import tempfile
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.audio.stream import AudioStream
from av.stream import Disposition
from numpy.typing import NDArray

Samples = NDArray[np.float32]


@dataclass(frozen=True)
class Format:
    """One way to store music: a suffix, FFmpeg's names for container and codec, and what to expect back."""

    suffix: str
    container: str
    codec: str
    lossless: bool = False
    rate: int = 44100
    options: dict[str, str] = field(default_factory=dict)
    sample_format: str | None = None  # where the encoder's first choice is not the one that is meant


FORMATS: dict[str, Format] = {
    "wav-u8": Format("wav", "wav", "pcm_u8", lossless=True),
    "wav-s16": Format("wav", "wav", "pcm_s16le", lossless=True),
    "wav-s24": Format("wav", "wav", "pcm_s24le", lossless=True),
    "wav-s32": Format("wav", "wav", "pcm_s32le", lossless=True),
    "wav-f32": Format("wav", "wav", "pcm_f32le", lossless=True),
    "wav-f64": Format("wav", "wav", "pcm_f64le", lossless=True),
    "wav-mulaw": Format("wav", "wav", "pcm_mulaw"),
    "w64": Format("w64", "w64", "pcm_s16le", lossless=True),
    "aiff": Format("aiff", "aiff", "pcm_s16be", lossless=True),
    "au": Format("au", "au", "pcm_s16be", lossless=True),
    "caf": Format("caf", "caf", "pcm_s16be", lossless=True),
    "flac": Format("flac", "flac", "flac", lossless=True),
    "alac": Format("m4a", "ipod", "alac", lossless=True),
    "wavpack": Format("wv", "wv", "wavpack", lossless=True),
    "tta": Format("tta", "tta", "tta", lossless=True, sample_format="s16"),
    "mka-flac": Format("mka", "matroska", "flac", lossless=True),
    "mp3": Format("mp3", "mp3", "libmp3lame"),
    "mp3-no-header": Format("mp3", "mp3", "libmp3lame", options={"write_xing": "0"}),
    "mp2": Format("mp2", "mp2", "mp2"),
    "vorbis": Format("ogg", "ogg", "vorbis", options={"strict": "experimental"}),
    "opus": Format("opus", "opus", "libopus", rate=48000),
    "ogg-flac": Format("oga", "ogg", "flac", lossless=True),
    "aac": Format("m4a", "ipod", "aac"),
    "aac-faststart": Format("m4a", "ipod", "aac", options={"movflags": "faststart"}),
    "aac-fragmented": Format("mp4", "mp4", "aac", options={"movflags": "frag_keyframe+empty_moov"}),
    "adts": Format("aac", "adts", "aac"),
    "wma": Format("wma", "asf", "wmav2"),
    "webm": Format("webm", "webm", "libopus", rate=48000),
    "ac3": Format("ac3", "ac3", "ac3"),
}


def music(seconds: float, rate: int = 44100, channels: int = 2, loudness: float = 0.5) -> Samples:
    """A chord that changes every quarter of a second, so that every moment can be told from its neighbours.

    Returns (n, channels); the channels are the same, so that their mean is any one of them.
    """
    t = np.arange(round(seconds * rate)) / rate
    step = np.floor(t * 4)
    cycles = 17 * (np.floor(step / 13) * 78 + (step % 13) * (step % 13 - 1) / 2 + (step % 13) * (t * 4 - step)) / 4
    y = sum(np.sin(2 * np.pi * k * (220 * t + cycles)) / k for k in (1, 2, 3))
    y = y * (0.6 + 0.4 * np.sin(2 * np.pi * 0.7 * t)) * loudness / 1.9
    return np.repeat(y[:, None], channels, axis=1).astype(np.float32)


def encode(
    y: Samples,
    fmt: Format,
    *,
    layout: str | None = None,
    options: dict[str, str] | None = None,
    metadata: dict[str, str] | None = None,
) -> bytes:
    """The samples (n, channels) as the bytes of a file."""
    merged = {**fmt.options, **(options or {})}
    with (
        tempfile.TemporaryDirectory() as folder,  # "faststart" opens the file a second time, by its name
        av.open(f"{folder}/music", "w", format=fmt.container, container_options=merged) as container,
    ):
        container.metadata.update(metadata or {})
        layout = layout or {1: "mono", 2: "stereo", 6: "5.1"}[y.shape[1]]
        stream = cast(AudioStream, container.add_stream(fmt.codec, fmt.rate, options=merged, layout=layout))
        if fmt.sample_format:
            stream.format = fmt.sample_format
        if fmt.codec in ("libmp3lame", "aac", "wmav2", "mp2", "ac3"):
            stream.bit_rate = 192_000
        for frame in frames(y, fmt.rate, layout):
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        container.close()
        return Path(folder, "music").read_bytes()


def frames(y: Samples, rate: int, layout: str, size: int = 4410) -> list[av.AudioFrame]:
    made = []
    for at in range(0, len(y), size):
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(y[at : at + size].T), format="fltp", layout=layout)
        frame.sample_rate, frame.pts, frame.time_base = rate, at, Fraction(1, rate)
        made.append(frame)
    return made


@lru_cache(maxsize=128)
def example(name: str, seconds: float = 4.0) -> bytes:
    """A whole stereo file in one of `FORMATS`."""
    fmt = FORMATS[name]
    return encode(music(seconds, fmt.rate), fmt)


def flipped(data: bytes, n: int = 30, seed: int = 0) -> bytes:
    """The file with `n` random bytes changed in its middle third."""
    rng = np.random.default_rng(seed)
    broken = bytearray(data)
    for i in rng.integers(len(data) // 3, 2 * len(data) // 3, n):
        broken[i] ^= int(rng.integers(1, 256))
    return bytes(broken)


def remix(*tracks: tuple[Samples, bool], container: str = "matroska", codec: str = "flac", film: bool = False) -> bytes:
    """A file of several audio streams, each (samples (n, 1), whether it is the default), after a video or not."""
    out = io.BytesIO()
    with av.open(out, "w", format=container) as file:
        picture = file.add_stream("mpeg4", 10) if film else None
        if picture is not None:
            picture.width, picture.height, picture.pix_fmt = 64, 64, "yuv420p"
        streams = [file.add_stream(codec, 44100, layout="mono") for _ in tracks]
        for stream, (_, default) in zip(streams, tracks, strict=True):
            stream.disposition = Disposition.default if default else Disposition(0)
        if picture is not None:
            for _ in range(20):
                file.mux(picture.encode(av.VideoFrame(64, 64, "yuv420p")))
            file.mux(picture.encode(None))
        for stream, (y, _) in zip(streams, tracks, strict=True):
            for frame in [*frames(y, 44100, "mono"), None]:
                file.mux(cast(AudioStream, stream).encode(frame))
    return out.getvalue()


class LongWav(io.RawIOBase):
    """A wav file of any length (8 kHz, mono, 8 bits) that exists only while it is read; counts the bytes that were."""

    def __init__(self, seconds: int) -> None:
        n = seconds * 8000
        form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, 8000, 8000, 1, 8)
        self._head = struct.pack("<4sI4s", b"RIFF", 36 + n, b"WAVE") + form + struct.pack("<4sI", b"data", n)
        self._second = (128 + 100 * np.sin(2 * np.pi * 440 * np.arange(8000) / 8000)).astype(np.uint8).tobytes()
        self._size, self._at, self.n_read = len(self._head) + n, 0, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = offset + (0, self._at, self._size)[whence]
        return self._at

    def read(self, n: int = -1) -> bytes:
        n = self._size - self._at if n < 0 else min(n, self._size - self._at)
        head = self._head[self._at : self._at + n]
        phase = (self._at + len(head) - len(self._head)) % 8000
        rest = n - len(head)
        body = (self._second * (rest // 8000 + 2))[phase : phase + rest]
        self._at, self.n_read = self._at + n, self.n_read + n
        return head + body
