"""How much sound is accepted from a file that a stranger has sent."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from zhanr.errors import AudioError


@dataclass(frozen=True)
class Bounds:
    """The most that a file may hold. What it states is believed where it is too much; what is decoded is counted."""

    seconds: float = inf
    channels: float = inf
    sample_rate: float = inf

    def check(self, label: str, channels: int, sample_rate: int, seconds: float = 0.0) -> None:
        """Raise `AudioError` if it is too much."""
        if channels > self.channels:
            raise AudioError(label, f"it has {channels} channels; at most {self.channels:g} are accepted here")
        if sample_rate > self.sample_rate:
            raise AudioError(
                label, f"it has a sample rate of {sample_rate} Hz; at most {self.sample_rate:g} Hz are accepted here"
            )
        self.check_seconds(label, seconds)

    def check_seconds(self, label: str, seconds: float) -> None:
        """Raise `AudioError` if it is too long."""
        if seconds > self.seconds:
            raise AudioError(label, f"it is longer than {self.seconds / 60:g} minutes, the most that is accepted here")


UNBOUNDED = Bounds()
