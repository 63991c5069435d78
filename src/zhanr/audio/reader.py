"""Reading a piece of music block by block, and judging at its end whether it was one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import av
import numpy as np

from zhanr.audio.bounds import UNBOUNDED, Bounds
from zhanr.audio.container import AudioInfo, Container
from zhanr.audio.health import DecodeHealth
from zhanr.audio.signal import Mono, Resampler, mix_down
from zhanr.audio.sources import Source, SourceFile
from zhanr.errors import AudioError

MIN_SECONDS = 1.0  # less is no music
SILENCE_PEAK = 1e-4  # -80 dB: below the last bit but one of 16-bit sound
_ABSURD_PEAK = 1e6  # some files hold floats in the range of 16-bit integers; more than that is no sound
_LOSSY_PEAK = 8.0  # what a decoder gives for an undamaged packet stays well below
_RATES = range(1_000, 1_000_001)  # Hz that are believed
_LOAD_BLOCK = 1 << 18  # samples


@dataclass(frozen=True, eq=False)
class Audio:
    """A piece of music in memory: `samples` (n,) float32 mono, full scale -1..1."""

    samples: Mono
    sample_rate: int
    warnings: tuple[str, ...] = ()

    @property
    def duration(self) -> float:
        """The length in seconds."""
        return len(self.samples) / self.sample_rate


def probe(source: Source) -> AudioInfo:
    """Say what a file holds without decoding it. A file that can't be opened is an `AudioError`."""
    file = SourceFile(source)
    try:
        container = Container(file)
        container.close()
        return container.info
    finally:
        file.close()


def load(source: Source, *, sample_rate: int, start: float = 0.0, duration: float | None = None) -> Audio:
    """Read a piece of music at once; the arguments and errors are those of `AudioReader`."""
    with AudioReader(source, sample_rate=sample_rate, start=start, duration=duration) as reader:
        samples = np.concatenate(list(reader.blocks(_LOAD_BLOCK)))
        return Audio(samples, sample_rate, tuple(reader.warnings))


class AudioReader:
    """Reads a piece of music in blocks, in memory that doesn't grow with its length.

    Parameters
    ----------
    source : path, bytes or binary file object
    sample_rate : samples a second of what comes out, in hertz
    start : where to begin, in seconds; reached by seeking, so a late start costs nothing
    duration : how many seconds to read; `None` for all
    bounds : what is refused, for files that come from strangers

    Raises
    ------
    AudioError
        On opening: no such file, empty, not music, no sound in it, encrypted, out of `bounds`. While reading:
        encrypted, values that are no numbers, out of `bounds`. At the end of `blocks`: nothing decoded, silent (peak
        below 1e-4 after the down-mix), shorter than `MIN_SECONDS` (or than `duration`, if that is less). A file that
        is cut off or damaged and still holds music is no error: `warnings` says so at the end.
    """

    def __init__(
        self,
        source: Source,
        *,
        sample_rate: int,
        start: float = 0.0,
        duration: float | None = None,
        bounds: Bounds = UNBOUNDED,
    ) -> None:
        if sample_rate <= 0 or not 0 <= start < np.inf or (duration is not None and not duration > 0):
            raise ValueError(f"out of range: {sample_rate=}, {start=}, {duration=}")
        self.sample_rate = sample_rate
        self.warnings: list[str] = []
        self._start, self._duration = round(start * sample_rate) / sample_rate, duration  # a sample of the whole
        self._n, self._peak, self._health = 0, 0.0, DecodeHealth()
        self._begun = False
        self._bounds = bounds
        self._file = SourceFile(source)
        self.label = self._file.label
        try:
            self._container = Container(self._file)
        except AudioError:
            self._file.close()
            raise
        self.info = self._container.info
        try:
            bounds.check(self.label, self.info.channels, self.info.sample_rate, self._container.exact_duration or 0.0)
        except AudioError:
            self.close()
            raise

    def __enter__(self) -> Self:
        """Return the reader itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        self.close()

    def close(self) -> None:
        """Close the file (not a file object of the caller's)."""
        self._container.close()
        self._file.close()

    @property
    def seconds(self) -> float:
        """How much was read so far."""
        return self._n / self.sample_rate

    def blocks(self, n_samples: int) -> Iterator[Mono]:
        """Yield (n_samples,) float32 arrays, the last one shorter; once per reader. The errors: see the class."""
        if n_samples <= 0:
            raise ValueError(f"n_samples must be positive, got {n_samples}")
        if self._begun:
            raise RuntimeError("blocks() reads the file once; open another AudioReader")
        self._begun = True
        block, filled = np.empty(n_samples, np.float32), 0
        for piece in self._pieces():
            while len(piece):
                taken = min(len(piece), n_samples - filled)
                block[filled : filled + taken] = piece[:taken]
                piece, filled = piece[taken:], filled + taken
                if filled == n_samples:
                    yield block
                    block, filled = np.empty(n_samples, np.float32), 0
        if filled:
            yield block[:filled]
        self._judge()

    def _pieces(self) -> Iterator[Mono]:
        """The piece at the wanted rate, in pieces of any length, cut to the wanted duration."""
        limit = np.inf if self._duration is None else round(self._duration * self.sample_rate)
        for piece in self._resampled():
            piece = piece[: int(min(len(piece), limit - self._n))]
            self._n += len(piece)
            self._bounds.check_seconds(self.label, self.seconds)
            self._peak = max(self._peak, self._peak_of(piece))
            yield piece
            if self._n >= limit:
                break
        about = self._container
        self.warnings += self._health.warnings(
            at_end=self._n < limit, total=about.exact_duration, cut_off=about.cut_off
        )

    def _peak_of(self, piece: Mono) -> float:
        peak = float(np.abs(piece).max(initial=0))
        if not peak < _ABSURD_PEAK:  # also true of NaN, which resampling doesn't hide
            raise AudioError(self.label, "the file holds values that are no sound (not a number, or infinite)")
        return peak

    def _resampled(self) -> Iterator[Mono]:
        resampler = Resampler(self.sample_rate)
        try:
            for mono, rate in self._decoded():
                yield from resampler.push(mono, rate)
            yield from resampler.flush()
        except av.FFmpegError as error:
            raise AudioError(self.label, f"its sound can't be converted ({error.strerror})") from error

    def _decoded(self) -> Iterator[tuple[Mono, int]]:
        """Mono signal and rate of each frame from exactly the start on."""
        total = self._container.exact_duration
        if total is not None and self._start >= total:
            raise AudioError(self.label, self._nothing())
        position, frames = self._container.start_at(self._start)
        self._health.seconds = position
        lossy = not self.info.codec.startswith(("pcm_", "wavpack"))
        drop: int | None = None
        for frame in frames:
            if frame is None:
                self._health.failed()
                continue
            rate = frame.sample_rate
            if rate not in _RATES:
                raise AudioError(self.label, f"it claims an impossible sample rate of {rate} Hz")
            self._bounds.check(self.label, frame.layout.nb_channels, rate)
            if drop is None:
                drop = round((self._start - position) * rate)
            mono = mix_down(frame)
            if lossy and not np.abs(mono).max(initial=0) < _LOSSY_PEAK:  # also true of NaN
                self._health.failed()
                continue
            self._health.decoded(frame)
            mono, drop = mono[drop:], max(0, drop - len(mono))
            if len(mono):
                yield mono, rate

    def _judge(self) -> None:
        wanted = MIN_SECONDS if self._duration is None else min(MIN_SECONDS, self._duration)
        if self._n == 0:
            raise AudioError(self.label, self._nothing())
        if self._peak < SILENCE_PEAK:
            raise AudioError(self.label, "there is nothing but silence in it")
        if self.seconds < wanted - 1e-3:
            raise AudioError(
                self.label, f"only {self.seconds:.2f} seconds of sound; at least {wanted:g} are needed to tell a genre"
            )

    def _nothing(self) -> str:
        if self._start > 0 and (self._health.seconds or self._container.exact_duration):
            seconds = self._health.seconds or self._container.exact_duration
            return f"the music ends after {seconds:.1f} seconds, so there is nothing from {self._start:g} seconds on"
        if self._health.failures and not self.info.channels:  # FFmpeg counts up to 512
            return "it has no channels, or more than can be decoded"
        if self._health.failures:
            return "the file is damaged or encrypted: none of its sound could be decoded"
        return "the file holds no sound at all"
